#include "drivers/base/clock.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::base {
namespace {

std::string text(std::int64_t wall_ms) { return format_wall_ms(wall_ms).text; }

TEST(Clock, WallTimeIsUtcWithMilliseconds) {
  EXPECT_EQ(text(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(text(1), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(text(1'709'251'199'999), "2024-02-29T23:59:59.999Z");
  EXPECT_EQ(text(1'709'251'200'000), "2024-03-01T00:00:00.000Z");
  EXPECT_EQ(text(2'147'483'648'050), "2038-01-19T03:14:08.050Z");
  EXPECT_EQ(text(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
}

TEST(Clock, MonotonicNeverGoesBack) {
  auto last = monotonic_now();
  EXPECT_GT(last.count(), 0);
  for (int i = 0; i < 10'000; ++i) {
    const auto now = monotonic_now();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(wall_ms_now(), 1'700'000'000'000);
}

}  // namespace
}  // namespace tandem::base
