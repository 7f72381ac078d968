// SRTP and SRTCP (RFC 3711, 6188, 7714) on bursts of packets, whatever the mix of sessions,
// suites, RTP and RTCP, protecting and unprotecting: many packets are ciphered and hashed at a
// time by IPsec-MB's multi-buffer functions.
//
// What comes of a burst is what came of its packets one after the other: a duplicate inside of it
// is a replay, and a forged packet moves no rollover counter. A packet is authenticated before it
// is deciphered, but for GCM, which does both at once.
//
// Owner: one worker; nothing in run() allocates, locks, throws or calls the kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "drivers/crypto/ipsec_mb.h"
#include "drivers/crypto/srtp_context.h"
#include "drivers/crypto/srtp_verdict.h"

namespace tandem::crypto {

enum class SrtpKind : std::uint8_t { kRtp, kRtcp };

// A packet from its RTP or RTCP header on, in place. Its context says what is to be done with it.
struct SrtpJob {
  // Of its new size when the verdict is kOk. Otherwise unchanged, but for the payload of a packet
  // of GCM with a bad tag, which is of no use to anybody.
  std::span<std::uint8_t> packet;
  std::size_t tailroom = 0;  // octets behind it that may be written; protecting takes up to
                             // kSrtpGrowthMax, unprotecting none
  SrtpContext* context = nullptr;
  SrtpKind kind = SrtpKind::kRtp;
  SrtpVerdict verdict = SrtpVerdict::kOk;  // out
};

class SrtpBatch {
 public:
  // Packets in one go; run() takes longer bursts in several.
  static constexpr std::size_t kMax = 64;

  // `crypto` must outlive it, and be used by the same thread.
  explicit SrtpBatch(const IpsecMb& crypto);
  ~SrtpBatch();
  SrtpBatch(SrtpBatch&&) noexcept;
  SrtpBatch& operator=(SrtpBatch&&) noexcept;

  void run(std::span<SrtpJob> jobs);

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace tandem::crypto
