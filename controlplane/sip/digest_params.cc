#include "controlplane/sip/digest_params.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::sip {

std::optional<std::string_view> digest_params(std::string_view header_value) {
  constexpr std::string_view kScheme = "Digest";
  std::string_view rest = base::trim(header_value);
  if (!base::istarts_with(rest, kScheme)) return std::nullopt;
  rest.remove_prefix(kScheme.size());
  if (rest.empty() || !base::is_space(rest.front())) return std::nullopt;
  return base::trim(rest);
}

std::optional<DigestParam> next_digest_param(std::string_view& rest) {
  DigestParam out;
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  out.name = base::trim(rest.substr(0, equals));
  rest = base::trim(rest.substr(equals + 1));
  if (rest.starts_with('"')) {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return std::nullopt;
    out.value = rest.substr(1, end - 1);
    rest = base::trim(rest.substr(end + 1));
    if (!rest.empty() && !rest.starts_with(',')) return std::nullopt;
  } else {
    out.value = base::trim(rest.substr(0, rest.find(',')));
    if (out.value.empty()) return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), rest.find(',')));
  }
  if (rest.starts_with(',')) rest = base::trim(rest.substr(1));
  return out;
}

std::string unescape_quoted(std::string_view quoted) {
  std::string out;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
    out += quoted[i];
  }
  return out;
}

std::optional<DigestAlgorithm> algorithm_named(std::string_view name) {
  for (const auto algorithm : {DigestAlgorithm::kMd5, DigestAlgorithm::kSha256}) {
    if (base::iequals(name, algorithm_name(algorithm))) return algorithm;
  }
  return std::nullopt;
}

}  // namespace tandem::sip
