// What a gateway is doing at the moment: its calls, their rate, whether it rests or is silent, and
// how it has done. Shared by all shards, every word atomic; outlives changes of the gateway's
// settings. Times are of the monotonic clock, handed in.
#pragma once

#include <atomic>
#include <cstdint>

#include "drivers/base/clock.h"

namespace tandem::routing {

// Whether a gateway takes one more call.
enum class Admission : std::uint8_t {
  kTaken,    // its place is held: give_back()
  kLocked,   // by an operator
  kFull,     // capacity
  kTooFast,  // calls_per_s
};

class GatewayLoad {
 public:
  // 0: no limit. A second's worth of calls may come at once.
  Admission take(std::uint32_t capacity, std::uint32_t calls_per_s, base::Nanos now);
  void give_back() { calls_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t calls() const { return calls_.load(std::memory_order_relaxed); }

  // It has asked not to be asked until then (RFC 3261 §20.33).
  void rest(base::Nanos until);
  bool resting(base::Nanos now) const {
    return rests_until_.load(std::memory_order_relaxed) > now.count();
  }
  base::Nanos rests_until() const {
    return base::Nanos{rests_until_.load(std::memory_order_relaxed)};
  }

  // By its health probe.
  void set_silent(bool silent) { silent_.store(silent, std::memory_order_relaxed); }
  // Of its last proper answer; 0: none yet.
  void note_round_trip(base::Nanos took) {
    round_trip_.store(took.count(), std::memory_order_relaxed);
  }
  base::Nanos round_trip() const {
    return base::Nanos{round_trip_.load(std::memory_order_relaxed)};
  }
  bool silent() const { return silent_.load(std::memory_order_relaxed); }

  // How a call that it was asked to take ended.
  void note_outcome(bool answered);
  std::uint64_t asked() const { return asked_.load(std::memory_order_relaxed); }
  std::uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }
  // The answered share of its last calls, some hundred of them, in 1/65536; without any: all.
  std::uint32_t asr() const { return asr_.load(std::memory_order_relaxed); }

 private:
  bool pace(std::uint32_t calls_per_s, base::Nanos now);

  std::atomic<std::uint32_t> calls_{0};
  std::atomic<std::uint32_t> asr_{65'536};
  std::atomic<std::int64_t> next_call_{0};  // ns: when the calls so far would have come evenly
  std::atomic<std::int64_t> rests_until_{0};
  std::atomic<bool> silent_{false};
  std::atomic<std::int64_t> round_trip_{0};
  std::atomic<std::uint64_t> asked_{0};
  std::atomic<std::uint64_t> answered_{0};
};

}  // namespace tandem::routing
