#include "controlplane/loop/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tandem::loop {
namespace {

using base::Millis;
using base::Seconds;

constexpr Nanos kFrom = Seconds{1000};
constexpr Nanos kTurn{100'000};

// Draws all there is at each turn from `from` to `to`, and once more at `to`.
std::uint64_t draw_all(Pacer& pacer, Nanos from, Nanos to, std::vector<Nanos>* times = nullptr) {
  std::uint64_t sum = 0;
  for (Nanos now = from; now <= to; now += kTurn) {
    for (; pacer.draw(now); ++sum) {
      if (times != nullptr) times->push_back(now);
    }
  }
  return sum;
}

std::size_t most_within(const std::vector<Nanos>& times, Nanos window) {
  std::size_t most = 0;
  for (std::size_t begin = 0, end = 0; end < times.size(); ++end) {
    while (times[end] - times[begin] >= window) ++begin;
    most = std::max(most, end - begin + 1);
  }
  return most;
}

TEST(Pacer, GivesItsRateAndNoMore) {
  Pacer pacer(3000, Millis{500}, kFrom);
  EXPECT_FALSE(pacer.draw(kFrom));
  std::vector<Nanos> times;
  EXPECT_EQ(draw_all(pacer, kFrom, kFrom + Seconds{30}, &times), 180'000u);
  EXPECT_LE(most_within(times, Millis{500}), 3001u);
  EXPECT_LE(most_within(times, Millis{10}), 61u);
  EXPECT_LE(most_within(times, Millis{1}), 7u);
}

TEST(Pacer, MakesUpForAPauseGently) {
  Pacer pacer(3000, Millis{500}, kFrom);
  std::vector<Nanos> times;
  std::uint64_t sum = draw_all(pacer, kFrom, kFrom + Seconds{1}, &times);
  sum += draw_all(pacer, kFrom + Millis{1100}, kFrom + Seconds{3}, &times);
  EXPECT_GE(sum, 17'998u) << "nothing of it is lost";
  EXPECT_LE(sum, 18'000u);
  EXPECT_LE(most_within(times, Millis{10}), 91u) << "60 would be even";
}

TEST(Pacer, WhatNobodyWantedIsLost) {
  Pacer pacer(3000, Millis{500}, kFrom);
  draw_all(pacer, kFrom, kFrom + Seconds{1});
  std::vector<Nanos> times;
  const auto sum = draw_all(pacer, kFrom + Seconds{20}, kFrom + Seconds{21}, &times);
  EXPECT_LE(sum, 6001u);
  EXPECT_LE(most_within(times, Millis{500}), 3001u);
}

TEST(Pacer, AShareOfTheRate) {
  Pacer third(3000, Millis{500}, kFrom);
  Pacer rest(3000, Millis{500}, kFrom);
  third.set_share(1.0 / 3);
  rest.set_share(2.0 / 3);
  EXPECT_EQ(draw_all(third, kFrom, kFrom + Seconds{10}), 20'000u);
  EXPECT_EQ(draw_all(rest, kFrom, kFrom + Seconds{10}), 40'000u);
}

TEST(Pacer, OneInAMinute) {
  Pacer pacer(1, Seconds{60}, kFrom);
  EXPECT_EQ(draw_all(pacer, kFrom, kFrom + Seconds{119}), 1u);
  EXPECT_EQ(draw_all(pacer, kFrom + Seconds{119}, kFrom + Seconds{120}), 1u);
}

TEST(Pacer, AMillionIn100Ms) {
  Pacer pacer(1'000'000, Millis{100}, kFrom);
  EXPECT_EQ(draw_all(pacer, kFrom, kFrom + Seconds{1}), 10'000'000u);
}

TEST(Pacer, TellsHowLongItTakes) {
  const Pacer pacer(3000, Millis{500}, kFrom);
  EXPECT_EQ(pacer.time_for(180'000), Seconds{30});
  EXPECT_EQ(pacer.time_for(1), Nanos{166'667});
}

}  // namespace
}  // namespace tandem::loop
