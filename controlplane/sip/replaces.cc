#include "controlplane/sip/replaces.h"

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr auto npos = std::string_view::npos;

// The only value of this header; empty: there is none, or more than one.
std::string_view only_value(const Message& message, HeaderId id) {
  std::string_view out;
  int count = 0;
  for (const Header& line : message.headers()) {
    if (line.id != id) continue;
    out = line.value;
    ++count;
  }
  return count == 1 ? out : std::string_view{};
}

// "Replaces=a%40b%3Bto-tag%3D1&Subject=x" (RFC 3261 §19.1.1). False: broken.
bool read_uri_headers(std::string_view headers, std::optional<Replaces>& out) {
  while (!headers.empty()) {
    const auto end = headers.find('&');
    const std::string_view field = headers.substr(0, end);
    headers = end == npos ? std::string_view{} : headers.substr(end + 1);
    const auto equals = field.find('=');
    const auto name = unescape(field.substr(0, equals));
    if (!name || equals == npos) return false;
    if (!base::iequals(*name, "Replaces")) continue;
    const auto value = unescape(field.substr(equals + 1));
    if (!value || out) return false;
    out = parse_replaces(*value);
    if (!out) return false;
  }
  return true;
}

}  // namespace

std::optional<Replaces> parse_replaces(std::string_view value) {
  std::string_view rest = value;
  Replaces out;
  out.call_id = next_param(rest);
  const auto to = find_param(rest, "to-tag");
  const auto from = find_param(rest, "from-tag");
  if (out.call_id.empty() || !to || !from || !is_token(*to) || !is_token(*from)) {
    return std::nullopt;
  }
  out.to_tag = *to;
  out.from_tag = *from;
  out.early_only = find_param(rest, "early-only").has_value();
  return out;
}

bool read_replaces(const Message& invite, std::optional<Replaces>& out) {
  if (invite.find(HeaderId::kReplaces) == nullptr) return true;
  out = parse_replaces(only_value(invite, HeaderId::kReplaces));
  return out.has_value();
}

std::optional<ReferTarget> read_refer_to(const Message& refer) {
  const auto address = parse_name_addr(only_value(refer, HeaderId::kReferTo));
  if (!address || address->star || address->uri.scheme == Scheme::kOther) return std::nullopt;
  ReferTarget out{std::string(address->uri.user), std::nullopt};
  if (!read_uri_headers(address->uri.headers, out.replaces)) return std::nullopt;
  return out;
}

bool refers_to_other_method(const Message& refer) {
  const auto address = parse_name_addr(only_value(refer, HeaderId::kReferTo));
  if (!address) return false;
  const auto method = find_param(address->uri.params, "method");
  return method && !base::iequals(*method, "INVITE");
}

}  // namespace tandem::sip
