// Tones that the switch makes itself: their frequencies and cadences, and their samples. Pure; any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"

namespace tandem::media {

using RingCountry = config::Parameters::RingCountry;

struct Tone {
  std::string_view country;  // "de"
  std::array<std::uint16_t, 2> hz;
  std::array<std::uint16_t, 4> cadence_ms;  // sounding, silent, sounding, silent; 0: no more

  bool sounds_as(const Tone& other) const { return hz == other.hz; }
};
const Tone& ringback_of(RingCountry country);
std::size_t ring_countries();

// One period of it, of 16 bits at 8 kHz, that can follow itself. -13 dBm0 altogether.
std::vector<std::int16_t> samples_of(const Tone& tone);

}  // namespace tandem::media
