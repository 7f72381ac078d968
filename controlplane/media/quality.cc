#include "controlplane/media/quality.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "drivers/base/text.h"

namespace tandem::media {
namespace {

// Ie and Bpl by G.113 Appendix I where it has them: G.711 with concealment, G.729A and G.723.1 at
// 6.3 kbit/s with silence suppression, GSM EFR; AMR at 12.2 kbit/s is the same codec. GSM FR and
// G.726 have an Ie there and the Bpl of the nearest relative; iLBC's are from published listening
// tests. On this scale of narrow-band telephony a wide-band codec costs nothing: G.711's row.
constexpr std::array kCodecs = {
    Codec{"PCMA", 0, 25.1, 0},        Codec{"PCMU", 0, 25.1, 0},    Codec{"G722", 0, 25.1, 1.5},
    Codec{"opus", 0, 25.1, 6.5},      Codec{"AMR-WB", 0, 25.1, 5},  Codec{"G729", 11, 19, 5},
    Codec{"G723", 15, 16.1, 7.5, 30}, Codec{"GSM", 20, 10, 0},      Codec{"GSM-EFR", 5, 10, 0},
    Codec{"AMR", 5, 10, 5},           Codec{"iLBC", 11, 32, 0, 30}, Codec{"G726-32", 7, 25.1, 0},
};

// G.107 §7 with all parameters as by default.
constexpr double kSignalToNoise = 94.769;   // Ro
constexpr double kSimultaneous = 1.414;     // Is
constexpr double kTalkerEchoLoudness = 65;  // TELR, dB
constexpr double kWeightedEchoPath = 110;   // WEPL, dB

constexpr double kBufferLeastMs = 20;

// §7.4: what the talker hears of itself, after twice `delay_ms`.
double talker_echo(double delay_ms) {
  if (delay_ms < 1) return 0;  // that is sidetone
  const double loudness = kTalkerEchoLoudness -
                          40 * std::log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) +
                          6 * std::exp(-0.3 * delay_ms * delay_ms);
  const double echo = 80 + 2.5 * (loudness - 14);  // Re
  const double half = (kSignalToNoise - echo) / 2;
  return (half + std::sqrt(half * half + 100) - 1) * (1 - std::exp(-delay_ms));
}

double listener_echo(double delay_ms) {
  const double echo = 10.5 * (kWeightedEchoPath + 7) * std::pow(2 * delay_ms + 1, -0.25);  // Rle
  const double half = (kSignalToNoise - echo) / 2;
  return half + std::sqrt(half * half + 169);
}

// Two people's talk that falls over itself, without any echo.
double too_long(double delay_ms) {
  if (delay_ms <= 100) return 0;
  const double x = std::log2(delay_ms / 100);
  const auto root = [](double of) { return std::pow(1 + std::pow(of, 6), 1.0 / 6); };
  return 25 * (root(x) - 3 * root(x / 3) + 2);
}

}  // namespace

const Codec& codec_named(std::string_view name) {
  const auto found = std::find_if(kCodecs.begin(), kCodecs.end(), [&](const Codec& codec) {
    return base::iequals(codec.name, name);
  });
  return found == kCodecs.end() ? kCodecs.front() : *found;
}

Conditions conditions_of(const wire::FlowFigures& figures, const Codec& codec,
                         std::uint32_t one_round_trip_us, std::uint32_t other_round_trip_us) {
  Conditions out;
  const auto lost = static_cast<double>(figures.lost);
  const std::uint64_t unheard = figures.duplicated + figures.opaque;
  const double came =
      figures.packets > unheard ? static_cast<double>(figures.packets - unheard) : 0;
  if (lost + came > 0) {
    const double gone = std::min(lost + figures.late, lost + came);
    out.loss_percent = 100 * gone / (lost + came);
    if (figures.loss_runs != 0) {
      // Mean length of the runs, to that of as many losses by chance. Above 2 % the model knows no
      // ratio above 2 (§7.5).
      const double ratio = lost / figures.loss_runs * (1 - lost / (lost + came));
      out.burst_ratio = std::clamp(ratio, 1.0, out.loss_percent < 2 ? 8.0 : 2.0);
    }
  }
  double ways_us = 0;
  for (const std::uint32_t trip : {one_round_trip_us, other_round_trip_us}) {
    ways_us += (trip != 0 ? trip : kAssumedRoundTripUs) / 2.0;
  }
  const double buffer_ms = std::clamp(2.0 * figures.jitter_us / 1000, kBufferLeastMs,
                                      static_cast<double>(wire::FlowFigures::kLateMs));
  out.delay_ms = ways_us / 1000 + codec.packet_ms + codec.ahead_ms + buffer_ms;
  return out;
}

double delay_impairment(double delay_ms) {
  return talker_echo(delay_ms) + listener_echo(delay_ms) + too_long(delay_ms);
}

double equipment_impairment(const Codec& codec, double loss_percent, double burst_ratio) {
  const double burden = loss_percent / burst_ratio + codec.bpl;
  return codec.ie + (95 - codec.ie) * loss_percent / burden;
}

double rating(const Codec& codec, const Conditions& conditions) {
  return kSignalToNoise - kSimultaneous - delay_impairment(conditions.delay_ms) -
         equipment_impairment(codec, conditions.loss_percent, conditions.burst_ratio);
}

double opinion_score(double rating) {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  // Below 6.5 the curve would turn under 1.
  return std::max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}

}  // namespace tandem::media
