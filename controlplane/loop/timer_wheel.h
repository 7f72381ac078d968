// Timers of one thread: a flat wheel of slots, nodes by index (no pointers, no cascade stalls).
// Arming, re-arming and cancelling are O(1); a timer fires in the first advance() at or after its
// deadline, never early, at most one tick late plus the time between two advances.
//
// A deadline beyond one round of the wheel stays in its slot and is passed over until its round.
// Owner: one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/base/clock.h"

namespace tandem::loop {

using base::Nanos;

class TimerListener {
 public:
  // `word` is what arm() was given. The timer is already off when this is called.
  virtual void on_timer(std::uint64_t word) = 0;

 protected:
  ~TimerListener() = default;
};

// {0} is no timer. A fired or cancelled timer's id finds nothing, so keeping one is harmless.
struct TimerId {
  std::uint64_t raw = 0;
};

class TimerWheel {
 public:
  TimerWheel(Nanos tick, std::uint32_t slots, Nanos start);

  TimerId arm(Nanos deadline, TimerListener& listener, std::uint64_t word);
  void cancel(TimerId& id);
  bool armed(TimerId id) const;

  // Fires everything due, at most `most` timers (the rest in the next call). Returns how many
  // fired. now() is `now` from here on. Listeners may arm and cancel.
  std::uint32_t advance(Nanos now, std::uint32_t most = UINT32_MAX);

  // The time of this turn; the thread's only notion of "now".
  Nanos now() const { return now_; }
  std::uint32_t live() const { return live_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Node {
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;  // kNone: first of its slot
    std::uint64_t due_tick = 0;
    std::uint32_t generation = 0;
    std::uint32_t slot = kNone;  // kNone: free
    TimerListener* listener = nullptr;
    std::uint64_t word = 0;
  };

  std::uint64_t tick_of(Nanos time) const;
  std::uint32_t node_of(TimerId id) const;
  void unlink(std::uint32_t index);
  void fire(std::uint32_t index);

  Nanos tick_;
  Nanos now_;
  std::uint64_t done_tick_;  // all timers due up to and including this tick have fired
  std::uint32_t live_ = 0;
  std::uint32_t free_ = kNone;
  std::uint32_t cursor_ = kNone;  // the node that advance() looks at next
  std::vector<std::uint32_t> slots_;
  std::vector<Node> nodes_;
};

}  // namespace tandem::loop
