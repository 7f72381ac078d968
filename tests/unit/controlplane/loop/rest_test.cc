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
  EXPECT_EQ(rest.length(now + us(1)), Rest::kNap);
  EXPECT_EQ(rest.length(now + us(600)), Rest::kNap);
}

TEST(Rest, DenseWorkIsSpunForAndThenNot) {
  Nanos now = Millis{1000};
  Rest rest(now);
  for (int i = 0; i < 100; ++i) rest.found(now += us(10));
  EXPECT_EQ(rest.length(now + us(1)), Nanos{});
  EXPECT_EQ(rest.length(now + us(49)), Nanos{});
  EXPECT_EQ(rest.length(now + us(50)), Rest::kNap);
}

TEST(Rest, OneFindAfterALongPauseIsNoDensity) {
  Nanos now = Millis{1000};
  Rest rest(now);
  rest.found(now += Millis{500});
  EXPECT_EQ(rest.length(now + us(1)), Rest::kNap);
}

// Nobody waits longer than this for a look.
TEST(Rest, NoNapIsLongerThanAMillisecond) { EXPECT_LE(Rest::kNap, Millis{1}); }

// Turns for 100 ms, one each `gap`, with so many messages each; were naps light at the end?
bool light_after(Nanos gap, std::uint32_t messages) {
  Nanos now = Millis{1000};
  Rest rest(now);
  for (Nanos end = now + Millis{100}; now < end;) rest.brought(now += gap, messages);
  return rest.light();
}

TEST(Rest, SocketsEndNapsWhileMessagesAreFew) {
  EXPECT_TRUE(Rest(Millis{1000}).light());
  EXPECT_TRUE(light_after(Millis{1}, 0));
  EXPECT_TRUE(light_after(Millis{1}, 1));  // 1000 a second
  EXPECT_TRUE(light_after(us(100), 0));
}

TEST(Rest, WhatFlowsIsGathered) {
  EXPECT_FALSE(light_after(Millis{1}, 2));
  EXPECT_FALSE(light_after(us(200), 1));
  EXPECT_FALSE(light_after(Millis{1}, 60));
}

TEST(Rest, AFlowThatEndsIsForgotten) {
  Nanos now = Millis{1000};
  Rest rest(now);
  for (int i = 0; i < 100; ++i) rest.brought(now += Millis{1}, 7);
  EXPECT_FALSE(rest.light());
  // Within two windows, or at the first look after a gap.
  for (int i = 0; i < 20; ++i) rest.brought(now += Millis{1}, 0);
  EXPECT_TRUE(rest.light());
  for (int i = 0; i < 20; ++i) rest.brought(now += Millis{1}, 7);
  EXPECT_FALSE(rest.light());
  rest.brought(now += Millis{500}, 7);
  EXPECT_TRUE(rest.light());
}

}  // namespace
}  // namespace tandem::loop
