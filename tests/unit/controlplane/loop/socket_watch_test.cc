#include "controlplane/loop/socket_watch.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <vector>

namespace tandem::loop {
namespace {

using base::Millis;
using base::Seconds;

class Told final : public SocketListener {
 public:
  void on_ready(std::uint64_t word, std::uint32_t events) override {
    words.push_back(word);
    last_events = events;
    if (on_word) on_word(word);
  }
  std::vector<std::uint64_t> words;
  std::uint32_t last_events = 0;
  std::function<void(std::uint64_t)> on_word;
};

class Watch : public ::testing::Test {
 protected:
  ~Watch() override {
    for (const int fd : fds) close(fd);
  }
  int descriptor() {
    fds.push_back(eventfd(0, EFD_NONBLOCK));
    return fds.back();
  }
  static void raise(int fd) {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(fd, &one, sizeof one), 8);
  }
  SocketWatch watch;
  Told told;
  std::vector<int> fds;
  Nanos now = Seconds{10};
};

TEST_F(Watch, TellsWhatIsReadyWithItsWord) {
  const int a = descriptor(), b = descriptor();
  EXPECT_TRUE(watch.empty());
  watch.watch(a, EPOLLIN, told, 7);
  watch.watch(b, EPOLLIN, told, 9);
  EXPECT_FALSE(watch.empty());
  EXPECT_FALSE(watch.poll(now += Millis{1}));
  raise(b);
  EXPECT_TRUE(watch.poll(now += Millis{1}));
  EXPECT_EQ(told.words, (std::vector<std::uint64_t>{9}));
  EXPECT_EQ(told.last_events, EPOLLIN);
}

TEST_F(Watch, ANapEndsWithTheEvent) {
  const int fd = descriptor();
  watch.watch(fd, EPOLLIN, told, 1);
  raise(fd);
  watch.nap(base::Seconds{100});  // the test would hang
  EXPECT_TRUE(watch.poll(now));
  EXPECT_EQ(told.words.size(), 1u);
}

TEST_F(Watch, AQuietWatchAsksTheKernelSeldom) {
  const int fd = descriptor();
  watch.watch(fd, EPOLLIN, told, 1);
  EXPECT_FALSE(watch.poll(now));
  raise(fd);
  EXPECT_FALSE(watch.poll(now + Nanos{19'999}));
  EXPECT_TRUE(watch.poll(now + Nanos{20'000}));
  EXPECT_TRUE(watch.poll(now + Nanos{20'000}));  // busy: each time
}

TEST_F(Watch, AnEventOfAClosedDescriptorFindsNothing) {
  const int a = descriptor(), b = descriptor();
  watch.watch(a, EPOLLIN, told, 1);
  watch.watch(b, EPOLLIN, told, 2);
  raise(a);
  raise(b);
  // Whoever is told first takes the other away, and a new one gets its number.
  told.on_word = [&](std::uint64_t word) {
    const int other = word == 1 ? b : a;
    watch.forget(other);
    watch.watch(other, EPOLLOUT, told, 3);
    told.on_word = nullptr;
  };
  EXPECT_TRUE(watch.poll(now));
  EXPECT_EQ(told.words.size(), 1u);
}

}  // namespace
}  // namespace tandem::loop
