#include "dataplane/player.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "drivers/crypto/media_header.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;
using wire::SetEvents;

constexpr std::uint8_t kClockKhz = 8;
constexpr std::uint8_t kLawPcmu = 0;  // RFC 3551 §6: their payload types
constexpr std::uint8_t kLawPcma = 8;
constexpr std::byte kSilentPcmu{0xff};
constexpr std::byte kSilentPcma{0xd5};
// A worker that stood still for longer leaves frames out rather than send them all at once.
constexpr base::Nanos kStandstill = base::Millis{100};
// RFC 4733 §2.5.1.4: the packet that ends an event is sent three times.
constexpr std::uint16_t kMoreEnds = 2;
// Between two digits, in frames, and how long one is at least and at most (a duration has 16 bits).
constexpr std::uint16_t kPause = 2;
constexpr std::uint16_t kDigitLeast = 2;
constexpr std::uint16_t kDigitMost = 400;
constexpr std::uint8_t kEventLast = 16;  // RFC 4733 §3.2: flash
constexpr std::uint8_t kDigitVolume = 10;

bool is_sound(const wire::Play& order) {
  return order.payload_type == kLawPcmu || order.payload_type == kLawPcma;
}

}  // namespace

Player::Player(const wire::SoundBank& sounds, std::span<wire::WorkerEnd> channels,
               wire::CounterBlock& counters, std::uint64_t seed, std::size_t plays)
    : sounds_(sounds), channels_(channels), counters_(counters), random_(seed), plays_(plays) {
  for (std::size_t place = plays; place > 0; --place) {
    at(static_cast<Place>(place)).behind = std::exchange(free_, static_cast<Place>(place));
  }
}

// --- orders ------------------------------------------------------------------------------------

Fault Player::play(Flow& flow, const wire::Play& order, base::Nanos now) {
  const wire::Sound sound = sounds_.find(order.sound);
  if (!is_sound(order) || sound.samples == 0 || flow.kind != wire::FlowKind::kRtp) {
    return {Counter::drop_command};
  }
  stop(flow);
  const Place place = take(flow, now);
  if (place == 0) return {Counter::plays_unplaced};
  Play& play = at(place);
  play.loops = order.loops != 0;
  play.yields = order.yields != 0;
  play.payload_type = order.payload_type;
  play.cadence = order.cadence;
  play.left = play.cadence[0];
  play.number = order.number;
  play.samples = sound.samples;
  play.sound = order.payload_type == kLawPcmu ? sound.pcmu : sound.pcma;
  counters_.add(Counter::plays_begun);
  return {};
}

Fault Player::send(Flow& flow, const wire::SendDigit& order, base::Nanos now) {
  if (order.event > kEventLast || order.payload_type > 127 || flow.kind != wire::FlowKind::kRtp) {
    return {Counter::drop_command};
  }
  if (flow.play != 0 && !at(flow.play).dials) stop(flow);
  if (flow.play == 0 && take(flow, now) == 0) return {Counter::plays_unplaced};
  Play& play = at(flow.play);
  play.dials = true;
  if (play.digits == kDigitsMax) return {Counter::drop_digit_full};
  const int frames = order.duration_ms / 20;
  play.queue[play.digits++] = {
      .event = order.event,
      .payload_type = order.payload_type,
      .frames = static_cast<std::uint16_t>(std::clamp<int>(frames, kDigitLeast, kDigitMost))};
  counters_.add(Counter::digits_sent);
  return {};
}

void Player::stop(Flow& flow) {
  if (flow.play != 0) free(flow.play);
}

// --- the plays ---------------------------------------------------------------------------------

// It is due at once, and thus before all others.
Player::Place Player::take(Flow& flow, base::Nanos now) {
  const Place place = free_;
  if (place == 0) return 0;
  free_ = at(place).behind;
  at(place) = {};
  begin_stream(flow, now);
  Play& play = at(place);
  play.flow = &flow;
  play.due = now;
  play.timestamp = flow.stream.timestamp_at(now, kClockKhz);
  play.behind = first_;
  if (first_ != 0) at(first_).before = place;
  first_ = place;
  if (last_ == 0) last_ = place;
  flow.play = place;
  ++live_;
  return place;
}

// What was relayed to the party so far goes on with the numbers that it has.
void Player::begin_stream(Flow& flow, base::Nanos now) {
  if (flow.stream.begun()) return;
  flow.extras |= Flow::kExtraStream;
  if (Flow* rtcp = flow.companion()) rtcp->extras |= Flow::kExtraStream;
  const Flow& source = *flow.peer;
  if (source.generation != 0 && source.relayed != 0) {
    if (const auto standing = source.meter.standing(now, source.clock_khz)) {
      flow.stream.go_on(*standing, now);
      return;
    }
  }
  const std::uint64_t number = random();
  flow.stream.begin(static_cast<std::uint32_t>(number >> 32),
                    static_cast<std::uint16_t>(number >> 16), static_cast<std::uint32_t>(random()));
}

void Player::append(Place place) {
  Play& play = at(place);
  play.before = last_;
  play.behind = 0;
  if (last_ != 0) at(last_).behind = place;
  last_ = place;
  if (first_ == 0) first_ = place;
}

void Player::unlink(Place place) {
  const Play& play = at(place);
  (play.before != 0 ? at(play.before).behind : first_) = play.behind;
  (play.behind != 0 ? at(play.behind).before : last_) = play.before;
}

void Player::free(Place place) {
  unlink(place);
  Play& play = at(place);
  play.flow->play = 0;
  play.flow->stream.leave();
  play.flow = nullptr;
  play.behind = std::exchange(free_, place);
  --live_;
}

// And whoever ordered it hears of it.
void Player::end(Place place) {
  const Play& play = at(place);
  const Flow& flow = *play.flow;
  if (!play.dials) {
    wire::Event event;
    event.kind = wire::EventKind::kPlayEnded;
    event.play_ended = {};
    event.play_ended.key = flow.key;
    event.play_ended.number = play.number;
    event.play_ended.generation = flow.generation;
    event.play_ended.cookie = flow.cookie;
    if (!channels_[flow.shard].events.enqueue(event)) counters_.add(Counter::drop_event_full);
  }
  free(place);
}

bool Player::next(base::Nanos now, Packet& out) {
  if (first_ == 0 || at(first_).due > now) return false;
  const Place place = first_;
  Play& play = at(place);
  out.flow = play.flow;
  out.size = 0;
  if (now - play.due > kStandstill) {
    const auto missed = static_cast<std::uint32_t>((now - play.due) / kPeriod);
    play.timestamp += missed * static_cast<std::uint32_t>(kFrame);
    play.due += kPeriod * missed;
  }
  if (!say(play, now, out)) {
    end(place);
    return true;
  }
  play.timestamp += kFrame;
  play.due += kPeriod;
  unlink(place);
  append(place);
  return true;
}

bool Player::say(Play& play, base::Nanos now, Packet& out) {
  // It carries a fax by now.
  if (play.flow->kind != wire::FlowKind::kRtp) return false;
  if (play.dials) return say_digit(play, now, out);
  if (!play.loops && play.position == play.samples) return false;
  const std::byte silence = play.payload_type == kLawPcmu ? kSilentPcmu : kSilentPcma;
  const bool silent = is_silent(play);
  auto* voice = out.bytes.data() + kRtpFixedBytes;
  for (std::size_t done = 0; done < kFrame;) {
    if (!silent && play.loops && play.position == play.samples) play.position = 0;
    const std::size_t there =
        silent ? 0 : std::min<std::size_t>(kFrame - done, play.samples - play.position);
    if (there == 0) {
      std::fill_n(voice + done, kFrame - done, silence);
      break;
    }
    std::memcpy(voice + done, play.sound + play.position, there);
    play.position += static_cast<std::uint32_t>(there);
    done += there;
  }
  RtpHead head = play.flow->stream.next(play.timestamp, play.timestamp, now);
  head.payload_type = play.payload_type;
  put(play, head, std::exchange(play.spurt, false), kFrame, out);
  return true;
}

// The cadence's next frame. A tone begins anew each time.
bool Player::is_silent(Play& play) {
  if (play.cadence[0] == 0) return false;
  if (play.left == 0) {
    ++play.step;
    if (play.step == play.cadence.size() || play.cadence[play.step] == 0) play.step = 0;
    play.left = play.cadence[play.step];
    play.position = 0;
  }
  --play.left;
  return play.step % 2 != 0;
}

bool Player::say_digit(Play& play, base::Nanos now, Packet& out) {
  const Digit& digit = play.queue[0];
  ++play.frame;
  if (play.frame == 1) play.event_timestamp = play.timestamp;
  if (play.frame > digit.frames + kMoreEnds) {
    if (play.frame < digit.frames + kMoreEnds + kPause) return true;
    std::copy(play.queue.begin() + 1, play.queue.end(), play.queue.begin());
    play.frame = 0;
    return --play.digits != 0;
  }
  const TelephoneEvent event{
      .event = digit.event,
      .volume = kDigitVolume,
      .end = play.frame >= digit.frames,
      .duration = static_cast<std::uint16_t>(std::min(play.frame, digit.frames) * kFrame)};
  event.write(Bytes(out.bytes).subspan(kRtpFixedBytes));
  RtpHead head = play.flow->stream.next(play.event_timestamp, play.timestamp, now);
  head.payload_type = digit.payload_type;
  put(play, head, play.frame == 1, TelephoneEvent::kBytes, out);
  return true;
}

void Player::put(Play& play, const RtpHead& head, bool marker, std::size_t octets, Packet& out) {
  write_rtp(out.bytes, head, marker);
  out.flow = play.flow;
  out.size = kRtpFixedBytes + octets;
}

// --- what is relayed ---------------------------------------------------------------------------

Fault Player::pass(UdpPacket& packet, Flow& from, base::Nanos now) {
  if (from.kind == wire::FlowKind::kOpaque) return {};
  if (from.kind == wire::FlowKind::kRtcp || is_rtcp_type(packet.payload)) {
    rename(packet, from);
    return {};
  }
  if ((from.extras & Flow::kExtraEvents) != 0) {
    if (const Fault fault = take_event(packet, from)) return fault;
  }
  Flow& to = *from.peer;
  if ((to.extras & Flow::kExtraStream) == 0) return {};
  if (to.play != 0) {
    if (!at(to.play).yields) return {Counter::drop_media_played_over};
    end(to.play);
  }
  if (!to.stream.pass(packet, now, from.clock_khz)) return {Counter::drop_media_overtaken};
  return {};
}

Flow& Player::rtp_of(Flow& flow) {
  Flow* rtp = flow.kind == wire::FlowKind::kRtcp ? flow.companion() : nullptr;
  return rtp != nullptr ? *rtp : flow;
}

// Either side of RTCP's may hear a stream with names of its own.
void Player::rename(UdpPacket& packet, Flow& from) {
  const auto to_names = rtp_of(*from.peer).stream.names();
  const auto from_names = rtp_of(from).stream.names();
  if (!to_names && !from_names) return;
  const std::uint64_t before = checksum_sum(packet.payload);
  if (to_names) name_for_party(packet.payload, *to_names);
  if (from_names) name_for_source(packet.payload, *from_names);
  if (packet.udp->dgram_cksum == 0) return;
  ChecksumChange change;
  change.replace_run(before, checksum_sum(packet.payload));
  change.apply_to(*packet.udp);
}

Fault Player::take_event(UdpPacket& packet, Flow& from) {
  const RtpHead head = read_rtp(packet.payload);
  if (head.payload_type == from.events_from) {
    auto& second = packet.payload[1];
    std::uint16_t before;
    std::memcpy(&before, packet.payload.data(), sizeof before);
    second = (second & std::byte{0x80}) | std::byte{from.events_to};
    std::uint16_t after;
    std::memcpy(&after, packet.payload.data(), sizeof after);
    ChecksumChange change;
    change.replace(before, after);
    change.apply_to(*packet.udp);
    return {};
  }
  if (head.payload_type != from.taken_events) return {};
  const auto octets = std::span(reinterpret_cast<const std::uint8_t*>(packet.payload.data()),
                                packet.payload.size());
  const auto whole = crypto::read_rtp_header(octets);
  const auto event =
      whole ? TelephoneEvent::read(packet.payload.subspan(whole->size)) : std::nullopt;
  const auto heard = event ? from.events.read(head, *event) : std::nullopt;
  if (heard) {
    counters_.add(Counter::digits_taken);
    wire::Event told;
    told.kind = wire::EventKind::kDigitHeard;
    told.digit = {};
    told.digit.key = from.key;
    told.digit.event = heard->event;
    told.digit.duration_ms = static_cast<std::uint16_t>(heard->duration / from.clock_khz);
    told.digit.generation = from.generation;
    told.digit.cookie = from.cookie;
    if (!channels_[from.shard].events.enqueue(told)) counters_.add(Counter::drop_event_full);
  }
  return {Counter::digit_packets_taken};
}

// SplitMix64: of an unguessable seed, for numbers that only must not be the same each time.
std::uint64_t Player::random() {
  std::uint64_t z = random_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

}  // namespace tandem::dataplane
