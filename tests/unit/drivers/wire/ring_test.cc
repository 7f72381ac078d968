#include "drivers/wire/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <deque>

#include "drivers/base/random.h"
#include "tests/unit/drivers/wire/shared_memory.h"

namespace tandem::wire {
namespace {

struct Element {
  std::uint64_t number = 0;
  std::uint64_t check = 0;
};
using SmallRing = Ring<Element, 16>;

Element element(std::uint64_t number) { return {number, ~number}; }

class RingTest : public ::testing::Test {
 protected:
  RingTest() {
    SmallRing::format(memory.get());
    ring.attach_producer();
    ring.attach_consumer_and_drain();
  }
  rte_ring& raw() { return reinterpret_cast<RingMemory*>(memory.get())->ring; }
  // Takes all there is, at most `most`; every element must be whole.
  std::vector<std::uint64_t> drain(std::size_t most = 1000) {
    std::vector<std::uint64_t> out;
    std::array<Element, 5> taken;
    while (out.size() < most) {
      const auto count = ring.dequeue(taken);
      if (count == 0) break;
      for (std::uint32_t i = 0; i < count; ++i) out.push_back(taken[i].number);
    }
    return out;
  }

  test::HeapMemory memory{SmallRing::kBytes};
  SmallRing ring{memory.get()};
};

TEST_F(RingTest, HoldsItsCapacityAndKeepsTheOldWhenFull) {
  for (std::uint64_t i = 0; i < SmallRing::kCapacity; ++i) EXPECT_TRUE(ring.enqueue(element(i)));
  EXPECT_FALSE(ring.enqueue(element(99)));
  EXPECT_EQ(ring.count(), SmallRing::kCapacity);
  const auto all = drain();
  ASSERT_EQ(all.size(), SmallRing::kCapacity);
  for (std::uint64_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
  EXPECT_TRUE(ring.enqueue(element(100)));
  EXPECT_EQ(drain(), std::vector<std::uint64_t>{100});
}

TEST_F(RingTest, TakesNoMoreThanAskedFor) {
  for (std::uint64_t i = 0; i < 10; ++i) ring.enqueue(element(i));
  std::array<Element, 3> out;
  EXPECT_EQ(ring.dequeue(out), 3u);
  EXPECT_EQ(out[2].number, 2u);
  EXPECT_EQ(ring.dequeue(std::span<Element>{}), 0u);
  EXPECT_EQ(ring.count(), 7u);
}

// Also across the wrap of the 32-bit indexes.
TEST_F(RingTest, BehavesLikeAQueue) {
  for (volatile std::uint32_t* index :
       {&raw().prod.head, &raw().prod.tail, &raw().cons.head, &raw().cons.tail}) {
    *index = UINT32_MAX - 1000;
  }
  base::SeededRandom random(5);
  std::deque<std::uint64_t> model;
  std::array<Element, 16> out;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    if (random.next() % 2 == 0) {
      ASSERT_EQ(ring.enqueue(element(step)), model.size() < SmallRing::kCapacity);
      if (model.size() < SmallRing::kCapacity) model.push_back(step);
    } else {
      const auto wanted = random.next() % (out.size() + 1);
      const auto count = ring.dequeue(std::span(out).first(wanted));
      ASSERT_EQ(count, std::min(wanted, model.size()));
      for (std::uint32_t i = 0; i < count; ++i) {
        ASSERT_EQ(out[i].number, model.front());
        ASSERT_EQ(out[i].check, ~model.front());
        model.pop_front();
      }
    }
    ASSERT_EQ(ring.count(), model.size());
  }
}

TEST_F(RingTest, ANewConsumerThrowsAwayWhatAFormerLifeLeft) {
  for (std::uint64_t i = 0; i < 7; ++i) ring.enqueue(element(i));
  SmallRing next(memory.get());
  EXPECT_EQ(next.attach_consumer_and_drain(), 7u);
  EXPECT_TRUE(drain().empty());
  ring.enqueue(element(8));
  EXPECT_EQ(drain(), std::vector<std::uint64_t>{8});
}

// A producer that died between moving its head and its tail; the next one's first element must
// take the lost one's place.
TEST_F(RingTest, ANewProducerTakesBackWhatWasNotPublished) {
  ring.enqueue(element(1));
  raw().prod.head = raw().prod.head + 1;
  SmallRing next(memory.get());
  next.attach_producer();
  EXPECT_TRUE(next.enqueue(element(2)));
  EXPECT_EQ(drain(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RingTest, ANewConsumerTakesBackWhatWasNotReleased) {
  for (std::uint64_t i = 0; i < SmallRing::kCapacity; ++i) ring.enqueue(element(i));
  raw().cons.head = raw().cons.head + 5;  // died inside dequeue
  SmallRing next(memory.get());
  EXPECT_EQ(next.attach_consumer_and_drain(), SmallRing::kCapacity);
  for (std::uint64_t i = 0; i < SmallRing::kCapacity; ++i) EXPECT_TRUE(ring.enqueue(element(i)));
  EXPECT_EQ(drain().size(), SmallRing::kCapacity);
}

TEST_F(RingTest, EachAttachIsANewGeneration) {
  auto& shared = *reinterpret_cast<RingMemory*>(memory.get());
  EXPECT_EQ(shared.producer_generation.load(), 1u);
  EXPECT_EQ(shared.consumer_generation.load(), 1u);
  ring.attach_producer();
  EXPECT_EQ(shared.producer_generation.load(), 2u);
}

TEST_F(RingTest, RefusesToWorkOnAnotherGeometry) {
  ring.enqueue(element(1));
  const auto check = [&](auto tamper) {
    std::array<std::byte, sizeof(rte_ring)> before;
    std::memcpy(before.data(), memory.get() + offsetof(RingMemory, ring), before.size());
    tamper(raw());
    Element out;
    EXPECT_FALSE(ring.sane());
    EXPECT_FALSE(ring.enqueue(element(2)));
    EXPECT_EQ(ring.dequeue(std::span(&out, 1)), 0u);
    SmallRing(memory.get()).attach_consumer_and_drain();
    std::memcpy(memory.get() + offsetof(RingMemory, ring), before.data(), before.size());
    EXPECT_TRUE(ring.sane());
  };
  check([](rte_ring& r) { r.size = 1u << 30; });
  check([](rte_ring& r) { r.mask = UINT32_MAX; });
  check([](rte_ring& r) { r.capacity = UINT32_MAX; });
  check([](rte_ring& r) { r.prod.sync_type = RTE_RING_SYNC_MT; });
  check([](rte_ring& r) { r.cons.sync_type = RTE_RING_SYNC_MT_HTS; });
}

// Whatever stands in the indexes: nothing outside is touched, at most a ringful of nonsense comes
// out, and the ring works again afterwards.
TEST_F(RingTest, GarbageInTheIndexesIsMended) {
  base::SeededRandom random(11);
  for (int trial = 0; trial < 20'000; ++trial) {
    const auto garbage = [&](std::uint32_t now) {
      switch (random.next() % 4) {
        case 0:
          return static_cast<std::uint32_t>(random.next());
        case 1:
          return now + static_cast<std::uint32_t>(random.next() % 40) - 20;
        default:
          return now;
      }
    };
    raw().prod.head = garbage(raw().prod.head);
    raw().prod.tail = garbage(raw().prod.tail);
    raw().cons.head = garbage(raw().cons.head);
    raw().cons.tail = garbage(raw().cons.tail);
    if (random.next() % 2 == 0) ring.enqueue(element(1));
    ASSERT_LE(drain(100).size(), SmallRing::kCapacity);
    ring.enqueue(element(2));  // may be refused once, or find the consumer still behind
    drain(100);
    ASSERT_TRUE(ring.enqueue(element(3)));
    ASSERT_TRUE(ring.enqueue(element(4)));
    ASSERT_EQ(drain(100), (std::vector<std::uint64_t>{3, 4}));
  }
}

}  // namespace
}  // namespace tandem::wire
