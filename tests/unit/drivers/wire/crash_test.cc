// kill -9 at any instruction: a process that writes into the corridor for ever is killed at a
// random moment and replaced, again and again. The consumer never sees a stale or a torn element,
// and loses nothing that was published.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <vector>

#include "drivers/base/random.h"
#include "drivers/wire/byte_ring.h"
#include "drivers/wire/ring.h"
#include "tests/unit/drivers/wire/child.h"
#include "tests/unit/drivers/wire/shared_memory.h"

namespace tandem::wire {
namespace {

constexpr std::uint64_t kTrials = 60;

struct Element {
  std::uint64_t life;
  std::uint64_t number;
  std::uint64_t words[6];
};
using SmallRing = Ring<Element, 64>;

std::uint64_t mix(std::uint64_t life, std::uint64_t number) {
  return base::SeededRandom(life << 40 | number).next();
}

[[noreturn]] void produce_elements(std::byte* memory, std::uint64_t life) {
  SmallRing ring(memory);
  ring.attach_producer();
  for (std::uint64_t number = 1;; ++number) {
    Element element{life, number, {}};
    for (auto& word : element.words) word = mix(life, number);
    while (!ring.enqueue(element)) continue;
  }
}

// Each life's elements come without a gap, and no former life's after a later one's.
class Order {
 public:
  void see(std::uint64_t life, std::uint64_t number) {
    ASSERT_GE(life, life_);
    ASSERT_EQ(number, life == life_ ? number_ + 1 : 1);
    life_ = life;
    number_ = number;
    ++seen;
  }
  std::uint64_t seen = 0;

 private:
  std::uint64_t life_ = 0;
  std::uint64_t number_ = 0;
};

// Lets a random, short time go by: what the killed process does in it is anything.
void dawdle(base::SeededRandom& random) {
  for (auto spins = random.next() % 20'000; spins > 0; --spins) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

TEST(RingCrash, AKilledProducerLeavesNothingStaleOrTorn) {
  test::ForkedMemory memory(SmallRing::kBytes);
  SmallRing::format(memory.get());
  SmallRing ring(memory.get());
  ring.attach_consumer_and_drain();
  base::SeededRandom random(1);
  Order order;
  std::array<Element, 8> taken;
  const auto take = [&] {
    const auto count = ring.dequeue(taken);
    for (std::uint32_t i = 0; i < count; ++i) {
      order.see(taken[i].life, taken[i].number);
      for (const auto word : taken[i].words) {
        ASSERT_EQ(word, mix(taken[i].life, taken[i].number));
      }
    }
  };
  for (std::uint64_t life = 1; life <= kTrials; ++life) {
    test::Child producer([&] { produce_elements(memory.get(), life); });
    const auto enough = order.seen + 1 + random.next() % 3000;
    while (order.seen < enough && !HasFatalFailure()) take();
    dawdle(random);
    producer.kill_9();
    // At times its successor begins while its last words are still in the ring.
    if (random.next() % 2 == 0) take();
    ASSERT_FALSE(HasFatalFailure());
  }
}

TEST(RingCrash, AKilledConsumerLeavesAWorkingRing) {
  test::ForkedMemory memory(SmallRing::kBytes);
  SmallRing::format(memory.get());
  SmallRing ring(memory.get());
  ring.attach_producer();
  base::SeededRandom random(2);
  std::uint64_t number = 0;
  for (std::uint64_t life = 1; life <= kTrials; ++life) {
    {
      test::Child consumer([&] {
        SmallRing end(memory.get());
        end.attach_consumer_and_drain();
        std::array<Element, 5> taken;
        for (;;) end.dequeue(taken);
      });
      for (auto left = 100 + random.next() % 3000; left > 0;) {
        if (ring.enqueue({life, number, {}})) ++number, --left;
      }
      dawdle(random);
    }
    SmallRing next(memory.get());
    next.attach_consumer_and_drain();
    ASSERT_EQ(next.count(), 0u);
    for (std::uint64_t i = 0; i < SmallRing::kCapacity; ++i) {
      ASSERT_TRUE(ring.enqueue({life, i, {}}));
    }
    ASSERT_FALSE(ring.enqueue({life, 0, {}}));
    for (std::uint64_t i = 0; i < SmallRing::kCapacity; ++i) {
      Element out{};
      ASSERT_EQ(next.dequeue(std::span(&out, 1)), 1u);
      ASSERT_EQ(out.number, i);
      ASSERT_EQ(out.life, life);
    }
  }
}

std::size_t size_of(std::uint64_t life, std::uint64_t number) {
  const auto r = mix(life, number);
  return r % 32 == 0 ? (r >> 8) % (ByteRing::kDatagramBytesMax + 1) : (r >> 8) % 1400;
}

[[noreturn]] void produce_datagrams(std::byte* memory, std::uint64_t life) {
  ByteRing ring(memory);
  ring.attach_producer();
  std::vector<std::byte> payload;
  for (std::uint64_t number = 1;; ++number) {
    payload.assign(size_of(life, number), static_cast<std::byte>(mix(life, number)));
    DatagramHead head;
    head.at_ns = static_cast<std::int64_t>(number);
    head.local.port = static_cast<std::uint16_t>(life);
    while (!ring.write(head, payload)) continue;
  }
}

TEST(ByteRingCrash, AKilledProducerLeavesNothingStaleOrTorn) {
  test::ForkedMemory memory(ByteRing::kBytes);
  ByteRing ring(memory.get());
  ring.attach_consumer_and_drain();
  base::SeededRandom random(3);
  Order order;
  const auto take = [&] {
    ByteRing::View view;
    if (!ring.front(view)) return;
    const std::uint64_t life = view.head.local.port;
    const auto number = static_cast<std::uint64_t>(view.head.at_ns);
    order.see(life, number);
    ASSERT_EQ(view.payload.size(), size_of(life, number));
    const std::vector<std::byte> expected(view.payload.size(),
                                          static_cast<std::byte>(mix(life, number)));
    ASSERT_TRUE(view.payload.empty() ||
                std::memcmp(view.payload.data(), expected.data(), expected.size()) == 0);
    ring.pop();
  };
  for (std::uint64_t life = 1; life <= kTrials; ++life) {
    test::Child producer([&] { produce_datagrams(memory.get(), life); });
    const auto enough = order.seen + 1 + random.next() % 1000;
    while (order.seen < enough && !HasFatalFailure()) take();
    dawdle(random);
    producer.kill_9();
    if (random.next() % 2 == 0) {
      while (ring.used_bytes() != 0 && !HasFatalFailure()) take();
    }
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_EQ(ring.faults(), 0u);
}

TEST(ByteRingCrash, AKilledConsumerLeavesAWorkingRing) {
  test::ForkedMemory memory(ByteRing::kBytes);
  ByteRing ring(memory.get());
  ring.attach_producer();
  base::SeededRandom random(4);
  const std::vector<std::byte> payload(700, std::byte{7});
  for (std::uint64_t life = 1; life <= kTrials; ++life) {
    {
      test::Child consumer([&] {
        ByteRing end(memory.get());
        end.attach_consumer_and_drain();
        ByteRing::View view;
        for (;;) {
          if (end.front(view)) end.pop();
        }
      });
      for (auto left = 100 + random.next() % 2000; left > 0;) {
        if (ring.write({}, payload)) --left;
      }
      dawdle(random);
    }
    ByteRing next(memory.get());
    next.attach_consumer_and_drain();
    ByteRing::View view;
    ASSERT_FALSE(next.front(view));
    DatagramHead head;
    head.at_ns = static_cast<std::int64_t>(life);
    ASSERT_TRUE(ring.write(head, payload));
    ASSERT_TRUE(next.front(view));
    ASSERT_EQ(view.head.at_ns, static_cast<std::int64_t>(life));
    next.pop();
    ASSERT_EQ(next.faults(), 0u);
  }
}

}  // namespace
}  // namespace tandem::wire
