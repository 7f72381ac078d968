// Telephone events in RTP (RFC 4733): their payload, and the reading of those that a party sends
// and that go on as something else. Owner: the worker of the flow.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/headers.h"
#include "dataplane/meter.h"

namespace tandem::dataplane {

// The payload of §2.3.
struct TelephoneEvent {
  static constexpr std::size_t kBytes = 4;

  std::uint8_t event = 0;
  std::uint8_t volume = 0;  // 0 … 63: −dBm0
  bool end = false;
  std::uint16_t duration = 0;  // in units of the timestamp

  void write(Bytes out) const;  // REQUIRES: kBytes
  static std::optional<TelephoneEvent> read(ConstBytes payload);
};

// Of events that come in several packets each, some of them lost or repeated (§2.5.1.4), one word
// each: a part of the flow.
class EventReader {
 public:
  struct Heard {
    std::uint8_t event = 0;
    std::uint16_t duration = 0;
  };

  // A packet with an event. What is told: that it is over; or the one before, whose end was lost.
  std::optional<Heard> read(const RtpHead& head, const TelephoneEvent& event);

 private:
  std::uint32_t timestamp_ = 0;
  std::uint16_t duration_ = 0;
  std::uint8_t event_ = 0;
  enum class State : std::uint8_t { kNone, kLasts, kTold } state_ = State::kNone;
};
static_assert(sizeof(EventReader) == 8);

}  // namespace tandem::dataplane
