#include "controlplane/media/tones.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace tandem::media {
namespace {

constexpr int kSampleRate = 8000;
// ITU-T E.180 §11.2: tones are 10 dB below 0 dBm0, give or take 5. A full 16-bit sine is +3.14 dBm0
// of A-law (G.711 table 5).
constexpr double kLevelDbm0 = -13.0;
constexpr double kFullScaleDbm0 = 3.14;

constexpr std::array kRingback{
#define RING(word, first, second, on, off, on2, off2) \
  Tone{#word, {first, second}, {on, off, on2, off2}},
#include "controlplane/media/tones.def"
#undef RING
};
#define RING(word, ...) \
  static_assert(kRingback[static_cast<std::size_t>(RingCountry::word)].country == #word);
#include "controlplane/media/tones.def"
#undef RING

}  // namespace

const Tone& ringback_of(RingCountry country) {
  return kRingback[static_cast<std::size_t>(country)];
}

std::size_t ring_countries() { return kRingback.size(); }

std::vector<std::int16_t> samples_of(const Tone& tone) {
  const int common = std::gcd(std::gcd<int>(kSampleRate, tone.hz[0]), int{tone.hz[1]});
  const double voices = tone.hz[1] == 0 ? 1 : 2;
  // Each of two has half of the power.
  const double amplitude =
      INT16_MAX * std::pow(10.0, (kLevelDbm0 - kFullScaleDbm0) / 20) / std::sqrt(voices);
  std::vector<std::int16_t> out(static_cast<std::size_t>(kSampleRate / common));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double turn = 2 * std::numbers::pi * static_cast<double>(i) / kSampleRate;
    out[i] = static_cast<std::int16_t>(
        std::lround(amplitude * (std::sin(turn * tone.hz[0]) + std::sin(turn * tone.hz[1]))));
  }
  return out;
}

}  // namespace tandem::media
