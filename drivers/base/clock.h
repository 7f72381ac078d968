// The only door to the machine's time. Threads read it once a turn and pass the reading down, so
// that tests own time.
#pragma once

#include <chrono>
#include <cstdint>

namespace tandem::base {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

// Time since an arbitrary start, never going back (CLOCK_MONOTONIC): the same for all processes of
// the machine, so it may cross the corridor.
Nanos monotonic_now();

// Milliseconds since 1970 (CLOCK_REALTIME), for records that people read.
std::int64_t wall_ms_now();

// "2026-11-21T01:52:03.123Z" of a wall_ms.
struct WallText {
  char text[32];
};
WallText format_wall_ms(std::int64_t wall_ms);

}  // namespace tandem::base
