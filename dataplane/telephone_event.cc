#include "dataplane/telephone_event.h"

#include <algorithm>

namespace tandem::dataplane {
namespace {

constexpr std::uint32_t kSegment = 0xffff;  // the longest duration that a packet can say
constexpr std::int32_t kLate = 10 * 8000;   // how far behind a delayed packet may be

}  // namespace

void TelephoneEvent::write(Bytes out) const {
  out[0] = std::byte{event};
  out[1] = static_cast<std::byte>((end ? 0x80 : 0) | (volume & 0x3f));
  out[2] = static_cast<std::byte>(duration >> 8);
  out[3] = static_cast<std::byte>(duration & 0xff);
}

std::optional<TelephoneEvent> TelephoneEvent::read(ConstBytes payload) {
  if (payload.size() < kBytes) return std::nullopt;
  const auto octet = [&](std::size_t at) { return std::to_integer<std::uint8_t>(payload[at]); };
  return TelephoneEvent{.event = octet(0),
                        .volume = static_cast<std::uint8_t>(octet(1) & 0x3f),
                        .end = (octet(1) & 0x80) != 0,
                        .duration = static_cast<std::uint16_t>(octet(2) << 8 | octet(3))};
}

// A packet of an event that has been told, or of one shortly before it, tells nothing: the network
// has delayed it.
std::optional<EventReader::Heard> EventReader::read(const RtpHead& head,
                                                    const TelephoneEvent& event) {
  std::optional<Heard> out;
  // §2.5.1.3: a long one goes on as another segment.
  if (state_ == State::kLasts && event.event == event_ && head.timestamp == timestamp_ + kSegment) {
    timestamp_ = head.timestamp;
  }
  const bool same = state_ != State::kNone && head.timestamp == timestamp_;
  if (!same) {
    const auto ahead = static_cast<std::int32_t>(head.timestamp - timestamp_);
    if (state_ != State::kNone && ahead < 0 && ahead > -kLate) return std::nullopt;
    if (state_ == State::kLasts) out = Heard{event_, duration_};
    timestamp_ = head.timestamp;
    duration_ = 0;
    state_ = State::kLasts;
  }
  if (state_ == State::kTold) return out;
  event_ = event.event;
  duration_ = std::max(duration_, event.duration);
  // Two at once can't be told; the one that has begun is, when another packet of it comes.
  if (!event.end || out) return out;
  state_ = State::kTold;
  return Heard{event_, duration_};
}

}  // namespace tandem::dataplane
