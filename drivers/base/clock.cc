#include "drivers/base/clock.h"

#include <cstdio>
#include <ctime>

namespace tandem::base {

Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return Nanos{t.tv_sec * 1'000'000'000L + t.tv_nsec};
}

std::int64_t wall_ms_now() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000L + t.tv_nsec / 1'000'000L;
}

WallText format_wall_ms(std::int64_t wall_ms) {
  const time_t seconds = wall_ms / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  WallText out{};
  char stamp[24];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out.text, sizeof out.text, "%s.%03dZ", stamp, static_cast<int>(wall_ms % 1000));
  return out;
}

}  // namespace tandem::base
