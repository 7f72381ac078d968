// The keys of one direction of SRTP, from master key and salt to what a burst works with: session
// keys of RTP and RTCP (RFC 3711 §4.3, RFC 6188 §4, RFC 7714 §11; key derivation rate 0), their
// AES schedules, the HMAC's state after its key, GHASH's powers. Prepared once, then only read.
// There is no MKI: whoever negotiates refuses it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "drivers/crypto/aes_ctr.h"
#include "drivers/crypto/ipsec_mb.h"
#include "drivers/crypto/octets.h"
#include "drivers/crypto/srtp_suite.h"

namespace tandem::crypto {

inline constexpr std::size_t kSha1Size = 20;
inline constexpr std::size_t kGcmSaltSize = 12;

// As SDES or DTLS agreed on it. Only the suite's lengths of key and salt count.
struct SrtpMaster {
  SrtpSuite suite = SrtpSuite::kNone;
  std::array<std::uint8_t, kSrtpKeyMax> key{};
  std::array<std::uint8_t, kSrtpSaltMax> salt{};

  ~SrtpMaster() { wipe(this, sizeof *this); }
};

// What the derivation gives for RTP or RTCP. Suites of GCM have no authentication key.
struct SrtpSessionKeys {
  std::array<std::uint8_t, kSrtpKeyMax> cipher{};
  std::array<std::uint8_t, kSha1Size> authentication{};
  std::array<std::uint8_t, kSrtpSaltMax> salt{};

  ~SrtpSessionKeys() { wipe(this, sizeof *this); }
};

// RTP's or RTCP's of a counter mode suite. A packet reads the first 240 octets of it with AES-128
// and 304 with AES-256: 4 or 5 lines.
struct alignas(64) SrtpCmKey {
  std::array<std::uint8_t, kSha1Size> inner;  // SHA-1 after the key and ipad, after opad
  std::array<std::uint8_t, kSha1Size> outer;
  std::array<std::uint8_t, kSrtpSaltMax> salt;
  std::array<std::uint8_t, 10> unused;
  std::array<std::uint8_t, kAesScheduleMax> schedule;
};
static_assert(sizeof(SrtpCmKey) == 320);

struct alignas(64) SrtpGcmKey {
  std::array<std::uint8_t, 1008> data;  // IPsec-MB's gcm_key_data
  std::array<std::uint8_t, kGcmSaltSize> salt;
};
static_assert(sizeof(SrtpGcmKey) == 1024);

// Not expanded: a packet of RTCP every few seconds isn't worth another KiB.
struct SrtpGcmRtcpKey {
  std::array<std::uint8_t, kSrtpKeyMax> cipher;
  std::array<std::uint8_t, kGcmSaltSize> salt;
};

// One direction. Plain memory; whoever owns it wipes it (SrtpContext does).
struct alignas(64) SrtpKey {
  struct Cm {
    SrtpCmKey rtp;
    SrtpCmKey rtcp;
  };
  struct Gcm {
    SrtpGcmKey rtp;
    SrtpGcmRtcpKey rtcp;
  };
  union {
    Cm cm;
    Gcm gcm;
  };
};
static_assert(std::is_trivially_copyable_v<SrtpKey>);
static_assert(sizeof(SrtpKey) == 1088, "both directions: 2176 octets, RTP and RTCP");

// RFC 3711 §4.3.2: which key is derived, for RTP; RTCP's are three more.
enum class SrtpLabel : std::uint8_t { kCipher = 0, kAuthentication = 1, kSalt = 2 };
inline constexpr std::uint8_t kRtcpLabels = 3;

// The pseudo-random function of RFC 3711 §4.3.3 and RFC 6188 §3 with key derivation rate 0.
// REQUIRES: a suite.
void srtp_prf(const IpsecMb& crypto, const SrtpMaster& master, std::uint8_t label,
              std::span<std::uint8_t> out);

// REQUIRES (all three): a suite. Below 1 µs together; nothing of it allocates.
void derive_srtp_keys(const IpsecMb& crypto, const SrtpMaster& master, SrtpSessionKeys& rtp,
                      SrtpSessionKeys& rtcp);
void prepare_srtp_key(const IpsecMb& crypto, SrtpSuite suite, const SrtpSessionKeys& rtp,
                      const SrtpSessionKeys& rtcp, SrtpKey& out);
void make_srtp_key(const IpsecMb& crypto, const SrtpMaster& master, SrtpKey& out);

}  // namespace tandem::crypto
