// CLOCK_MONOTONIC for threads that may not call the kernel: the CPU's time stamp counter, turned
// into nanoseconds by an anchor that dataplane main renews each second. Agrees with
// base::monotonic_now() to some microseconds.
#pragma once

#include <cstdint>

#include "drivers/base/clock.h"
#include "drivers/base/snapshot.h"

namespace tandem::port {

struct ClockAnchor {
  std::uint64_t ticks = 0;
  std::int64_t ns = 0;
  std::uint64_t ns_per_tick = 0;  // 32 bits before the point, 32 behind

  base::Nanos at(std::uint64_t now_ticks) const;
};

class TscClock {
 public:
  // Takes 20 ms to measure the counter's rate.
  TscClock();
  // Main only, about once a second: follows the kernel's clock.
  void renew();
  bool read(ClockAnchor& out) const { return anchor_.read(out); }

 private:
  ClockAnchor last_;                    // main's copy
  base::Snapshot<ClockAnchor> anchor_;  // main writes, readers read
};

// One reading thread's view. Never goes back, also where a new anchor would.
class TscReader {
 public:
  explicit TscReader(const TscClock& clock) : clock_(clock) {}
  base::Nanos now();

 private:
  const TscClock& clock_;
  ClockAnchor anchor_;
  base::Nanos last_{};
};

}  // namespace tandem::port
