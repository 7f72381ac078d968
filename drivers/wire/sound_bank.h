// What the switch can play, as G.711 samples in both laws: a part of the segment. The control plane
// fills it at its start, before it orders the first play, and leaves it alone then; workers read it
// where it lies. A restarted control plane with other sounds writes over them: what is being played
// meanwhile changes its sound, and never leaves the bank, for a reader takes no number unchecked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::wire {

// A sound's samples of 8 kHz, one octet each, once as PCMU and once as PCMA.
struct Sound {
  const std::uint8_t* pcmu = nullptr;  // nullptr: there is no such sound
  const std::uint8_t* pcma = nullptr;
  std::uint32_t samples = 0;
};

class SoundBank {
 public:
  static constexpr std::size_t kSounds = 256;
  static constexpr std::size_t kSamples = 4u << 20;  // of all together: 8 minutes and 44 seconds

  // Control plane: nothing is in it then.
  void clear();
  // Its number, or -1: no room. REQUIRES: both of one size, which isn't 0.
  int add(std::span<const std::uint8_t> pcmu, std::span<const std::uint8_t> pcma);

  // Worker: bounds are checked here.
  Sound find(std::uint32_t number) const;

 private:
  struct Place {
    std::atomic<std::uint32_t> begin;
    std::atomic<std::uint32_t> samples;
  };

  std::atomic<std::uint32_t> count_;
  std::array<Place, kSounds> places_;
  std::array<std::uint8_t, kSamples> pcmu_;
  std::array<std::uint8_t, kSamples> pcma_;
};

}  // namespace tandem::wire
