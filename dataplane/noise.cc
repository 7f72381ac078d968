#include "dataplane/noise.h"

#include <array>

namespace tandem::dataplane {
namespace {

constexpr std::size_t kChords = 8;
constexpr std::size_t kFewest = 80;  // 10 ms
// Chi-square of eight chords, seven degrees of freedom: noise is above this once in 1,000 times.
constexpr std::uint64_t kChiSquareMost = 24;

}  // namespace

bool is_noise(ConstBytes g711) {
  const std::size_t size = g711.size();
  if (size < kFewest) return false;
  std::array<std::uint32_t, kChords> counts{};
  std::size_t turns = 0;
  unsigned former = std::to_integer<unsigned>(g711[0]);
  for (const std::byte each : g711) {
    const auto octet = std::to_integer<unsigned>(each);
    ++counts[(octet >> 4) & 7];  // the A-law's inverted bits only swap chords
    turns += (octet ^ former) >> 7;
    former = octet;
  }
  // Of 160 signs half turn, give or take 6; a third is five times that away.
  if (turns < size / 3 || turns > size - size / 3) return false;
  std::uint64_t squares = 0;
  for (const std::uint64_t count : counts) squares += count * count;
  // Sum of (count − size/8)² / (size/8).
  return squares * kChords - std::uint64_t{size} * size <= kChiSquareMost * size;
}

}  // namespace tandem::dataplane
