// What the switch itself says to a party: tones and announcements of the sound bank, and digits as
// telephone events (RFC 4733). One play at most on a flow, to its far end, a packet each 20 ms; and
// the extras of packets that are relayed meanwhile and afterwards, so that the party hears one
// stream. Owner: the worker. Limits: as many plays as it was made with; memory is taken then.
//
// All plays have one period, so they wait in one queue in the order in which they are due: each
// that was served goes to its end.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/fault.h"
#include "dataplane/flow.h"
#include "dataplane/headers.h"
#include "drivers/base/clock.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/sound_bank.h"

namespace tandem::dataplane {

class Player {
 public:
  static constexpr std::size_t kPlaysMax = 16384;
  static constexpr std::size_t kDigitsMax = 16;  // that wait for one party
  static constexpr std::size_t kFrame = 160;     // samples of 20 ms at 8 kHz
  static constexpr base::Nanos kPeriod = base::Millis{20};

  // A packet to be sent to the far end of its flow.
  struct Packet {
    Flow* flow = nullptr;
    std::size_t size = 0;  // 0: nothing is said this time
    std::array<std::byte, kRtpFixedBytes + kFrame> bytes;
  };

  // `channels`: one per shard; `seed`: unguessable, for streams of ours. All but the seed outlive
  // it.
  Player(const wire::SoundBank& sounds, std::span<wire::WorkerEnd> channels,
         wire::CounterBlock& counters, std::uint64_t seed, std::size_t plays = kPlaysMax);

  Fault play(Flow& flow, const wire::Play& order, base::Nanos now);
  Fault send(Flow& flow, const wire::SendDigit& order, base::Nanos now);
  // Whatever is played there is over, and nobody is told.
  void stop(Flow& flow);

  // The next one that is due. False: none is.
  bool next(base::Nanos now, Packet& out);

  // Of a packet that is relayed from one flow to the far end of the other, and about which one of
  // them has extras. REQUIRES: is_rtp() where the flow is kRtp.
  Fault pass(UdpPacket& packet, Flow& from, base::Nanos now);
  static bool concerns(const Flow& from) { return (from.extras | from.peer->extras) != 0; }

  std::size_t live() const { return live_; }

 private:
  using Place = std::uint32_t;  // from 1; 0: none

  struct Digit {
    std::uint8_t event;
    std::uint8_t payload_type;
    std::uint16_t frames;
  };
  struct Play {
    Flow* flow = nullptr;
    base::Nanos due{};
    Place before = 0;
    Place behind = 0;             // of a free one: the next free
    std::uint32_t timestamp = 0;  // of what is said now
    bool spurt = true;            // its next packet begins a talk spurt
    bool dials = false;           // sends digits, else a sound
    // A sound.
    bool loops = false;
    bool yields = false;
    std::uint8_t payload_type = 0;
    std::uint8_t step = 0;   // of the cadence
    std::uint16_t left = 0;  // frames of that step; unused without a cadence
    std::array<std::uint16_t, wire::Play::kCadence> cadence{};
    std::uint32_t number = 0;
    std::uint32_t position = 0;
    std::uint32_t samples = 0;
    const std::uint8_t* sound = nullptr;
    // Digits: the first one is being sent.
    std::uint16_t frame = 0;
    std::uint8_t digits = 0;
    std::uint32_t event_timestamp = 0;
    std::array<Digit, kDigitsMax> queue{};
  };

  Play& at(Place place) { return plays_[place - 1]; }
  Place take(Flow& flow, base::Nanos now);
  void begin_stream(Flow& flow, base::Nanos now);
  void append(Place place);
  void unlink(Place place);
  void free(Place place);
  void end(Place place);
  // One frame of it. False: it is over.
  bool say(Play& play, base::Nanos now, Packet& out);
  bool say_digit(Play& play, base::Nanos now, Packet& out);
  bool is_silent(Play& play);
  void put(Play& play, const RtpHead& head, bool marker, std::size_t octets, Packet& out);
  Fault take_event(UdpPacket& packet, Flow& from);
  std::uint64_t random();

  void rename(UdpPacket& packet, Flow& from);
  // The flow of the RTP that this flow's RTCP is about.
  Flow& rtp_of(Flow& flow);

  const wire::SoundBank& sounds_;
  std::span<wire::WorkerEnd> channels_;
  wire::CounterBlock& counters_;
  std::uint64_t random_;
  std::vector<Play> plays_;
  Place free_ = 0;
  Place first_ = 0;  // the one that is due next
  Place last_ = 0;
  std::size_t live_ = 0;
};

}  // namespace tandem::dataplane
