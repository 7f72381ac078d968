#include "drivers/port/tsc_clock.h"

#include <rte_cycles.h>

#include <algorithm>
#include <thread>

namespace tandem::port {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr auto kCalibration = base::Millis{20};
constexpr int kReadings = 8;

struct Reading {
  std::uint64_t ticks = 0;
  std::int64_t ns = 0;
};

// Both clocks at one moment: of some tries the one that took the shortest time.
Reading read_both() {
  Reading best;
  std::uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < kReadings; ++i) {
    const std::uint64_t before = rte_rdtsc_precise();
    const std::int64_t ns = base::monotonic_now().count();
    const std::uint64_t took = rte_rdtsc_precise() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = {before + took / 2, ns};
  }
  return best;
}

ClockAnchor anchor_between(const Reading& from, const Reading& to) {
  ClockAnchor out;
  out.ticks = to.ticks;
  out.ns = to.ns;
  out.ns_per_tick = static_cast<std::uint64_t>((static_cast<Wide>(to.ns - from.ns) << 32) /
                                               (to.ticks - from.ticks));
  return out;
}

}  // namespace

base::Nanos ClockAnchor::at(std::uint64_t now_ticks) const {
  if (now_ticks <= ticks) return base::Nanos{ns};
  const auto since = static_cast<Wide>(now_ticks - ticks) * ns_per_tick >> 32;
  return base::Nanos{ns + static_cast<std::int64_t>(since)};
}

TscClock::TscClock() {
  const Reading from = read_both();
  std::this_thread::sleep_for(kCalibration);
  last_ = anchor_between(from, read_both());
  anchor_.write(last_);
}

void TscClock::renew() {
  last_ = anchor_between({last_.ticks, last_.ns}, read_both());
  anchor_.write(last_);
}

base::Nanos TscReader::now() {
  // When main stands in the middle of a write the former anchor still serves.
  clock_.read(anchor_);
  last_ = std::max(last_, anchor_.at(rte_rdtsc()));
  return last_;
}

}  // namespace tandem::port
