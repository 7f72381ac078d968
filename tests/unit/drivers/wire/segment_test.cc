#include "drivers/wire/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>

#include "drivers/base/random.h"
#include "tests/unit/drivers/wire/child.h"

namespace tandem::wire {
namespace {

using test::Child;
using test::Pipe;

CorridorPlan plan_of(std::uint32_t workers, std::uint32_t shards, std::uint8_t addresses) {
  CorridorPlan plan;
  plan.workers = workers;
  plan.shards = shards;
  plan.address_count = addresses;
  for (std::uint8_t i = 0; i < addresses; ++i) {
    plan.addresses[i] = base::IpAddress::ip4(10, 77, i, 1);
  }
  return plan;
}

class SegmentTest : public ::testing::Test {
 protected:
  ~SegmentTest() override { std::filesystem::remove(path); }

  base::Result<Segment> open(Side side) { return Segment::open(name, plan, side); }
  // The sentence with which open() is refused, or "ok".
  std::string verdict(Side side) {
    const auto segment = open(side);
    return segment ? "ok" : segment.error_text();
  }
  // The same, asked by another process.
  std::string verdict_elsewhere(Side side) {
    const Pipe pipe;
    Child child([&] { pipe.say(verdict(side)); });
    auto words = pipe.hear();
    child.wait();
    return words;
  }
  bool file_exists() const { return std::filesystem::exists(path); }
  template <typename T>
  void overwrite(std::size_t offset, const T& value) {
    const int fd = ::open(path.c_str(), O_RDWR);
    ASSERT_EQ(pwrite(fd, &value, sizeof value, static_cast<off_t>(offset)),
              static_cast<ssize_t>(sizeof value));
    close(fd);
  }
  // A file of this size that begins with `magic`.
  void overwrite_new(std::size_t size, std::uint64_t magic) {
    std::filesystem::remove(path);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
    ASSERT_EQ(pwrite(fd, &magic, std::min(size, sizeof magic), 0),
              static_cast<ssize_t>(std::min(size, sizeof magic)));
    close(fd);
  }
  std::string refusal(const std::string& why) const {
    return "segment " + path + " " + why + "; stop both processes, remove the file and start again";
  }

  const std::string name = "tandem-unit-" + std::to_string(getpid());
  const std::string path = "/dev/shm/" + name;
  CorridorPlan plan = plan_of(1, 1, 1);
};

TEST_F(SegmentTest, BothSidesSeeOneMemory) {
  plan = plan_of(2, 2, 2);
  auto down = open(Side::kDataplane);
  auto up = open(Side::kControlplane);
  ASSERT_TRUE(down && up);
  EXPECT_EQ(up->generation_of(Side::kDataplane), 0u);
  EXPECT_EQ(down->announce(), 1u);
  EXPECT_EQ(down->announce(), 2u);
  EXPECT_EQ(up->generation_of(Side::kDataplane), 2u);
  EXPECT_EQ(up->generation_of(Side::kControlplane), 0u);
  down->worker_page(1).counters.add(Counter::rx_packets, 5);
  EXPECT_EQ(up->worker_page(1).counters.get(Counter::rx_packets), 5u);
  EXPECT_EQ(up->worker_page(0).counters.get(Counter::rx_packets), 0u);
  auto worker = worker_end(down->channel(1, 0));
  auto control = control_end(up->channel(1, 0));
  worker.attach();
  control.attach();
  ASSERT_TRUE(worker.events.enqueue({}));
  Event event;
  EXPECT_EQ(control.events.dequeue(std::span(&event, 1)), 1u);
}

TEST_F(SegmentTest, ItsPartsDontOverlap) {
  plan = plan_of(3, 2, 2);
  auto segment = open(Side::kDataplane);
  ASSERT_TRUE(segment);
  struct Part {
    std::byte* at;
    std::size_t bytes;
  };
  std::vector<Part> parts;
  for (std::uint32_t w = 0; w < 3; ++w) {
    parts.push_back({reinterpret_cast<std::byte*>(&segment->worker_page(w)), sizeof(WorkerPage)});
    for (std::uint32_t s = 0; s < 2; ++s) parts.push_back({segment->channel(w, s), kChannelBytes});
  }
  for (std::uint16_t a = 0; a < 2; ++a) {
    for (const unsigned port : {0u, 1u, 65534u, 65535u}) {
      const FlowKey key{a, static_cast<std::uint16_t>(port)};
      parts.push_back({reinterpret_cast<std::byte*>(&segment->flow_record(key)),
                       sizeof(base::Snapshot<FlowRecord>)});
    }
  }
  std::sort(parts.begin(), parts.end(), [](auto& a, auto& b) { return a.at < b.at; });
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    EXPECT_LE(parts[i].at + parts[i].bytes, parts[i + 1].at) << i;
  }
  std::byte* const begin = reinterpret_cast<std::byte*>(&segment->worker_page(0)) - 4096;
  EXPECT_LE(parts.back().at + parts.back().bytes, begin + std::filesystem::file_size(path));
  for (std::uint32_t w = 0; w < 3; ++w) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(segment->channel(w, 1)) % 64, 0u);
  }
  EXPECT_DEATH(segment->channel(3, 0), "promise broken");
  EXPECT_DEATH(segment->channel(0, 2), "promise broken");
  EXPECT_DEATH(segment->worker_page(3), "promise broken");
  EXPECT_DEATH(segment->flow_record({2, 0}), "promise broken");
}

TEST_F(SegmentTest, ItsFileIsForItsOwnerOnly) {
  auto segment = open(Side::kDataplane);
  ASSERT_TRUE(segment);
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(SegmentTest, AnotherVersionIsRefused) {
  auto segment = open(Side::kDataplane);
  overwrite(offsetof(SegmentHeader, version), kSegmentVersion + 1);
  EXPECT_EQ(verdict(Side::kControlplane),
            refusal(fmt::format("has version {}, this program speaks {}", kSegmentVersion + 1,
                                kSegmentVersion)));
}

TEST_F(SegmentTest, AnotherLayoutIsRefused) {
  auto segment = open(Side::kDataplane);
  overwrite(offsetof(SegmentHeader, layout_hash), std::uint64_t{1});
  EXPECT_EQ(verdict(Side::kControlplane), refusal("was laid out by another build"));
}

TEST_F(SegmentTest, AnotherPlanIsRefusedAndBothAreSaid) {
  auto segment = open(Side::kDataplane);
  plan.workers = 2;
  EXPECT_EQ(verdict(Side::kControlplane),
            refusal("was made for {1 workers, 1 shards, addresses 10.77.0.1}, this configuration "
                    "says {2 workers, 1 shards, addresses 10.77.0.1}"));
}

TEST_F(SegmentTest, AnotherSizeIsRefused) {
  auto segment = open(Side::kDataplane);
  overwrite(offsetof(SegmentHeader, total_bytes), std::uint64_t{1} << 40);
  EXPECT_EQ(verdict(Side::kControlplane), refusal("has another size"));
}

TEST_F(SegmentTest, SomebodyElsesFileIsRefused) {
  overwrite_new(4096, 0x1122334455667788ull);
  EXPECT_EQ(verdict(Side::kDataplane), refusal("is not a Tandem corridor"));
  overwrite_new(100, kSegmentMagic);
  EXPECT_EQ(verdict(Side::kDataplane), refusal("is too short"));
}

// A creator that died before it wrote the magic.
TEST_F(SegmentTest, AHalfWrittenFileIsMadeAnew) {
  for (const std::size_t size : {0u, 5u, 8u, 4096u, 40'000'000u}) {
    overwrite_new(size, 0);
    overwrite(offsetof(SegmentHeader, version), std::uint32_t{77});
    ASSERT_EQ(verdict(Side::kDataplane), "ok") << size;
    ASSERT_EQ(verdict(Side::kControlplane), "ok") << size;
  }
}

TEST_F(SegmentTest, ASecondInstanceOfOneSideIsRefused) {
  auto segment = open(Side::kDataplane);
  ASSERT_TRUE(segment);
  EXPECT_EQ(verdict_elsewhere(Side::kDataplane), "tandem-dataplane already runs on segment " +
                                                     path + " (pid " + std::to_string(getpid()) +
                                                     ")");
  EXPECT_EQ(verdict_elsewhere(Side::kControlplane), "ok");
}

TEST_F(SegmentTest, AKilledOwnerIsReplacedAndItsMemoryIsKept) {
  const Pipe pipe;
  Child child([&] {
    auto segment = open(Side::kDataplane);
    segment->announce();
    segment->worker_page(0).counters.add(Counter::rx_packets, 3);
    pipe.say("up");
    pause();
  });
  ASSERT_EQ(pipe.hear(), "up");
  EXPECT_NE(verdict(Side::kDataplane).find("already runs"), std::string::npos);
  child.kill_9();
  auto segment = open(Side::kDataplane);
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->announce(), 2u);
  EXPECT_EQ(segment->worker_page(0).counters.get(Counter::rx_packets), 3u);
}

TEST_F(SegmentTest, TheLastToLeaveRemovesTheFile) {
  auto down = open(Side::kDataplane);
  {
    const Pipe pipe;
    const Pipe bell;
    Child child([&] {
      auto up = open(Side::kControlplane);
      pipe.say("up");
      bell.hear();
      up->leave();
      pipe.say("left");
    });
    ASSERT_EQ(pipe.hear(), "up");
    bell.say("go");
    ASSERT_EQ(pipe.hear(), "left");
    EXPECT_TRUE(file_exists());  // we are here still
    child.wait();
  }
  down->leave();
  EXPECT_FALSE(file_exists());
}

TEST_F(SegmentTest, AFileWhoseOtherSideLivesIsLeftToIt) {
  const Pipe pipe;
  Child child([&] {
    auto up = open(Side::kControlplane);
    pipe.say("up");
    pause();
  });
  ASSERT_EQ(pipe.hear(), "up");
  {
    auto down = open(Side::kDataplane);
    down->leave();
    EXPECT_TRUE(file_exists());
  }
  EXPECT_EQ(verdict_elsewhere(Side::kDataplane), "ok");  // having left, we don't stand in the way
  child.kill_9();
  auto again = open(Side::kDataplane);
  again->leave();
  EXPECT_FALSE(file_exists());  // the other one ended without a word, but it is gone
}

TEST_F(SegmentTest, LeavingARemovedFileMakesNoNewOne) {
  auto segment = open(Side::kDataplane);
  std::filesystem::remove(path);
  segment->leave();
  EXPECT_FALSE(file_exists());
}

TEST_F(SegmentTest, ANewerFileOfTheSameNameIsNotOursToRemove) {
  auto old = open(Side::kDataplane);
  std::filesystem::remove(path);
  const Pipe pipe;
  Child child([&] {
    auto fresh = open(Side::kControlplane);
    pipe.say("up");
    pause();
  });
  ASSERT_EQ(pipe.hear(), "up");
  old->leave();
  EXPECT_TRUE(file_exists());
}

TEST_F(SegmentTest, AliveMeansAPidAndAHeartBeat) {
  auto down = open(Side::kDataplane);
  auto up = open(Side::kControlplane);
  const base::Nanos now = base::Seconds{100};
  EXPECT_FALSE(up->alive(Side::kDataplane, now));
  down->beat(now);
  EXPECT_TRUE(up->alive(Side::kDataplane, now));
  EXPECT_TRUE(up->alive(Side::kDataplane, now + base::Millis{1999}));
  EXPECT_FALSE(up->alive(Side::kDataplane, now + base::Seconds{2}));
  EXPECT_FALSE(up->alive(Side::kDataplane, now + base::Millis{500}, base::Millis{500}));
  EXPECT_FALSE(up->alive(Side::kControlplane, now));
  down->leave();
  EXPECT_FALSE(up->alive(Side::kDataplane, now));
}

// Both start at the same moment, many times: one makes the file, the other waits and joins.
TEST_F(SegmentTest, TwoThatStartTogetherMeet) {
  for (int trial = 0; trial < 20; ++trial) {
    const Pipe pipe;
    const auto live = [&](Side side, Side other) {
      auto segment = open(side);
      if (!segment) return pipe.say(segment.error_text());
      segment->announce();
      const auto deadline = base::monotonic_now() + base::Seconds{60};
      while (segment->generation_of(other) == 0 && base::monotonic_now() < deadline) sched_yield();
      pipe.say(segment->generation_of(other) == 1 ? "met" : "alone");
      // Ends without leave(): the file stays for the other one to find.
    };
    Child down([&] { live(Side::kDataplane, Side::kControlplane); });
    Child up([&] { live(Side::kControlplane, Side::kDataplane); });
    ASSERT_EQ(pipe.hear(), "met");
    ASSERT_EQ(pipe.hear(), "met");
    down.wait();
    up.wait();
    std::filesystem::remove(path);
  }
}

// Killed at a random moment of its start: whatever it left, the next one starts.
TEST_F(SegmentTest, AStarterKilledAnywhereIsReplaced) {
  base::SeededRandom random(6);
  for (int trial = 0; trial < 40; ++trial) {
    {
      const Pipe pipe;
      Child child([&] {
        pipe.say("starting");
        auto segment = open(Side::kDataplane);
        pause();
      });
      ASSERT_EQ(pipe.hear(), "starting");
      const auto until = base::monotonic_now() + base::Nanos{random.next() % 15'000'000};
      while (base::monotonic_now() < until) continue;
      child.kill_9();
    }
    ASSERT_EQ(verdict_elsewhere(Side::kDataplane), "ok") << trial;
    ASSERT_EQ(verdict_elsewhere(Side::kControlplane), "ok") << trial;
    if (random.next() % 4 != 0) std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace tandem::wire
