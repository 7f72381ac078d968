#include "drivers/port/tsc_clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::port {
namespace {

TEST(ClockAnchor, CountsFromItsMoment) {
  const ClockAnchor anchor{1000, 5'000'000, std::uint64_t{1} << 31};  // half a nanosecond a tick
  EXPECT_EQ(anchor.at(1000).count(), 5'000'000);
  EXPECT_EQ(anchor.at(3000).count(), 5'001'000);
  EXPECT_EQ(anchor.at(10).count(), 5'000'000) << "a reading older than the anchor";
  // Days without a new anchor overflow nothing.
  EXPECT_EQ(anchor.at(1000 + (std::uint64_t{1} << 50)).count(),
            5'000'000 + (std::int64_t{1} << 49));
}

TEST(TscClock, FollowsTheKernelsClock) {
  TscClock clock;
  TscReader reader(clock);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(base::Millis{10});
    // Taken out of its CPU between the readings, a try says nothing: the best of some counts.
    std::int64_t nearest = INT64_MAX;
    for (int k = 0; k < 20; ++k) {
      const std::int64_t before = base::monotonic_now().count();
      const std::int64_t mine = reader.now().count();
      const std::int64_t after = base::monotonic_now().count();
      nearest = std::min(nearest, std::max(before - mine, mine - after));
    }
    EXPECT_LT(nearest, 1'000'000) << "more than a millisecond off";
    clock.renew();
  }
}

TEST(TscClock, NeverGoesBack) {
  TscClock clock;
  TscReader reader(clock);
  base::Nanos last{};
  for (int i = 0; i < 20000; ++i) {
    if (i % 1000 == 0) clock.renew();
    const base::Nanos now = reader.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace tandem::port
