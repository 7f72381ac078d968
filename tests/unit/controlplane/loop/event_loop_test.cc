#include "controlplane/loop/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

namespace tandem::loop {
namespace {

struct TestPipe {
  TestPipe() { EXPECT_EQ(pipe(ends.data()), 0); }
  ~TestPipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  void ring() const { EXPECT_EQ(write(ends[1], "x", 1), 1); }
  void drain() const {
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  }
  std::array<int, 2> ends{-1, -1};
};

class EventLoopTest : public ::testing::Test {
 protected:
  EventLoopTest() { EXPECT_TRUE(loop.open().ok()); }
  EventLoop loop;
};

TEST_F(EventLoopTest, CallsWhoeverWatchesAReadyDescriptor) {
  TestPipe a;
  TestPipe b;
  std::string order;
  loop.watch(a.ends[0], EPOLLIN, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    a.drain();
    order += "a";
    b.ring();
  });
  loop.watch(b.ends[0], EPOLLIN, [&](std::uint32_t) {
    b.drain();
    order += "b";
    loop.stop();
  });
  a.ring();
  loop.run();
  EXPECT_EQ(order, "ab");
}

// Two are ready at once; whichever comes first forgets the other.
TEST_F(EventLoopTest, AForgottenDescriptorIsNotCalledAnyMore) {
  TestPipe pipes[2];
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    loop.watch(pipes[i].ends[0], EPOLLIN, [&, i](std::uint32_t) {
      ++calls;
      loop.forget(pipes[i].ends[0]);
      loop.forget(pipes[1 - i].ends[0]);
      loop.post([&] { loop.post([&] { loop.stop(); }); });
    });
    pipes[i].ring();
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

// The same, and the other's number is in use again before its event is looked at.
TEST_F(EventLoopTest, AReusedDescriptorNumberDoesNotGetAnOldEvent) {
  TestPipe pipes[2];
  const TestPipe fresh;  // quiet: nothing is ever written to it
  int old_calls = 0;
  int new_calls = 0;
  for (int i = 0; i < 2; ++i) {
    loop.watch(pipes[i].ends[0], EPOLLIN, [&, i](std::uint32_t) {
      ++old_calls;
      const int other = pipes[1 - i].ends[0];
      loop.forget(pipes[i].ends[0]);
      loop.forget(other);
      ASSERT_EQ(dup2(fresh.ends[0], other), other);
      loop.watch(other, EPOLLIN, [&](std::uint32_t) { ++new_calls; });
      loop.post([&] { loop.post([&] { loop.stop(); }); });
    });
    pipes[i].ring();
  }
  loop.run();
  EXPECT_EQ(old_calls, 1);
  EXPECT_EQ(new_calls, 0);
}

TEST_F(EventLoopTest, ChangeSetsWhatIsWaitedFor) {
  TestPipe pipe;
  int writable = 0;
  loop.watch(pipe.ends[1], 0, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLOUT);
    ++writable;
    loop.stop();
  });
  loop.post([&] {
    EXPECT_EQ(writable, 0);
    loop.change(pipe.ends[1], EPOLLOUT);
  });
  loop.run();
  EXPECT_EQ(writable, 1);
}

TEST_F(EventLoopTest, ErrandsOfOtherThreadsWakeIt) {
  const auto owner = std::this_thread::get_id();
  int ran = 0;
  std::thread stranger([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&] {
        EXPECT_EQ(std::this_thread::get_id(), owner);
        if (++ran == 1000) loop.stop();
      });
    }
  });
  loop.run();
  stranger.join();
  EXPECT_EQ(ran, 1000);
}

TEST_F(EventLoopTest, BeatsByItself) {
  int beats = 0;
  const auto start = base::monotonic_now();
  loop.on_beat([&] {
    if (++beats == 3) loop.stop();
  });
  loop.run();
  EXPECT_EQ(beats, 3);
  EXPECT_GE(base::monotonic_now() - start, base::Millis{100});
}

TEST_F(EventLoopTest, SigtermAndSigintEndItCleanly) {
  raise(SIGTERM);
  loop.run();
  EventLoop second;
  ASSERT_TRUE(second.open().ok());
  raise(SIGINT);
  second.run();
}

TEST_F(EventLoopTest, APeerThatWentAwayIsNoSigpipe) {
  TestPipe pipe;
  close(std::exchange(pipe.ends[0], -1));
  EXPECT_EQ(write(pipe.ends[1], "x", 1), -1);
}

}  // namespace
}  // namespace tandem::loop
