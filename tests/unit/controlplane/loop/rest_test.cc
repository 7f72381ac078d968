#include "controlplane/loop/rest.h"

#include <gtest/gtest.h>

namespace tandem::loop {
namespace {

using base::Millis;

constexpr Nanos us(int n) { return Nanos{n * 1000}; }

TEST(Rest, SparseWorkIsNotSpunFor) {
  Nanos now = Millis{1000};
  Rest rest(now);
  for (int i = 0; i < 100; ++i) rest.found(now += us(150));
  EXPECT_EQ(rest.length(now + us(1)), us(500));
  EXPECT_EQ(rest.length(now + us(600)), us(500));
}

TEST(Rest, DenseWorkIsSpunForAndThenNot) {
  Nanos now = Millis{1000};
  Rest rest(now);
  for (int i = 0; i < 100; ++i) rest.found(now += us(10));
  EXPECT_EQ(rest.length(now + us(1)), Nanos{});
  EXPECT_EQ(rest.length(now + us(49)), Nanos{});
  EXPECT_EQ(rest.length(now + us(50)), us(500));
}

TEST(Rest, ALongPauseIsSleptThroughInLongNaps) {
  Nanos now = Millis{1000};
  Rest rest(now);
  EXPECT_EQ(rest.length(now + Millis{49}), us(500));
  EXPECT_EQ(rest.length(now + Millis{50}), Millis{1});
  // One find after a long pause is no density.
  rest.found(now += Millis{500});
  EXPECT_EQ(rest.length(now + us(1)), us(500));
}

}  // namespace
}  // namespace tandem::loop
