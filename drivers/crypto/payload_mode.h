// The legacy payload encryption between two switches: its modes as SS_RTPENCRYPTIONMODE has them,
// and which keys SS_RTPENCRYPTIONKEY may hold. Nothing here needs IPsec-MB.
// docs/MEDIA-ENCRYPTION.md has the wire format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem::crypto {

enum class PayloadMode : std::uint8_t { kNone = 0, kXor = 1, kRc4 = 2, kAes128 = 3 };
inline constexpr std::size_t kPayloadModes = 4;

// For people: what only hides, and withstands nobody who wants to listen, says so.
constexpr std::string_view name_of(PayloadMode mode) {
  constexpr std::array<std::string_view, kPayloadModes> kNames = {"none", "xor (obfuscation)",
                                                                  "rc4 (obfuscation)", "aes128"};
  return kNames[static_cast<std::size_t>(mode)];
}

constexpr std::optional<PayloadMode> payload_mode_of(std::uint64_t number) {
  if (number >= kPayloadModes) return std::nullopt;
  return static_cast<PayloadMode>(number);
}

inline constexpr std::size_t kPayloadKeyMax = 256;
inline constexpr std::size_t kRc4KeyGood = 16;
inline constexpr std::size_t kAes128KeySize = 16;

// A reason with an accepted key is a warning. Neither ever holds a part of the key.
struct PayloadKeyVerdict {
  bool accepted;
  std::string_view reason;
};

constexpr PayloadKeyVerdict check_payload_key(PayloadMode mode, std::string_view key) {
  switch (mode) {
    case PayloadMode::kNone:
      return {true, ""};
    case PayloadMode::kAes128:
      if (key.size() != kAes128KeySize) return {false, "aes128 needs a key of exactly 16 octets"};
      return {true, ""};
    case PayloadMode::kXor:
      if (key.empty()) return {false, "xor needs a key of 1 to 256 octets"};
      if (key.size() > kPayloadKeyMax) return {false, "xor takes a key of at most 256 octets"};
      return {true, ""};
    case PayloadMode::kRc4:
      if (key.empty()) return {false, "rc4 needs a key, of at least 16 octets to be of any use"};
      if (key.size() > kPayloadKeyMax) return {false, "rc4 takes a key of at most 256 octets"};
      if (key.size() < kRc4KeyGood) return {true, "an rc4 key below 16 octets is easily guessed"};
      return {true, ""};
  }
  return {false, "no such mode"};
}

}  // namespace tandem::crypto
