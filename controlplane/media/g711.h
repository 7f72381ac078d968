// Linear samples to G.711 (ITU-T G.711, tables 1 and 2): 16 bits, of which A-law knows 13 and µ-law
// 14. Pure; any thread.
#pragma once

#include <cstdint>

namespace tandem::media {

std::uint8_t pcmu_of(std::int16_t sample);
std::uint8_t pcma_of(std::int16_t sample);

}  // namespace tandem::media
