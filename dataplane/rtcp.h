// What the source of a flow reports of its reception (RFC 3550 §6.4), read as it passes, and the
// times of its sender reports, by which the other party's answers tell the round trip between it
// and us. Nothing is changed on the way. Owner: the worker of its flow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "drivers/base/clock.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane {

class RtcpReader {
 public:
  // `payload`: of RTCP, from our source. `other`: the reader of the flow that carries what is sent
  // to our source. False: not whole from packet to packet, or encrypted; nothing is taken from it.
  bool read(std::span<const std::byte> payload, const RtcpReader& other, base::Nanos now);

  // `clock_khz`: of the timestamps of the stream that is reported on; not 0.
  wire::ReceptionReport report(std::uint8_t clock_khz) const;

 private:
  // One that passed: the middle of its NTP timestamp, as a later LSR names it, and when, in
  // microseconds that wrap after 71 minutes.
  struct SenderReport {
    std::uint32_t middle = 0;  // 0: none, as in LSR
    std::uint32_t at_us = 0;
  };

  void take_blocks(std::span<const std::byte> blocks, const RtcpReader& other, base::Nanos now);
  void take(std::span<const std::byte> block, const RtcpReader& other, base::Nanos now);
  void feel_round_trip(std::uint32_t last_sr, std::uint32_t delay, const RtcpReader& other,
                       base::Nanos now);

  std::uint32_t reports_ = 0;
  std::uint32_t ssrc_ = 0;    // reported on
  std::uint32_t sender_ = 0;  // our source's own, by its reports
  std::int32_t lost_ = 0;
  std::uint32_t jitter_ = 0;  // timestamp units
  std::uint32_t round_trip_us_ = 0;
  std::array<SenderReport, 3> passed_{};  // an answer may cross the next report
  std::uint8_t fraction_lost_ = 0;
  std::uint8_t next_ = 0;  // of passed_
};
static_assert(sizeof(RtcpReader) == 52);

}  // namespace tandem::dataplane
