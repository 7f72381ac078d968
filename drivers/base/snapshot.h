// A value that one thread writes and any thread or process reads without stopping it (a sequence
// lock). A reader never sees half of a write: it tries again, and gives up after some tries, since
// the writer may have died in the middle.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tandem::base {

template <typename T>
class Snapshot {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  static constexpr std::size_t kWords = sizeof(T) / 8;

 public:
  // Owner thread only. A predecessor that died inside write() left an odd sequence: mended here.
  void write(const T& value) {
    const auto* words = reinterpret_cast<const unsigned char*>(&value);
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed) | 1;
    sequence_.store(sequence, std::memory_order_relaxed);
    // Each word is released, so whoever reads one of them sees the odd sequence too: no fence is
    // needed (and race checkers can't follow one).
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint64_t word;
      std::memcpy(&word, words + i * 8, 8);
      words_[i].store(word, std::memory_order_release);
    }
    sequence_.store(sequence + 1, std::memory_order_release);
  }

  // False when the value was never written, or when the writer stands in the middle for too long.
  bool read(T& out) const {
    auto* words = reinterpret_cast<unsigned char*>(&out);
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      if (before == 0) return false;
      if (before & 1) continue;
      for (std::size_t i = 0; i < kWords; ++i) {
        const std::uint64_t word = words_[i].load(std::memory_order_acquire);
        std::memcpy(words + i * 8, &word, 8);
      }
      if (sequence_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  std::atomic<std::uint64_t> sequence_{0};  // odd while being written
  std::atomic<std::uint64_t> words_[kWords]{};
};

}  // namespace tandem::base
