// One direction of an SRTP session: its key, and for each SSRC what has passed (RFC 3711 §3.2.3).
//
// SSRCs are bounded, and no stranger can push one out: only a packet that is authenticated, or our
// own, makes a new one known. kLive are kept with their windows; the one that was used longest ago
// becomes retired when another comes. Of a retired one only the highest index is kept and all below
// it counts as passed, so that it may come back, yet neither be replayed nor use a keystream twice.
// When kRetired are retired too, a sender refuses newcomers until it is rekeyed; a receiver forgets
// the eldest, whose packets could be replayed then: by one who recorded a stream of 19 SSRCs ago.
//
// Owner: one worker. Wiped when it is stopped, started again or destroyed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "drivers/crypto/srtp_key.h"
#include "drivers/crypto/srtp_verdict.h"

namespace tandem::crypto {

enum class SrtpDirection : std::uint8_t { kProtect, kUnprotect };

// RFC 3711 §9.2: what a master key may protect at most.
inline constexpr std::uint64_t kSrtpLifetime = std::uint64_t{1} << 48;
inline constexpr std::uint32_t kSrtcpLifetime = std::uint32_t{1} << 31;

// The index of 48 bits that `sequence` stands for most likely, with `highest` seen so far (RFC 3711
// §3.3.1, appendix A). There is nothing before rollover 0. May be kSrtpLifetime or more: the key
// has ended then.
constexpr std::uint64_t guess_srtp_index(std::uint64_t highest, std::uint16_t sequence) {
  constexpr int kHalf = 32768;
  const std::uint64_t rollover = highest >> 16;
  const int last = static_cast<int>(highest & 0xffff);
  std::uint64_t guessed = rollover;
  if (last < kHalf) {
    if (sequence - last > kHalf && rollover != 0) guessed = rollover - 1;
  } else if (last - kHalf > sequence) {
    guessed = rollover + 1;
  }
  return guessed << 16 | sequence;
}

// Where an SSRC stands, for whoever keeps it over a restart. Nothing: no such packet yet.
struct SrtpPosition {
  std::uint32_t ssrc = 0;
  std::optional<std::uint64_t> rtp;   // rollover counter and sequence number, the highest
  std::optional<std::uint32_t> rtcp;  // the highest index
};

class alignas(64) SrtpContext {
 public:
  static constexpr std::size_t kLive = 4;
  static constexpr std::size_t kRetired = 15;
  static constexpr std::size_t kWindow = 64;  // packets; RFC 3711 §3.3.2 asks for no fewer

  struct Guess {
    std::uint64_t index;
    SrtpVerdict verdict;  // kOk, kReplayed, kTooOld, kKeyEnded
  };

  SrtpContext() = default;
  ~SrtpContext() { stop(); }
  SrtpContext(const SrtpContext&) = delete;
  SrtpContext& operator=(const SrtpContext&) = delete;

  // From nothing: no SSRC known, all indices 0. REQUIRES: a suite.
  void start(const IpsecMb& crypto, const SrtpMaster& master, SrtpDirection direction);
  // With the session keys themselves: for test vectors.
  void start(const IpsecMb& crypto, SrtpSuite suite, const SrtpSessionKeys& rtp,
             const SrtpSessionKeys& rtcp, SrtpDirection direction);
  // Another key for the same session: rollover counters and SRTCP indices go on (RFC 3711 §3.3.1,
  // §3.4), its lifetime begins anew. REQUIRES: started.
  void rekey(const IpsecMb& crypto, const SrtpMaster& master);
  // Forgets everything. kNoKey from now on.
  void stop();

  SrtpSuite suite() const { return suite_; }
  SrtpDirection direction() const { return direction_; }
  const SrtpKey& key() const { return key_; }
  // What a burst will read, when its flow is found: a good while before the burst is run.
  void prefetch() const {
    const auto* at = reinterpret_cast<const char*>(this);
    __builtin_prefetch(at, 1);
    const auto* key = reinterpret_cast<const char*>(&key_);
    const std::size_t size = facts_of(suite_).gcm ? sizeof(SrtpGcmKey) : sizeof(SrtpCmKey);
    for (std::size_t line = 0; line < size; line += 64) __builtin_prefetch(key + line);
  }

  // All SSRCs, what was used last first; how many. REQUIRES: room for kLive + kRetired.
  std::size_t positions(std::span<SrtpPosition> out) const;
  // Makes an SSRC known again after start(), everything up to its position passed. A sender's that
  // may have sent more since its position was noted goes on `rtp_skip` and `rtcp_skip` later: it
  // must send no index twice, so it loses what it sends below. False: no more room, or the position
  // is at the key's end. REQUIRES: started; an SSRC that isn't known.
  bool restore(const SrtpPosition& position, std::uint32_t rtp_skip = 0,
               std::uint32_t rtcp_skip = 0);

  // The rest is SrtpBatch's: look first, note what is authenticated.
  bool has_room_for(std::uint32_t ssrc) const;
  Guess guess_rtp(std::uint32_t ssrc, std::uint16_t sequence) const;
  SrtpVerdict check_rtcp(std::uint32_t ssrc, std::uint32_t index) const;
  // A sender's; kSrtcpLifetime: the key has ended.
  std::uint32_t next_rtcp(std::uint32_t ssrc) const;
  // REQUIRES: the look said kOk, and a sender has room.
  void note_rtp(std::uint32_t ssrc, std::uint64_t index);
  void note_rtcp(std::uint32_t ssrc, std::uint32_t index);

 private:
  // Bit n of a window: the highest index less n has passed. 0: none has.
  struct Live {
    std::uint64_t window;
    std::uint64_t rtcp_window;
    std::uint64_t index;
    std::uint32_t ssrc;
    std::uint32_t rtcp_index;
  };
  struct Retired {
    std::uint64_t index;  // with kHadRtp and kHadRtcp
    std::uint32_t ssrc;
    std::uint32_t rtcp_index;
  };
  static constexpr std::uint64_t kHadRtp = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kHadRtcp = std::uint64_t{1} << 62;

  static Live revived(const Retired& one);
  std::optional<Live> find(std::uint32_t ssrc) const;
  Live& to_front(std::uint32_t ssrc);
  void retire(const Live& one);

  // The first line is all that most packets need of this part.
  std::uint64_t rtp_packets_ = 0;   // under this key
  std::uint32_t rtcp_packets_ = 0;  // under this key
  SrtpSuite suite_ = SrtpSuite::kNone;
  SrtpDirection direction_ = SrtpDirection::kProtect;
  std::uint8_t live_count_ = 0;
  std::uint8_t retired_count_ = 0;
  std::array<Live, kLive> live_{};           // used last first
  std::array<Retired, kRetired> retired_{};  // eldest first
  SrtpKey key_{};
};
static_assert(sizeof(SrtpContext) == 384 + sizeof(SrtpKey));
static_assert(2 * sizeof(SrtpContext) == 2944, "a session with both directions");

}  // namespace tandem::crypto
