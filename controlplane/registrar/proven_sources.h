// The addresses where somebody has proven a password lately: a Bloom filter in two generations, so
// that millions of phones need no more memory than one, and strangers can push nobody out. One in
// some hundreds of other addresses is taken for proven when a million are: that makes it no friend,
// it is only not suspended for silence. Any thread; turn() is one thread's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "drivers/base/clock.h"
#include "drivers/base/keyed_hash.h"

namespace tandem::registrar {

class ProvenSources {
 public:
  using Key = base::KeyedHash::Digest;

  // `life`: so long at least, and twice as long at most, an address is remembered.
  explicit ProvenSources(base::Nanos life) : life_(life) {
    for (auto& generation : generations_) {
      generation = std::make_unique<std::atomic<std::uint64_t>[]>(kWords);
    }
  }

  void add(const Key& source) {
    auto& words = generations_[present_.load(std::memory_order_relaxed)];
    each_bit(source, [&](std::uint32_t bit) {
      std::atomic<std::uint64_t>& word = words[bit / 64];
      const std::uint64_t mask = std::uint64_t{1} << bit % 64;
      // Phones come again and again: most of them write nothing.
      if ((word.load(std::memory_order_relaxed) & mask) == 0) {
        word.fetch_or(mask, std::memory_order_relaxed);
      }
    });
  }

  bool has(const Key& source) const {
    for (const auto& words : generations_) {
      bool all = true;
      each_bit(source, [&](std::uint32_t bit) {
        all = all && (words[bit / 64].load(std::memory_order_relaxed) >> bit % 64 & 1) != 0;
      });
      if (all) return true;
    }
    return false;
  }

  // Now and then: begins another generation when it is time.
  void turn(base::Nanos now) {
    if (due_ == base::Nanos{}) due_ = now + life_;
    if (now < due_) return;
    due_ = now + life_;
    const std::uint32_t next = 1 - present_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < kWords; ++i) {
      generations_[next][i].store(0, std::memory_order_relaxed);
    }
    present_.store(next, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kBits = 1U << 24;  // 2 MiB a generation
  static constexpr std::uint32_t kWords = kBits / 64;

  template <typename Visit>
  static void each_bit(const Key& key, Visit&& visit) {
    for (const std::uint64_t word : {key.low, key.low >> 24, key.high, key.high >> 24}) {
      visit(static_cast<std::uint32_t>(word & (kBits - 1)));
    }
  }

  base::Nanos life_;
  base::Nanos due_{};
  std::unique_ptr<std::atomic<std::uint64_t>[]> generations_[2];
  std::atomic<std::uint32_t> present_{0};
};

}  // namespace tandem::registrar
