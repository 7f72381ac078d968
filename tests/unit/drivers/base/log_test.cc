#include "drivers/base/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "drivers/base/clock.h"

namespace tandem::base {
namespace {

TEST(LogGate, TenAtOnceThenOneEachSecondAndTheRestIsCounted) {
  LogGate gate;
  const auto start = monotonic_now();
  std::uint64_t held = 99;
  std::uint64_t passed = 0;
  std::uint64_t refused = 0;
  for (int i = 0; i < 1000; ++i) {
    if (!gate.pass(held)) {
      ++refused;
    } else {
      ++passed;
      if (passed <= 10) {
        EXPECT_EQ(held, 0u);
      }
    }
  }
  const auto seconds = static_cast<std::uint64_t>((monotonic_now() - start) / Seconds{1});
  EXPECT_GE(passed, 10u);
  EXPECT_LE(passed, 11u + seconds);
  if (passed != 10) return;  // the machine stood still for a second
  // The next line to pass says how many were swallowed.
  held = 0;
  while (!gate.pass(held)) {
    ++refused;
    ASSERT_LT(monotonic_now() - start, Seconds{5});
  }
  EXPECT_EQ(held, refused);
  EXPECT_GE(monotonic_now() - start, Millis{900});
}

TEST(LogGate, ThreadsShareTheTokens) {
  LogGate gate;
  const auto start = monotonic_now();
  std::atomic<std::uint64_t> passed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::uint64_t held = 0;
      for (int i = 0; i < 5000; ++i) {
        if (gate.pass(held)) passed.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto seconds = static_cast<std::uint64_t>((monotonic_now() - start) / Seconds{1});
  EXPECT_GE(passed.load(), 10u);
  // A refill that races with takers may give one of them its token back.
  EXPECT_LE(passed.load(), 10u + 5u * (seconds + 1));
}

TEST(Log, FloodOfOneCallSiteIsHeldBack) {
  ::testing::internal::CaptureStderr();
  log_start("test-log", LogLevel::kWarning);
  for (int i = 0; i < 100; ++i) LOG(kWarning, "room", "line {}", i);
  LOG(kDebug, "room", "not said");
  log_stop();
  const auto said = ::testing::internal::GetCapturedStderr();
  const auto lines = std::count(said.begin(), said.end(), '\n');
  EXPECT_GE(lines, 10);
  EXPECT_LE(lines, 12);
  EXPECT_NE(said.find("test-log warning room: line 0\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("not said"), std::string::npos);
}

}  // namespace
}  // namespace tandem::base
