#include "controlplane/loop/pacer.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::loop {
namespace {

using base::Millis;
using base::Seconds;

constexpr Nanos kStart = Seconds{1000};
constexpr Nanos kTurn{100'000};

// Draws all there is at each turn from `from` to `to`, and once more at `to`.
std::uint64_t draw_all(Pacer& pacer, Nanos from, Nanos to, std::vector<Nanos>* times = nullptr) {
  std::uint64_t sum = 0;
  for (Nanos now = from; now <= to; now += kTurn) {
    const std::uint32_t drawn = pacer.draw(now, UINT32_MAX);
    sum += drawn;
    if (times != nullptr) times->insert(times->end(), drawn, now);
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
  Pacer pacer(3000, Millis{500}, kStart);
  EXPECT_EQ(pacer.draw(kStart, 100), 0u);
  std::vector<Nanos> times;
  EXPECT_EQ(draw_all(pacer, kStart, kStart + Seconds{30}, &times), 180'000u);
  EXPECT_LE(most_within(times, Millis{500}), 3001u);
  EXPECT_LE(most_within(times, Millis{10}), 61u);
  EXPECT_LE(most_within(times, Millis{1}), 7u);
}

TEST(Pacer, MakesUpForAPauseGently) {
  Pacer pacer(3000, Millis{500}, kStart);
  std::vector<Nanos> times;
  std::uint64_t sum = draw_all(pacer, kStart, kStart + Seconds{1}, &times);
  sum += draw_all(pacer, kStart + Millis{1100}, kStart + Seconds{3}, &times);
  EXPECT_GE(sum, 17'998u) << "nothing of it is lost";
  EXPECT_LE(sum, 18'000u);
  EXPECT_LE(most_within(times, Millis{10}), 91u) << "60 would be even";
}

TEST(Pacer, WhatNobodyWantedIsLost) {
  Pacer pacer(3000, Millis{500}, kStart);
  draw_all(pacer, kStart, kStart + Seconds{1});
  std::vector<Nanos> times;
  const auto sum = draw_all(pacer, kStart + Seconds{20}, kStart + Seconds{21}, &times);
  EXPECT_LE(sum, 6001u);
  EXPECT_LE(most_within(times, Millis{500}), 3001u);
}

TEST(Pacer, IsSharedByAll) {
  Pacer pacer(100, Millis{10}, kStart);
  std::uint64_t one = 0;
  std::uint64_t other = 0;
  for (Nanos now = kStart; now <= kStart + Seconds{1}; now += kTurn) {
    one += pacer.draw(now, 1);
    other += pacer.draw(now - Nanos{50}, 1);  // its turn began a little earlier
  }
  EXPECT_EQ(one + other, 10'000u);
}

TEST(Pacer, TakesWhatItIsAskedFor) {
  Pacer pacer(1000, Seconds{1}, kStart);
  EXPECT_EQ(pacer.draw(kStart + Millis{2}, 1), 1u);
  EXPECT_EQ(pacer.draw(kStart + Millis{2}, 5), 1u);
  EXPECT_EQ(pacer.draw(kStart + Millis{2}, 5), 0u);
}

TEST(Pacer, OneInAMinute) {
  Pacer pacer(1, Seconds{60}, kStart);
  EXPECT_EQ(draw_all(pacer, kStart, kStart + Seconds{119}), 1u);
  EXPECT_EQ(draw_all(pacer, kStart + Seconds{119}, kStart + Seconds{120}), 1u);
}

TEST(Pacer, AMillionIn10Ms) {
  Pacer pacer(1'000'000, Millis{10}, kStart);
  EXPECT_EQ(draw_all(pacer, kStart, kStart + Seconds{1}), 100'000'000u);
}

TEST(Pacer, TellsHowLongItTakes) {
  const Pacer pacer(3000, Millis{500}, kStart);
  EXPECT_EQ(pacer.time_for(180'000), Seconds{30});
  EXPECT_EQ(pacer.time_for(1), Nanos{166'667});
}

}  // namespace
}  // namespace tandem::loop
