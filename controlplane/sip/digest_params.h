// What challenges and credentials are made of (RFC 3261 §25.1, RFC 7616 §3.3): the scheme, then
// names and values parted by commas. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sip/digest_hash.h"

namespace tandem::sip {

// A name and its value, a token or what stood between quotes (escapes still in it).
struct DigestParam {
  std::string_view name;
  std::string_view value;
};

// What stands behind "Digest". No value: another scheme.
std::optional<std::string_view> digest_params(std::string_view header_value);

// Cuts the next name=value off `rest`, with the comma behind it. No value: broken.
std::optional<DigestParam> next_digest_param(std::string_view& rest);

// Without the backslashes that stand before other characters.
std::string unescape_quoted(std::string_view quoted);

// No value: none of ours.
std::optional<DigestAlgorithm> algorithm_named(std::string_view name);

}  // namespace tandem::sip
