#include "controlplane/loop/inbox.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "controlplane/loop/shard_loop.h"

namespace tandem::loop {
namespace {

TEST(Inbox, RunsInOrderAndOnce) {
  Inbox inbox;
  std::vector<int> seen;
  for (int i = 0; i < 3; ++i) inbox.post([&seen, i] { seen.push_back(i); });
  EXPECT_EQ(inbox.run(), 3u);
  EXPECT_EQ(inbox.run(), 0u);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
}

// An errand that posts another: neither a deadlock nor an endless turn.
TEST(Inbox, WhatAnErrandPostsRunsNextTime) {
  Inbox inbox;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    inbox.post(again);
  };
  inbox.post(again);
  EXPECT_EQ(inbox.run(), 1u);
  EXPECT_EQ(inbox.run(), 1u);
  EXPECT_EQ(runs, 2);
}

TEST(Inbox, EveryThreadsErrandsRunOnceAndInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kErrands = 5'000;
  Inbox inbox;
  std::array<int, kThreads> next{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&inbox, &next, t] {
      for (int i = 0; i < kErrands; ++i) {
        inbox.post([&next, t, i] {
          EXPECT_EQ(next[t], i);
          ++next[t];
        });
      }
    });
  }
  for (std::size_t ran = 0; ran < kThreads * kErrands; ran += inbox.run()) {
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(inbox.run(), 0u);
  for (const int count : next) EXPECT_EQ(count, kErrands);
}

class Counting final : public TimerListener {
 public:
  void on_timer(std::uint64_t) override { ++fired; }
  int fired = 0;
};

TEST(ShardLoop, ATurnFiresTimersRunsErrandsAndThenWorks) {
  ShardLoop loop(0, base::Seconds{5});
  Counting timer;
  std::string order;
  loop.wheel().arm(base::Seconds{5} + base::Millis{8}, timer, 0);
  loop.inbox().post([&] { order += timer.fired == 1 ? "errand " : "early "; });
  EXPECT_TRUE(loop.turn(base::Seconds{6}, [&] {
    order += "work";
    return false;
  }));
  EXPECT_EQ(order, "errand work");
  EXPECT_EQ(loop.wheel().now(), base::Seconds{6});
  EXPECT_FALSE(loop.turn(base::Seconds{6}, [] { return false; }));
  EXPECT_TRUE(loop.turn(base::Seconds{6}, [] { return true; }));
}

TEST(ShardLoop, ItsThreadLivesUntilStop) {
  ShardLoop loop(3, base::monotonic_now());
  Counting timer;
  int turns = 0;
  std::atomic<bool> done{false};
  loop.wheel().arm(base::monotonic_now() + base::Millis{10}, timer, 0);
  loop.start([&] {
    ++turns;
    return false;
  });
  loop.inbox().post(
      [&] { loop.inbox().post([&] { done.store(true, std::memory_order_release); }); });
  while (!done.load(std::memory_order_acquire)) std::this_thread::yield();
  loop.stop();
  EXPECT_GE(turns, 1);
  loop.stop();  // twice is once
}

}  // namespace
}  // namespace tandem::loop
