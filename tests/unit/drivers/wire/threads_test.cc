// The corridor's parts between two threads, as two processes use them: everything arrives once, in
// order and whole.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "drivers/base/random.h"
#include "drivers/base/snapshot.h"
#include "drivers/wire/byte_ring.h"
#include "drivers/wire/counters.h"
#include "drivers/wire/messages.h"
#include "drivers/wire/ring.h"
#include "tests/unit/drivers/wire/shared_memory.h"

namespace tandem::wire {
namespace {

struct Element {
  std::uint64_t number;
  std::uint64_t words[7];
};

TEST(RingThreads, MillionsArriveInOrderAndWhole) {
  constexpr std::uint64_t kElements = 3'000'000;
  using Small = Ring<Element, 256>;
  test::HeapMemory memory(Small::kBytes);
  Small::format(memory.get());
  std::thread producer([&] {
    Small ring(memory.get());
    ring.attach_producer();
    Element element{};
    for (std::uint64_t i = 0; i < kElements; ++i) {
      element.number = i;
      for (auto& word : element.words) word = i * 0x9E3779B97F4A7C15ull;
      while (!ring.enqueue(element)) std::this_thread::yield();
    }
  });
  Small ring(memory.get());
  std::array<Element, 32> taken;
  std::uint64_t next = 0;
  std::uint64_t torn = 0;
  while (next < kElements) {
    const auto count = ring.dequeue(taken);
    if (count == 0) std::this_thread::yield();
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(taken[i].number, next);
      for (const auto word : taken[i].words) torn += word != next * 0x9E3779B97F4A7C15ull;
      ++next;
    }
  }
  EXPECT_EQ(torn, 0u);
  producer.join();
  EXPECT_EQ(ring.dequeue(taken), 0u);
}

// What both threads can compute: a datagram's size and bytes by its number.
std::size_t size_of(std::uint64_t number) {
  const auto r = base::SeededRandom(number).next();
  return number % 64 == 0 ? r % (ByteRing::kDatagramBytesMax + 1) : r % 1400;
}
unsigned char byte_of(std::uint64_t number) { return static_cast<unsigned char>(number * 31 + 7); }

TEST(ByteRingThreads, RandomSizesArriveInOrderAndWhole) {
  constexpr std::uint64_t kDatagrams = 120'000;
  test::HeapMemory memory(ByteRing::kBytes);
  std::atomic<std::uint64_t> full{0};
  std::thread producer([&] {
    ByteRing ring(memory.get());
    ring.attach_producer();
    std::vector<std::byte> payload;
    for (std::uint64_t i = 0; i < kDatagrams; ++i) {
      payload.assign(size_of(i), std::byte{byte_of(i)});
      DatagramHead head;
      head.at_ns = static_cast<std::int64_t>(i);
      while (!ring.write(head, payload)) {
        full.fetch_add(1, std::memory_order_relaxed);
        std::this_thread::yield();
      }
    }
  });
  ByteRing ring(memory.get());
  ByteRing::View view;
  // Begins only when the producer has found the ring full once.
  while (full.load(std::memory_order_relaxed) == 0) std::this_thread::yield();
  for (std::uint64_t next = 0; next < kDatagrams;) {
    if (!ring.front(view)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(view.head.at_ns, static_cast<std::int64_t>(next));
    ASSERT_EQ(view.payload.size(), size_of(next));
    const std::vector<std::byte> expected(view.payload.size(), std::byte{byte_of(next)});
    ASSERT_TRUE(view.payload.empty() ||
                std::memcmp(view.payload.data(), expected.data(), expected.size()) == 0);
    ring.pop();
    ++next;
  }
  producer.join();
  EXPECT_EQ(ring.faults(), 0u);
  EXPECT_EQ(ring.used_bytes(), 0u);
}

TEST(SnapshotThreads, ReadersNeverSeeHalfOfAWrite) {
  constexpr std::uint64_t kWrites = 200'000;
  base::Snapshot<FlowFigures> snapshot;
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<std::uint64_t> seen{0};
  std::atomic<std::uint64_t> torn{0};
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      FlowFigures out;
      while (!done.load(std::memory_order_acquire)) {
        if (!snapshot.read(out)) continue;
        seen.fetch_add(1, std::memory_order_relaxed);
        const bool whole = out.octets == out.packets * 160 && out.relayed == out.packets &&
                           out.ssrc == static_cast<std::uint32_t>(out.packets);
        if (!whole || out.packets < last) torn.fetch_add(1, std::memory_order_relaxed);
        last = out.packets;
      }
    });
  }
  const auto write = [&](std::uint64_t i) {
    FlowFigures figures;
    figures.packets = figures.relayed = i;
    figures.octets = i * 160;
    figures.ssrc = static_cast<std::uint32_t>(i);
    snapshot.write(figures);
  };
  std::uint64_t number = 0;
  while (number < kWrites || seen.load(std::memory_order_relaxed) < 100) write(++number);
  done.store(true, std::memory_order_release);
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(torn.load(), 0u);
}

TEST(CounterThreads, AReaderSeesThemGrow) {
  CounterBlock counters;
  constexpr std::uint64_t kAdds = 300'000;
  std::thread owner([&] {
    for (std::uint64_t i = 0; i < kAdds; ++i) counters.add(Counter::rx_octets, 3);
  });
  std::uint64_t last = 0;
  while (last != kAdds * 3) {
    const auto now = counters.get(Counter::rx_octets);
    ASSERT_GE(now, last);
    ASSERT_EQ(now % 3, 0u);
    last = now;
  }
  owner.join();
}

}  // namespace
}  // namespace tandem::wire
