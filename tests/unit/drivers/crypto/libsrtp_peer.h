// The other side of the differential tests and of the benchmark: libsrtp2.
#pragma once

#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "drivers/crypto/srtp_batch.h"
#include "drivers/crypto/srtp_key.h"

namespace tandem::crypto {

class LibsrtpPeer {
 public:
  LibsrtpPeer(const SrtpMaster& master, SrtpDirection direction) : direction_(direction) {
    static const bool started = srtp_init() == srtp_err_status_ok;
    if (!started) std::abort();
    Policy policy(master, direction);
    if (srtp_create(&session_, &policy.policy) != srtp_err_status_ok) std::abort();
  }
  ~LibsrtpPeer() { srtp_dealloc(session_); }
  LibsrtpPeer(const LibsrtpPeer&) = delete;
  LibsrtpPeer& operator=(const LibsrtpPeer&) = delete;

  // Another key for the same streams.
  void rekey(const SrtpMaster& master) {
    Policy policy(master, direction_);
    if (srtp_update(session_, &policy.policy) != srtp_err_status_ok) std::abort();
  }

  // In place, with kSrtpGrowthMax of room behind it; `size` is the new one afterwards.
  srtp_err_status_t run(std::uint8_t* packet, std::size_t& size, SrtpKind kind) {
    int length = static_cast<int>(size);
    const bool rtp = kind == SrtpKind::kRtp;
    const auto status =
        direction_ == SrtpDirection::kProtect
            ? (rtp ? srtp_protect : srtp_protect_rtcp)(session_, packet, &length)
            : (rtp ? srtp_unprotect : srtp_unprotect_rtcp)(session_, packet, &length);
    size = static_cast<std::size_t>(length);
    return status;
  }

 private:
  struct Policy {
    Policy(const SrtpMaster& master, SrtpDirection direction) {
      const SrtpSuiteFacts& facts = facts_of(master.suite);
      std::copy_n(master.key.begin(), facts.key, key.begin());
      std::copy_n(master.salt.begin(), facts.salt, key.begin() + facts.key);
      set_suite(master.suite, policy);
      policy.ssrc.type =
          direction == SrtpDirection::kProtect ? ssrc_any_outbound : ssrc_any_inbound;
      policy.key = key.data();
      policy.window_size = SrtpContext::kWindow;
    }

    std::array<unsigned char, kSrtpKeyMax + kSrtpSaltMax> key{};
    srtp_policy_t policy{};
  };

  static void set_suite(SrtpSuite suite, srtp_policy_t& policy) {
    // SRTCP of the _32 suites has tags of 80 bits.
    switch (suite) {
      case SrtpSuite::kNone:
        std::abort();
      case SrtpSuite::kAesCm128HmacSha1_80:
      case SrtpSuite::kAesCm128HmacSha1_32:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
        if (suite == SrtpSuite::kAesCm128HmacSha1_80) {
          srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        } else {
          srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
        }
        break;
      case SrtpSuite::kAesCm256HmacSha1_80:
      case SrtpSuite::kAesCm256HmacSha1_32:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
        if (suite == SrtpSuite::kAesCm256HmacSha1_80) {
          srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
        } else {
          srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
        }
        break;
      case SrtpSuite::kAeadAes128Gcm:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
        break;
      case SrtpSuite::kAeadAes256Gcm:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
        break;
    }
  }

  SrtpDirection direction_;
  srtp_t session_ = nullptr;
};

}  // namespace tandem::crypto
