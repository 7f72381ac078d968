// The legacy payload encryption between two switches (docs/MEDIA-ENCRYPTION.md): the payload of an
// RTP packet is changed in place, padding included; header, CSRCs, extension and length stay. The
// same work does it and undoes it. Nothing is authenticated.
//
// A packet needs none but itself: RC4 and AES-128 make a keystream for each, from its SSRC,
// timestamp and sequence number. RTCP is none of this.
//
// Owner: one worker; nothing in run() allocates, locks, throws or calls the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "drivers/base/result.h"
#include "drivers/crypto/aes_ctr.h"
#include "drivers/crypto/ipsec_mb.h"
#include "drivers/crypto/octets.h"
#include "drivers/crypto/payload_mode.h"

namespace tandem::crypto {

// A gateway's key made ready, for all its calls. Wiped in the end.
struct PayloadKey {
  static constexpr std::size_t kPatternMin = 256;
  static constexpr std::size_t kPatternMax = 2 * kPatternMin;

  PayloadMode mode = PayloadMode::kNone;
  std::uint32_t pattern_size = 0;
  union {
    alignas(16) std::array<std::uint8_t, kPatternMax> pattern{};  // XOR: the key over and over
    std::array<std::uint8_t, kAesScheduleMax> schedule;           // AES-128, and what RC4's keys
                                                                  // are made by
  };

  PayloadKey() = default;
  PayloadKey(const PayloadKey&) = default;
  PayloadKey& operator=(const PayloadKey&) = default;
  ~PayloadKey() { wipe(this, sizeof *this); }
};

// The Error says which rule `key` breaks, and nothing of the key.
base::Result<PayloadKey> make_payload_key(const IpsecMb& crypto, PayloadMode mode,
                                          std::string_view key);

struct PayloadJob {
  std::span<std::uint8_t> packet;  // from its RTP header on
  const PayloadKey* key = nullptr;
  bool done = false;  // out; false: not RTP, or shorter than its header says; unchanged then
};

class PayloadCipher {
 public:
  static constexpr std::size_t kMax = 64;  // in one go; run() takes longer bursts in several

  // `crypto` must outlive it, and be used by the same thread.
  explicit PayloadCipher(const IpsecMb& crypto);
  ~PayloadCipher();
  PayloadCipher(PayloadCipher&&) noexcept;
  PayloadCipher& operator=(PayloadCipher&&) noexcept;

  void run(std::span<PayloadJob> jobs);

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace tandem::crypto
