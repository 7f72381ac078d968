#include "dataplane/flood_guard.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace tandem::dataplane {
namespace {

using base::Seconds;

constexpr base::Nanos kNow = Seconds{1000};

class FloodGuardTest : public ::testing::Test {
 protected:
  FloodGuard guard{42};
};

TEST_F(FloodGuardTest, DropsUntilTheTimeIsUp) {
  EXPECT_FALSE(guard.drops(7, kNow));
  EXPECT_TRUE(guard.suspend(7, kNow + Seconds{60}, kNow));
  EXPECT_TRUE(guard.drops(7, kNow));
  EXPECT_TRUE(guard.drops(7, kNow + Seconds{60} - base::Nanos{1}));
  EXPECT_FALSE(guard.drops(7, kNow + Seconds{60}));
  EXPECT_FALSE(guard.drops(8, kNow));
}

TEST_F(FloodGuardTest, TheLatestTimeCounts) {
  guard.suspend(7, kNow + Seconds{60}, kNow);
  guard.suspend(7, kNow + Seconds{10}, kNow);
  EXPECT_EQ(guard.count(), 1u);
  EXPECT_FALSE(guard.drops(7, kNow + Seconds{11}));
}

TEST_F(FloodGuardTest, LiftsOneOrAll) {
  for (std::uint32_t address = 1; address <= 100; ++address) {
    guard.suspend(address, kNow + Seconds{60}, kNow);
  }
  guard.lift(50);
  guard.lift(200);  // never was there
  EXPECT_FALSE(guard.drops(50, kNow));
  EXPECT_TRUE(guard.drops(49, kNow));
  EXPECT_EQ(guard.count(), 99u);
  guard.lift_all();
  EXPECT_EQ(guard.count(), 0u);
  EXPECT_FALSE(guard.drops(49, kNow));
  EXPECT_TRUE(guard.suspend(49, kNow + Seconds{60}, kNow));
}

TEST_F(FloodGuardTest, HoldsAsManyAsItSaysAndNoMore) {
  for (std::uint32_t address = 1; address <= FloodGuard::kMost; ++address) {
    ASSERT_TRUE(guard.suspend(address, kNow + Seconds{60}, kNow));
  }
  EXPECT_FALSE(guard.suspend(FloodGuard::kMost + 1, kNow + Seconds{60}, kNow));
  EXPECT_TRUE(guard.suspend(1, kNow + Seconds{90}, kNow));  // who is there already
  for (std::uint32_t address = 1; address <= FloodGuard::kMost; ++address) {
    ASSERT_TRUE(guard.drops(address, kNow));
  }
  EXPECT_FALSE(guard.drops(FloodGuard::kMost + 1, kNow));
}

// What is over makes room by itself, turn by turn.
TEST_F(FloodGuardTest, WhatIsOverGoes) {
  for (std::uint32_t address = 1; address <= FloodGuard::kMost; ++address) {
    guard.suspend(address, kNow + Seconds{address % 2 == 0 ? 60 : 600}, kNow);
  }
  for (std::uint32_t turn = 0; turn < 3 * FloodGuard::kMost; ++turn) {
    guard.tend(kNow + Seconds{61});
  }
  EXPECT_EQ(guard.count(), FloodGuard::kMost / 2);
  for (std::uint32_t address = 1; address <= FloodGuard::kMost; ++address) {
    ASSERT_EQ(guard.drops(address, kNow + Seconds{61}), address % 2 != 0);
  }
  EXPECT_TRUE(guard.suspend(FloodGuard::kMost + 1, kNow + Seconds{120}, kNow + Seconds{61}));
}

// Against a map that is right by its looks.
TEST_F(FloodGuardTest, AnyOrderOfOrders) {
  std::mt19937 twister(1);
  const auto engine = [&] { return static_cast<std::uint32_t>(twister()); };
  std::unordered_map<std::uint32_t, base::Nanos> model;
  base::Nanos now = kNow;
  for (int step = 0; step < 200'000; ++step) {
    const std::uint32_t address = engine() % 5000 + 1;
    const auto until = now + base::Millis{engine() % 4000 + 1};
    switch (engine() % 4) {
      case 0:
      case 1:
        ASSERT_TRUE(guard.suspend(address, until, now));
        model[address] = until;
        break;
      case 2:
        guard.lift(address);
        model.erase(address);
        break;
      default:
        now += base::Millis{engine() % 3};
        guard.tend(now);
    }
    const std::uint32_t asked = engine() % 5000 + 1;
    const auto found = model.find(asked);
    ASSERT_EQ(guard.drops(asked, now), found != model.end() && found->second > now) << step;
  }
}

TEST(FloodGuard, WhatHasBegunPassesAtAMeasure) {
  FloodGuard guard(7);
  const auto passes = [&](std::string_view text, base::Nanos now) {
    return guard.passes(std::as_bytes(std::span(text.data(), text.size())), now);
  };
  const base::Nanos start = base::Seconds{5};
  EXPECT_FALSE(passes("INVITE sip:a SIP/2.0", start));
  EXPECT_TRUE(passes("BYE sip:a SIP/2.0", start));
  std::uint32_t passed = 1;
  while (passes("BYE sip:a SIP/2.0", start + base::Millis{999})) ++passed;
  EXPECT_EQ(passed, FloodGuard::kPassedMost);
  EXPECT_TRUE(passes("BYE sip:a SIP/2.0", start + base::Seconds{1}));
}

}  // namespace
}  // namespace tandem::dataplane
