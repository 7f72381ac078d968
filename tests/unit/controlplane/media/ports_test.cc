#include "controlplane/media/ports.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "drivers/base/random.h"

namespace tandem::media {
namespace {

using base::Millis;
using base::Seconds;

wire::CorridorPlan plan_of(std::uint32_t workers, std::uint32_t shards) {
  wire::CorridorPlan plan;
  plan.workers = workers;
  plan.shards = shards;
  plan.address_count = 2;
  return plan;
}
bool nobody(FlowKey) { return false; }

// Of all tests here.
wire::CounterBlock counters;

TEST(MediaPorts, RtpIsEvenAndRtcpStaysInTheRange) {
  for (const auto& [low, high, pairs] : {std::tuple{10000, 10009, 5},
                                         {10001, 10009, 4},
                                         {10000, 10008, 4},
                                         {10001, 10008, 3},
                                         {10001, 10002, 0},
                                         {65532, 65535, 2}}) {
    MediaPorts ports(plan_of(1, 1), 0,
                     {static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)}, true,
                     nobody, counters);
    EXPECT_EQ(ports.free_places(), 2u * static_cast<std::size_t>(pairs)) << low << "," << high;
    while (const auto two = ports.take_two(0, 1, Seconds{1})) {
      for (const auto key : *two) {
        EXPECT_EQ(key.port % 2, 0);
        EXPECT_GE(key.port, low);
        EXPECT_LE(key.port + 1, high);
      }
    }
  }
}

TEST(MediaPorts, TwoShardsNeverHoldTheSamePair) {
  const auto plan = plan_of(3, 4);
  std::set<std::pair<std::uint16_t, std::uint16_t>> all;
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    MediaPorts ports(plan, shard, {10000, 10999}, true, nobody, counters);
    while (const auto two = ports.take_two(0, 1, Seconds{1})) {
      EXPECT_EQ(wire::worker_of_port(plan, (*two)[0].port),
                wire::worker_of_port(plan, (*two)[1].port));
      for (const auto key : *two) {
        EXPECT_EQ(wire::shard_of_port(plan, key.port), shard);
        EXPECT_TRUE(all.insert({key.address, key.port}).second);
      }
    }
  }
  EXPECT_EQ(all.size(), 1000u);
}

TEST(MediaPorts, BothOnOneAddressAreTwoPairs) {
  MediaPorts ports(plan_of(1, 1), 0, {10000, 10005}, true, nobody, counters);
  const auto two = ports.take_two(1, 1, Seconds{1});
  ASSERT_TRUE(two);
  EXPECT_EQ((*two)[0].address, 1);
  EXPECT_EQ((*two)[1].address, 1);
  EXPECT_NE((*two)[0].port, (*two)[1].port);
  EXPECT_FALSE(ports.take_two(1, 1, Seconds{1}));  // one is left, two are needed
  EXPECT_TRUE(ports.take_two(0, 1, Seconds{1}));
}

TEST(MediaPorts, AReleasedPairRestsTwoSeconds) {
  MediaPorts ports(plan_of(1, 1), 0, {10000, 10001}, true, nobody, counters);
  const auto two = ports.take_two(0, 1, Seconds{10});
  ASSERT_TRUE(two);
  EXPECT_FALSE(ports.take_two(0, 1, Seconds{10}));
  for (const auto key : *two) ports.give_back(key, Seconds{10});
  EXPECT_FALSE(ports.take_two(0, 1, Seconds{12} - base::Nanos{1}));
  EXPECT_EQ(ports.free_places(), 2u);  // a refusal takes nothing
  EXPECT_TRUE(ports.take_two(0, 1, Seconds{12}));
}

TEST(MediaPorts, FreshPortsNeedNoRestAtTheMachinesStart) {
  MediaPorts ports(plan_of(1, 1), 0, {10000, 10001}, true, nobody, counters);
  EXPECT_TRUE(ports.take_two(0, 1, base::Nanos{0}));
}

TEST(MediaPorts, CallsGoRoundTheWorkers) {
  const auto plan = plan_of(4, 1);
  MediaPorts ports(plan, 0, {10000, 10999}, true, nobody, counters);
  std::map<std::uint32_t, int> load;
  for (int i = 0; i < 40; ++i) {
    ++load[wire::worker_of_port(plan, (*ports.take_two(0, 1, Seconds{1}))[0].port)];
  }
  for (std::uint32_t w = 0; w < 4; ++w) EXPECT_EQ(load[w], 10) << w;
}

TEST(MediaPorts, AUsedUpWorkerIsPassedOver) {
  const auto plan = plan_of(2, 1);
  // Worker 1 has one pair, worker 0 two.
  MediaPorts ports(plan, 0, {10000, 10005}, true, nobody, counters);
  int taken = 0;
  while (ports.take_two(0, 1, Seconds{1})) ++taken;
  EXPECT_EQ(taken, 3);
}

TEST(MediaPorts, BusyPortsStayOutUntilTheyAreGivenBack) {
  MediaPorts ports(
      plan_of(1, 1), 0, {10000, 10003}, true,
      [](FlowKey key) {
        return key == FlowKey{0, 10001} || key == FlowKey{1, 10002};
      },
      counters);
  EXPECT_EQ(ports.free_places(), 2u);
  const auto two = ports.take_two(0, 1, Seconds{1});
  ASSERT_TRUE(two);
  EXPECT_EQ((*two)[0].port, 10002);
  EXPECT_EQ((*two)[1].port, 10000);
  ports.give_back({0, 10000}, Seconds{1});
  ports.give_back({1, 10002}, Seconds{1});
  EXPECT_TRUE(ports.take_two(0, 1, Seconds{3}));
}

TEST(MediaPorts, OneByOneTheyCarryTwiceTheCalls) {
  MediaPorts pairs(plan_of(1, 1), 0, {10000, 39999}, true, nobody, counters);
  MediaPorts ports(plan_of(1, 1), 0, {10000, 39999}, false, nobody, counters);
  EXPECT_TRUE(pairs.has_rtcp());
  EXPECT_FALSE(ports.has_rtcp());
  int calls[2] = {};
  while (pairs.take_two(0, 0, Seconds{1})) ++calls[0];
  std::set<std::uint16_t> all;
  while (const auto two = ports.take_two(0, 0, Seconds{1})) {
    ++calls[1];
    for (const auto key : *two) EXPECT_TRUE(all.insert(key.port).second);
  }
  EXPECT_EQ(calls[0], 7500);
  EXPECT_EQ(calls[1], 15000);
  EXPECT_EQ(*all.begin(), 10000);
  EXPECT_EQ(*all.rbegin(), 39999);
}

TEST(MediaPorts, OneByOneBusyOnesStayOut) {
  MediaPorts ports(
      plan_of(1, 1), 0, {10001, 10004}, false, [](FlowKey key) { return key.port == 10002; },
      counters);
  EXPECT_EQ(ports.free_places(), 6u);
  ports.give_back({0, 10002}, Seconds{1});
  EXPECT_EQ(ports.free_places(), 7u);
}

TEST(MediaPorts, WhatIsNotOutIsNotTakenBack) {
  MediaPorts ports(plan_of(1, 1), 0, {10000, 10003}, true, nobody, counters);
  const auto two = ports.take_two(0, 1, Seconds{1});
  ASSERT_TRUE(two);
  for (int i = 0; i < 2; ++i) ports.give_back((*two)[0], Seconds{1});
  ports.give_back({0, 10002}, Seconds{1});
  ports.give_back({9, 10002}, Seconds{1});
  EXPECT_EQ(ports.free_places(), 3u);
}

TEST(MediaPorts, EachRefusalIsCounted) {
  MediaPorts ports(plan_of(2, 1), 0, {10000, 10003}, true, nobody, counters);
  const auto before = counters.get(wire::Counter::media_ports_exhausted);
  while (ports.take_two(0, 1, Seconds{1})) {
  }
  EXPECT_EQ(counters.get(wire::Counter::media_ports_exhausted), before + 1);
}

TEST(MediaPorts, APairOutsideTheRangeIsNotHandedOut) {
  MediaPorts ports(plan_of(1, 1), 0, {10000, 10003}, true, nobody, counters);
  ports.give_back({0, 20000}, Seconds{1});  // of a former control plane with another range
  ports.give_back({0, 9998}, Seconds{1});
  EXPECT_EQ(ports.free_places(), 4u);
}

// Random calls: no pair is ever in two hands, none comes back early, none is lost.
TEST(MediaPorts, NoPairIsInTwoHands) {
  const auto plan = plan_of(3, 1);
  MediaPorts ports(plan, 0, {10000, 10199}, true, nobody, counters);
  base::SeededRandom random(8);
  std::map<std::pair<std::uint16_t, std::uint16_t>, base::Nanos> rests;
  std::vector<std::array<FlowKey, 2>> calls;
  std::set<std::pair<std::uint16_t, std::uint16_t>> held;
  base::Nanos now = Seconds{1};
  for (int step = 0; step < 20'000; ++step) {
    now += Millis{random.next() % 30};
    if (random.next() % 2 == 0) {
      const auto a = static_cast<std::uint32_t>(random.next() % 2);
      const auto b = static_cast<std::uint32_t>(random.next() % 2);
      const auto two = ports.take_two(a, b, now);
      if (!two) continue;
      for (const auto key : *two) {
        ASSERT_TRUE(held.insert({key.address, key.port}).second);
        const auto rested = rests.find({key.address, key.port});
        if (rested != rests.end()) {
          ASSERT_GE(now - rested->second, MediaPorts::kQuarantine);
        }
      }
      calls.push_back(*two);
    } else if (!calls.empty()) {
      std::swap(calls[random.next() % calls.size()], calls.back());
      for (const auto key : calls.back()) {
        ports.give_back(key, now);
        held.erase({key.address, key.port});
        rests[{key.address, key.port}] = now;
      }
      calls.pop_back();
    }
    ASSERT_EQ(ports.free_places() + held.size(), 200u);
  }
}

}  // namespace
}  // namespace tandem::media
