// How a direction of a call sounds, estimated by the E-model (ITU-T G.107, its default values;
// codecs by ITU-T G.113 Appendix I): from what happened to its packets, not from the sound. Owner:
// none.
#pragma once

#include <cstdint>
#include <string_view>

#include "drivers/wire/messages.h"

namespace tandem::media {

// What a codec costs by itself (Ie), how well it bears losses (Bpl), and how long it looks ahead.
struct Codec {
  std::string_view name;  // as an rtpmap has it
  double ie = 0;
  double bpl = 0;
  double ahead_ms = 0;
  double packet_ms = 20;  // of voice in a packet, as a rule
};

// G.711's, if nothing better is known of it.
const Codec& codec_named(std::string_view name);

// What the listener has to bear.
struct Conditions {
  double loss_percent = 0;  // of packets, never come or come too late
  double burst_ratio = 1;   // G.107 §7.5: 1: independent of one another; above: in bursts
  double delay_ms = 0;      // mouth to ear
};

// A party's way to us and back, where RTCP tells none: an ordinary national one.
inline constexpr std::uint32_t kAssumedRoundTripUs = 50'000;

// `round_trips_us`: between us and the one party and the other one; 0: not known. The listener's
// jitter buffer is taken to be twice the jitter, 20 ms at least, kLateMs at most.
Conditions conditions_of(const wire::FlowFigures& figures, const Codec& codec,
                         std::uint32_t one_round_trip_us, std::uint32_t other_round_trip_us);

// G.107 Id, for an echo as weak as by default (TELR 65 dB).
double delay_impairment(double delay_ms);
// G.107 Ie,eff.
double equipment_impairment(const Codec& codec, double loss_percent, double burst_ratio);
// G.107 R, 93.2 at best.
double rating(const Codec& codec, const Conditions& conditions);
// G.107 Annex B: 1 … 4.5.
double opinion_score(double rating);

}  // namespace tandem::media
