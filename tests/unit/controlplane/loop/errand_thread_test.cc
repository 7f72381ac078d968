#include "controlplane/loop/errand_thread.h"

#include <gtest/gtest.h>

#include <array>
#include <future>
#include <thread>

namespace tandem::loop {
namespace {

TEST(ErrandThread, RunsInOrderOnItsOwnThread) {
  ErrandThread thread("errands");
  std::vector<int> seen;
  std::thread::id where;
  for (int i = 0; i < 100; ++i) thread.post([&seen, i] { seen.push_back(i); });
  std::promise<void> done;
  thread.post([&] {
    where = std::this_thread::get_id();
    done.set_value();
  });
  done.get_future().wait();
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(ErrandThread, StopFinishesWhatWasPosted) {
  ErrandThread thread("errands");
  std::promise<void> gate;
  int done = 0;
  thread.post([opened = gate.get_future().share()] { opened.wait(); });
  for (int i = 0; i < 3; ++i) thread.post([&done] { ++done; });
  gate.set_value();
  thread.stop();
  EXPECT_EQ(done, 3);
  thread.post([&done] { ++done; });
  thread.stop();
  EXPECT_EQ(done, 3);
}

TEST(ErrandThread, AnErrandMayPost) {
  int done = 0;
  {
    ErrandThread thread("errands");
    std::promise<void> second;
    thread.post([&] {
      thread.post([&] {
        ++done;
        second.set_value();
      });
    });
    second.get_future().wait();
  }
  EXPECT_EQ(done, 1);
}

TEST(ErrandThread, ManyPost) {
  constexpr int kThreads = 4;
  constexpr int kErrands = 2'000;
  int done = 0;
  {
    ErrandThread thread("errands");
    std::array<std::thread, kThreads> posters;
    for (auto& poster : posters) {
      poster = std::thread([&] {
        for (int i = 0; i < kErrands; ++i) thread.post([&done] { ++done; });
      });
    }
    for (auto& poster : posters) poster.join();
  }
  EXPECT_EQ(done, kThreads * kErrands);
}

}  // namespace
}  // namespace tandem::loop
