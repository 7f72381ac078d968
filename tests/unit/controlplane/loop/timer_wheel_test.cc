#include "controlplane/loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <vector>

#include "drivers/base/random.h"

namespace tandem::loop {
namespace {

using base::Millis;
using base::Seconds;

constexpr Nanos kTick = Millis{8};
constexpr Nanos kStart = Seconds{1000};

class Wheel : public ::testing::Test, protected TimerListener {
 protected:
  void on_timer(std::uint64_t word) override {
    fired.push_back(word);
    if (act) act(word);
  }
  TimerId arm(Nanos after, std::uint64_t word) {
    return wheel.arm(wheel.now() + after, *this, word);
  }
  void run(Nanos duration) { wheel.advance(wheel.now() + duration); }

  TimerWheel wheel{kTick, 64, kStart};  // a round is 512 ms
  std::vector<std::uint64_t> fired;
  std::function<void(std::uint64_t)> act;
};

TEST_F(Wheel, FiresAtItsDeadlineAndNeverEarly) {
  arm(Millis{100}, 1);
  run(Millis{100} - Nanos{1});
  EXPECT_TRUE(fired.empty());
  run(kTick + Nanos{1});
  EXPECT_EQ(fired, std::vector<std::uint64_t>{1});
  EXPECT_EQ(wheel.live(), 0u);
}

TEST_F(Wheel, ADeadlineOnATickFiresOnThatTick) {
  arm(kTick, 1);
  run(kTick - Nanos{1});
  EXPECT_TRUE(fired.empty());
  run(Nanos{1});
  EXPECT_EQ(fired.size(), 1u);
}

TEST_F(Wheel, FiresInTheOrderOfTicks) {
  for (std::uint64_t i = 0; i < 200; ++i) arm(kTick * ((i * 37) % 200 + 1), (i * 37) % 200);
  EXPECT_EQ(wheel.advance(kStart + Seconds{10}), 200u);
  ASSERT_EQ(fired.size(), 200u);
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(fired[i], i);
}

TEST_F(Wheel, ADeadlineBeyondOneRoundWaitsForItsRound) {
  arm(Millis{512 * 3 + 40}, 3);
  arm(Millis{512 + 40}, 1);
  arm(Millis{40}, 0);
  run(Millis{500});
  EXPECT_EQ(fired, std::vector<std::uint64_t>{0});
  run(Millis{512});
  EXPECT_EQ(fired.size(), 2u);
  run(Millis{512});
  EXPECT_EQ(fired.size(), 2u);
  run(Millis{512});
  EXPECT_EQ(fired, (std::vector<std::uint64_t>{0, 1, 3}));
}

TEST_F(Wheel, PastDeadlinesFireInTheNextTick) {
  wheel.arm(kStart - Seconds{5}, *this, 1);
  wheel.arm(Nanos{0}, *this, 2);
  wheel.arm(Nanos{-1}, *this, 3);
  wheel.arm(Nanos::min(), *this, 4);
  run(Nanos{0});
  EXPECT_TRUE(fired.empty());
  run(kTick);
  EXPECT_EQ(fired.size(), 4u);
}

TEST_F(Wheel, TheLatestDeadlineThereIsNeverComes) {
  auto id = wheel.arm(Nanos::max(), *this, 1);
  run(Seconds{3600});
  EXPECT_TRUE(fired.empty());
  EXPECT_TRUE(wheel.armed(id));
  wheel.cancel(id);
  EXPECT_EQ(wheel.live(), 0u);
}

TEST_F(Wheel, ACancelledTimerIsSilentAndItsIdIsEmptied) {
  auto id = arm(kTick, 1);
  const auto copy = id;
  EXPECT_TRUE(wheel.armed(id));
  wheel.cancel(id);
  EXPECT_EQ(id.raw, 0u);
  EXPECT_FALSE(wheel.armed(copy));
  wheel.cancel(id);  // of nothing: harmless
  run(Seconds{1});
  EXPECT_TRUE(fired.empty());
}

// The node of a fired timer is used again: the old id must not reach the new timer.
TEST_F(Wheel, AnOldIdDoesNotReachANewTimer) {
  const auto old = arm(kTick, 1);
  run(kTick);
  const auto fresh = arm(kTick, 2);
  ASSERT_EQ(static_cast<std::uint32_t>(old.raw), static_cast<std::uint32_t>(fresh.raw));
  auto stale = old;
  wheel.cancel(stale);
  EXPECT_TRUE(wheel.armed(fresh));
  EXPECT_FALSE(wheel.armed({0xffffffffffffffffull}));
  run(kTick);
  EXPECT_EQ(fired, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Wheel, TheTimerIsOffWhenItsListenerIsCalled) {
  TimerId id;
  act = [&](std::uint64_t) {
    EXPECT_FALSE(wheel.armed(id));
    EXPECT_EQ(wheel.live(), 0u);
    wheel.cancel(id);
  };
  id = arm(kTick, 1);
  run(kTick);
  EXPECT_EQ(fired.size(), 1u);
}

// All in one slot: the first to fire cancels each of the others in turn.
TEST_F(Wheel, AListenerMayCancelItsNeighbours) {
  for (std::size_t victim = 0; victim < 6; ++victim) {
    fired.clear();
    std::vector<TimerId> ids(6);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = arm(kTick, i);
    act = [&](std::uint64_t) { wheel.cancel(ids[victim]); };
    run(kTick);
    const auto first = fired.front();
    EXPECT_EQ(fired.size(), first == victim ? 6u : 5u);
    EXPECT_EQ(wheel.live(), 0u);
  }
}

TEST_F(Wheel, AListenerMayCancelAllOfThem) {
  std::vector<TimerId> ids(50);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = arm(kTick * (1 + i % 3), i);
  act = [&](std::uint64_t) {
    for (auto& id : ids) wheel.cancel(id);
  };
  run(Seconds{1});
  EXPECT_EQ(fired.size(), 1u);
  EXPECT_EQ(wheel.live(), 0u);
}

// No endless turn: what is armed inside a listener, also with a past deadline, comes a tick later.
TEST_F(Wheel, ReArmingWithAPastDeadlineInsideAListenerEnds) {
  act = [&](std::uint64_t word) { wheel.arm(wheel.now() - Seconds{1}, *this, word + 1); };
  arm(kTick, 1);
  EXPECT_EQ(wheel.advance(kStart + kTick * 10), 10u);
  EXPECT_EQ(fired.size(), 10u);
  EXPECT_EQ(wheel.advance(kStart + kTick * 10), 0u);
  EXPECT_EQ(wheel.advance(kStart + kTick * 11), 1u);
}

TEST_F(Wheel, ReArmingIntoTheSameSlotWaitsARound) {
  act = [&](std::uint64_t word) {
    if (word < 3) arm(kTick * 64, word + 1);
  };
  arm(kTick, 1);
  run(kTick);
  EXPECT_EQ(fired.size(), 1u);
  run(kTick * 63);
  EXPECT_EQ(fired.size(), 1u);
  run(kTick);
  EXPECT_EQ(fired.size(), 2u);
}

TEST_F(Wheel, ATurnIsBoundedAndTheRestComesInTheNext) {
  for (std::uint64_t i = 0; i < 25; ++i) arm(kTick, i);
  for (std::uint64_t i = 25; i < 30; ++i) arm(kTick * 2, i);
  EXPECT_EQ(wheel.advance(kStart + kTick * 3, 10), 10u);
  EXPECT_EQ(wheel.now(), kStart + kTick * 3);
  EXPECT_EQ(wheel.advance(kStart + kTick * 3, 0), 0u);
  EXPECT_EQ(wheel.advance(kStart + kTick * 3, 10), 10u);
  // The same moment again: the limit held them back, not their deadline.
  EXPECT_EQ(wheel.advance(kStart + kTick * 3, 10), 10u);
  EXPECT_EQ(wheel.live(), 0u);
  for (std::uint64_t i = 25; i < 30; ++i) EXPECT_GE(fired[i], 25u);
}

TEST_F(Wheel, TimeDoesNotGoBack) {
  wheel.advance(kStart + Seconds{1});
  wheel.advance(kStart);
  EXPECT_EQ(wheel.now(), kStart + Seconds{1});
  arm(kTick, 1);
  run(kTick * 2);
  EXPECT_EQ(fired.size(), 1u);
}

// Random operations, some of them inside listeners, against a list of deadlines.
class Model : public TimerListener {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 30'000; ++step) {
      switch (random_.next() % 4) {
        case 0:
        case 1:
          arm();
          break;
        case 2:
          cancel();
          break;
        default:
          advance();
          break;
      }
      ASSERT_EQ(wheel_.live(), timers_.size());
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_GT(fired_, 1000u);
    // In the end all of them come.
    inside_ = ending_ = true;
    last_due_ = Nanos::min();
    wheel_.advance(wheel_.now() + Seconds{100});
    EXPECT_TRUE(timers_.empty());
  }

 private:
  struct Timer {
    Nanos deadline;
    Nanos armed_at;
    TimerId id;
  };

  void arm() {
    // Past, near, around one round, several rounds.
    constexpr std::uint64_t kReach[] = {1, 20'000'000, 600'000'000, 3'000'000'000};
    const auto after = Nanos{random_.next() % kReach[random_.next() % 4]};
    const auto deadline = wheel_.now() + after - (random_.next() % 8 == 0 ? kTick * 5 : Nanos{});
    const auto word = ++last_word_;
    timers_[word] = {deadline, wheel_.now(), wheel_.arm(deadline, *this, word)};
  }
  void cancel() {
    auto at = timers_.lower_bound(random_.next() % (last_word_ + 1));
    if (at == timers_.end()) return;
    EXPECT_TRUE(wheel_.armed(at->second.id));
    auto id = at->second.id;
    wheel_.cancel(id);
    EXPECT_FALSE(wheel_.armed(at->second.id));
    timers_.erase(at);
  }
  void advance() {
    const auto now = wheel_.now() + Nanos{random_.next() % 40'000'000};
    const auto most =
        random_.next() % 4 == 0 ? static_cast<std::uint32_t>(random_.next() % 5) : UINT32_MAX;
    last_due_ = Nanos::min();
    inside_ = true;
    const auto count = wheel_.advance(now, most);
    inside_ = false;
    ASSERT_LE(count, most);
    if (count == most) return;
    // Nothing that was due at a whole tick may be left, but for what listeners armed just now.
    for (const auto& [word, timer] : timers_) {
      if (timer.armed_at == now) continue;
      ASSERT_GT(std::max(timer.deadline, timer.armed_at) + kTick, now) << word;
    }
  }
  void on_timer(std::uint64_t word) override {
    ASSERT_TRUE(inside_);
    const auto at = timers_.find(word);
    ASSERT_NE(at, timers_.end()) << "cancelled or fired before: " << word;
    ASSERT_GE(wheel_.now(), at->second.deadline) << "early";
    if (at->second.armed_at < wheel_.now() && at->second.deadline > at->second.armed_at) {
      // Of those armed before this turn: in the order of their ticks.
      ASSERT_GE(at->second.deadline + kTick, last_due_);
      last_due_ = std::max(last_due_, at->second.deadline);
    }
    timers_.erase(at);
    ++fired_;
    if (ending_) return;
    if (random_.next() % 4 == 0) arm();
    if (random_.next() % 4 == 0) cancel();
  }

  base::SeededRandom random_;
  TimerWheel wheel_{kTick, 64, kStart};
  std::map<std::uint64_t, Timer> timers_;
  std::uint64_t last_word_ = 0;
  std::uint64_t fired_ = 0;
  Nanos last_due_{};
  bool inside_ = false;
  bool ending_ = false;
};

TEST(WheelModel, BehavesLikeAListOfDeadlines) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Model(seed).run();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tandem::loop
