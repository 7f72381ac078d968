#include "controlplane/sdp/crypto.h"

#include <fmt/format.h>

#include "controlplane/sdp/lines.h"
#include "drivers/base/base64.h"
#include "drivers/crypto/octets.h"

namespace tandem::sdp {
namespace {

constexpr std::uint64_t kTagMost = 999'999'999;  // §9.1: nine digits
// RFC 3711 §9.2, for RTP; whatever is allowed below that, its sender counts.
constexpr unsigned kLifetimeBitsMost = 48;

// "2^20" or "1048576" (§6.1).
bool is_lifetime(std::string_view text) {
  if (text.starts_with("2^")) {
    const auto bits = base::parse_uint(text.substr(2), kLifetimeBitsMost);
    return bits && *bits != 0;
  }
  const auto packets = base::parse_uint(text, std::uint64_t{1} << kLifetimeBitsMost);
  return packets && *packets != 0;
}

// "inline:KEY||SALT|LIFETIME"; false: `why` says what is wrong.
bool read_key(std::string_view text, const crypto::SrtpSuiteFacts& suite, Crypto& out,
              std::string& why) {
  if (text.find(';') != npos) {
    why = "several keys";
    return false;
  }
  if (!text.starts_with("inline:")) {
    why = "the key isn't inline";
    return false;
  }
  text.remove_prefix(std::string_view("inline:").size());
  auto octets = base::from_base64(base::split_first(text, '|'));
  if (!octets || octets->size() != std::size_t{suite.key} + suite.salt) {
    why = fmt::format("the key isn't {} octets in base64", suite.key + suite.salt);
    return false;
  }
  out.key_and_salt = std::move(*octets);
  if (!text.empty() && is_lifetime(text.substr(0, text.find('|')))) base::split_first(text, '|');
  if (text.empty()) return true;
  why = text.find(':') != npos ? "an MKI" : "a lifetime that is none";
  return false;
}

// §6.3. A window's size is advice; ours is 64 packets, the least that may be.
bool speaks_parameter(std::string_view parameter) {
  return parameter == "KDR=0" || parameter.starts_with("WSH=");
}

}  // namespace

std::optional<Crypto> read_crypto(std::string_view value, std::string& why) {
  Crypto out;
  const auto tag = base::parse_uint(next_word(value), kTagMost);
  if (!tag) {
    why = "no tag";
    return std::nullopt;
  }
  out.tag = static_cast<std::uint32_t>(*tag);
  const auto suite = crypto::srtp_suite_named(next_word(value));
  if (!suite) {
    why = "another crypto-suite";
    return std::nullopt;
  }
  out.suite = *suite;
  if (!read_key(next_word(value), crypto::facts_of(*suite), out, why)) return std::nullopt;
  while (!base::trim(value).empty()) {
    const auto parameter = next_word(value);
    if (speaks_parameter(parameter)) continue;
    why = fmt::format("the parameter {}", parameter);
    return std::nullopt;
  }
  return out;
}

std::string write_crypto(const Crypto& crypto) {
  return fmt::format("{} {} inline:{}", crypto.tag, crypto::facts_of(crypto.suite).name,
                     base::to_base64(crypto.key_and_salt));
}

}  // namespace tandem::sdp
