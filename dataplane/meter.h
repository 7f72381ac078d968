// Counts what one RTP stream loses, repeats and how unevenly it comes (RFC 3550 A.1, A.3, A.8).
// Owner: the worker of its flow. The first 64 bytes are what every packet touches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "drivers/base/clock.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane {

// The parts of an RTP header that the meter reads, in host order.
struct RtpHead {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
};

// Version 2, and the header fits with its CSRCs and extension (RFC 3550 §5.1, §5.3.1).
bool is_rtp(std::span<const std::byte> payload);
// Version 2, a packet type of the range that RFC 5761 §4 leaves to RTCP, and its first 8 bytes.
bool is_rtcp(std::span<const std::byte> payload);
// RTCP's packet types, seen through an RTP header: marker set and payload type 64..95.
bool is_rtcp_type(std::span<const std::byte> payload);
// Of the first packet's sender. REQUIRES: is_rtcp(payload).
std::uint32_t read_rtcp_ssrc(std::span<const std::byte> payload);
// REQUIRES: is_rtp(payload).
RtpHead read_rtp(std::span<const std::byte> payload);

class Meter {
 public:
  // A packet that is only counted: RTCP, or of a kind that isn't read.
  void count(std::size_t octets) {
    ++packets_;
    octets_ += octets;
  }
  // `clock_khz`: of the stream's timestamps; not 0.
  void measure(const RtpHead& head, std::size_t octets, base::Nanos now, std::uint8_t clock_khz);

  // Its payload, deciphered, looks like noise.
  void note_implausible() { ++implausible_; }
  std::uint64_t packets() const { return packets_; }
  bool started() const { return started_; }
  std::uint32_t ssrc() const { return ssrc_; }

  // The stream stops for something else: its next packet is no gap's end.
  void pause();
  // Where the stream is at `now`: its last packet, with the timestamp of what would come now. No
  // value: none has come, or none by this clock.
  std::optional<RtpHead> standing(base::Nanos now, std::uint8_t clock_khz) const;

  // The stream's timestamps run by another clock from now on; neither is 0.
  void change_clock(std::uint8_t from_khz, std::uint8_t to_khz);

  // Fills in everything but `refused`, `relayed` and `opaque`.
  void read(std::uint8_t clock_khz, wire::FlowFigures& out) const;

 private:
  void begin(const RtpHead& head);
  void restart(std::uint16_t sequence);
  // False: seen before, or not part of the stream yet.
  bool place(std::uint16_t sequence);
  // So many numbers behind the highest one, a packet comes that was taken for lost.
  void mend(std::uint32_t behind);
  void feel_jitter(std::uint32_t timestamp, base::Nanos now, std::uint8_t clock_khz);
  // Lost in the run of numbers since begin() or restart().
  std::uint64_t lost_in_run() const;

  std::uint64_t packets_ = 0;
  std::uint64_t octets_ = 0;
  std::int64_t last_ns_ = 0;    // the last measured; 0: none since the start or a pause
  std::uint64_t seen_ = 0;      // bit n: highest_ − n has come
  std::uint32_t received_ = 0;  // in this run, each number once
  std::uint32_t highest_ = 0;   // extended sequence number: cycles and the last number
  std::uint32_t ssrc_ = 0;
  std::uint32_t transit_ = 0;
  std::uint32_t jitter_x16_ = 0;  // timestamp units × 16, as in RFC 3550 A.8
  std::uint32_t largest_gap_us_ = 0;
  std::uint32_t suspect_ = kNone;  // the number that would confirm a jump
  std::uint8_t payload_type_ = 0;
  bool started_ = false;
  bool has_transit_ = false;
  // Seldom touched.
  std::uint32_t first_ = 0;  // extended sequence number that this run began with
  std::uint32_t implausible_ = 0;
  std::uint32_t late_ = 0;
  std::uint32_t gaps_ = 0;
  std::uint32_t loss_runs_ = 0;
  std::uint64_t lost_before_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t duplicated_ = 0;

  static constexpr std::uint32_t kNone = 0x10000;  // no 16-bit number
};
static_assert(sizeof(Meter) == 112);

}  // namespace tandem::dataplane
