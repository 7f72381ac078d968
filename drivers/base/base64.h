// Base64 with padding (RFC 4648 §4). Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::base {

std::string to_base64(std::span<const std::uint8_t> octets);
// No value: a character that is none of the alphabet, or a length or padding that no encoder makes.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

}  // namespace tandem::base
