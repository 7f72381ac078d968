// Named counters. A block is an array with one row per line of counters.def; each block has one
// writing thread (a worker's block lies in the segment), any process may read it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tandem::wire {

enum class Counter : std::uint32_t {
#define COUNTER(name, unit, sentence) name,
#include "drivers/wire/counters.def"
#undef COUNTER
  kCount
};

inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::kCount);

struct CounterInfo {
  std::string_view name;
  std::string_view unit;
  std::string_view sentence;
};
const std::array<CounterInfo, kCounterCount>& counter_infos();

class CounterBlock {
 public:
  // Owner thread only: a plain add, made of a relaxed load and store.
  void add(Counter counter, std::uint64_t amount = 1) {
    auto& row = rows_[static_cast<std::size_t>(counter)];
    row.store(row.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t get(Counter counter) const { return get(static_cast<std::size_t>(counter)); }
  std::uint64_t get(std::size_t row) const { return rows_[row].load(std::memory_order_relaxed); }

 private:
  alignas(64) std::array<std::atomic<std::uint64_t>, kCounterCount> rows_{};
};

}  // namespace tandem::wire
