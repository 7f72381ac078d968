// The legacy payload encryption that a gateway is spoken to with. Its key is never shown.
#pragma once

#include <string>

#include "controlplane/config/parameters.h"
#include "drivers/crypto/payload_mode.h"

namespace tandem::config {

struct PayloadSecret {
  crypto::PayloadMode mode = crypto::PayloadMode::kNone;
  std::string key{};

  explicit operator bool() const { return mode != crypto::PayloadMode::kNone; }
  friend bool operator==(const PayloadSecret&, const PayloadSecret&) = default;
};

// SS_RTPENCRYPTIONMODE and SS_RTPENCRYPTIONKEY; without a mode there is no key either.
inline PayloadSecret payload_secret_of(const Parameters& parameters) {
  using Mode = Parameters::RtpEncryptionMode;
  static_assert(static_cast<int>(Mode::none) == static_cast<int>(crypto::PayloadMode::kNone) &&
                static_cast<int>(Mode::xor_) == static_cast<int>(crypto::PayloadMode::kXor) &&
                static_cast<int>(Mode::rc4) == static_cast<int>(crypto::PayloadMode::kRc4) &&
                static_cast<int>(Mode::aes128) == static_cast<int>(crypto::PayloadMode::kAes128));
  const auto mode = static_cast<crypto::PayloadMode>(parameters.SS_RTPENCRYPTIONMODE);
  if (mode == crypto::PayloadMode::kNone) return {};
  return {mode, parameters.SS_RTPENCRYPTIONKEY};
}

// A reason with an accepted one is a warning.
inline crypto::PayloadKeyVerdict check(const PayloadSecret& secret) {
  return crypto::check_payload_key(secret.mode, secret.key);
}

}  // namespace tandem::config
