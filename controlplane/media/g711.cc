#include "controlplane/media/g711.h"

#include <algorithm>
#include <bit>

namespace tandem::media {
namespace {

// A magnitude's segment above the lowest one, whose values have `bits`.
int segment_of(int magnitude, int bits) {
  return std::max(static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - bits, 0);
}

}  // namespace

// Of 14 bits: a bias of 33 makes all segments alike. All bits inverted on the line.
std::uint8_t pcmu_of(std::int16_t sample) {
  constexpr int kBias = 33;
  constexpr int kMost = 8158;
  const int value = sample >> 2;
  const bool negative = value < 0;
  const int magnitude = std::min(negative ? -value : value, kMost) + kBias;
  const int segment = segment_of(magnitude, 6);
  const int step = (magnitude >> (segment + 1)) & 15;
  return static_cast<std::uint8_t>(~((negative ? 0x80 : 0) | segment << 4 | step));
}

// Of 13 bits: the two lowest segments have one step size. Even bits inverted on the line.
std::uint8_t pcma_of(std::int16_t sample) {
  const int value = sample >> 3;
  const bool negative = value < 0;
  const int magnitude = negative ? ~value : value;  // no zero of two signs here
  const int segment = segment_of(magnitude, 5);
  const int step = (magnitude >> (segment == 0 ? 1 : segment)) & 15;
  return static_cast<std::uint8_t>(((negative ? 0 : 0x80) | segment << 4 | step) ^ 0x55);
}

}  // namespace tandem::media
