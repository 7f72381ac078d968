#include "drivers/wire/sound_bank.h"

#include <algorithm>

namespace tandem::wire {

void SoundBank::clear() { count_.store(0, std::memory_order_release); }

int SoundBank::add(std::span<const std::uint8_t> pcmu, std::span<const std::uint8_t> pcma) {
  const std::uint32_t number = count_.load(std::memory_order_relaxed);
  std::size_t begin = 0;
  if (number != 0) {
    const Place& last = places_[number - 1];
    begin =
        last.begin.load(std::memory_order_relaxed) + last.samples.load(std::memory_order_relaxed);
  }
  if (number == kSounds || pcmu.size() > kSamples - begin) return -1;
  std::copy(pcmu.begin(), pcmu.end(), pcmu_.begin() + static_cast<std::ptrdiff_t>(begin));
  std::copy(pcma.begin(), pcma.end(), pcma_.begin() + static_cast<std::ptrdiff_t>(begin));
  places_[number].begin.store(static_cast<std::uint32_t>(begin), std::memory_order_relaxed);
  places_[number].samples.store(static_cast<std::uint32_t>(pcmu.size()), std::memory_order_relaxed);
  count_.store(number + 1, std::memory_order_release);
  return static_cast<int>(number);
}

Sound SoundBank::find(std::uint32_t number) const {
  if (number >= kSounds || number >= count_.load(std::memory_order_acquire)) return {};
  const std::uint32_t begin = places_[number].begin.load(std::memory_order_relaxed);
  const std::uint32_t samples = places_[number].samples.load(std::memory_order_relaxed);
  if (samples == 0 || begin > kSamples || samples > kSamples - begin) return {};
  return {pcmu_.data() + begin, pcma_.data() + begin, samples};
}

}  // namespace tandem::wire
