#include "drivers/wire/byte_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "drivers/base/random.h"
#include "tests/unit/drivers/wire/shared_memory.h"

namespace tandem::wire {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteRingTest : public ::testing::Test {
 protected:
  ByteRingTest() {
    ring.attach_producer();
    ring.attach_consumer_and_drain();
  }
  ByteRingMemory& raw() { return *reinterpret_cast<ByteRingMemory*>(memory.get()); }
  bool write(const std::string& text) { return ring.write({}, bytes_of(text)); }
  // "-" when there is nothing.
  std::string take() {
    ByteRing::View view;
    if (!ring.front(view)) return "-";
    auto text = text_of(view.payload);
    ring.pop();
    return text;
  }

  test::HeapMemory memory{ByteRing::kBytes};
  ByteRing ring{memory.get()};
};

TEST_F(ByteRingTest, CarriesHeadAndPayload) {
  DatagramHead head;
  head.local = *base::Endpoint::parse("10.77.1.1:5060", 0);
  head.remote = *base::Endpoint::parse("10.77.1.2:5062", 0);
  head.at_ns = 12345;
  head.tos = 0xa0;
  ASSERT_TRUE(ring.write(head, bytes_of("INVITE")));
  ByteRing::View view;
  ASSERT_TRUE(ring.front(view));
  EXPECT_EQ(view.head.local, head.local);
  EXPECT_EQ(view.head.remote, head.remote);
  EXPECT_EQ(view.head.at_ns, 12345);
  EXPECT_EQ(view.head.tos, 0xa0);
  EXPECT_EQ(text_of(view.payload), "INVITE");
  ASSERT_TRUE(ring.front(view));  // it stays until pop()
  EXPECT_EQ(text_of(view.payload), "INVITE");
  view.payload[0] = std::byte{'i'};  // may be changed in place
  ring.pop();
  EXPECT_FALSE(ring.front(view));
  EXPECT_EQ(ring.used_bytes(), 0u);
  ring.pop();  // of nothing: harmless
  EXPECT_EQ(ring.used_bytes(), 0u);
}

TEST_F(ByteRingTest, EmptyAndLargestDatagramsAndNoLarger) {
  const std::string largest(ByteRing::kDatagramBytesMax, 'x');
  EXPECT_TRUE(write(""));
  EXPECT_TRUE(write(largest));
  EXPECT_FALSE(write(largest + "x"));
  EXPECT_EQ(take(), "");
  EXPECT_EQ(take(), largest);
  EXPECT_EQ(take(), "-");
}

TEST_F(ByteRingTest, RefusesTheNewWhenFullAndKeepsTheOld) {
  std::uint64_t written = 0;
  while (write(std::string(1000, 'a') + std::to_string(written))) ++written;
  EXPECT_LE(ring.used_bytes(), ByteRing::kDataBytes);
  // No space is wasted beyond a record's head, padding and rounding.
  EXPECT_GT(written, ByteRing::kDataBytes / (1000 + 16 + 64 + 64 + 64 + 8));
  for (std::uint64_t i = 0; i < written; ++i) {
    ASSERT_EQ(take(), std::string(1000, 'a') + std::to_string(i));
  }
  EXPECT_EQ(take(), "-");
  EXPECT_TRUE(write("again"));
  EXPECT_EQ(take(), "again");
}

TEST_F(ByteRingTest, TheBytesBehindADatagramAreReadable) {
  base::SeededRandom random(2);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(write(std::string(random.next() % 1500, 'p')));
    ByteRing::View view;
    ASSERT_TRUE(ring.front(view));
    unsigned sum = 0;
    for (std::size_t b = 0; b < view.payload.size() + ByteRing::kPaddingBytes; ++b) {
      sum += static_cast<unsigned>(view.payload.data()[b]);
    }
    ASSERT_LE(view.payload.data() + view.payload.size() + ByteRing::kPaddingBytes,
              memory.get() + ByteRing::kBytes);
    EXPECT_GE(sum, 0u);
    ring.pop();
  }
}

// Random sizes over many rounds of the ring: every wrap, every filler.
TEST_F(ByteRingTest, BehavesLikeAQueue) {
  base::SeededRandom random(3);
  std::deque<std::string> model;
  std::uint64_t refused = 0;
  for (std::uint64_t step = 0; step < 30'000; ++step) {
    const bool fill = (step / 2000) % 2 == 0;  // tides, so that it is full and empty at times
    if (random.next() % 8 < (fill ? 7u : 1u)) {
      const auto size = random.next() % 16 == 0 ? random.next() % 65536 : random.next() % 900;
      std::string text(size, static_cast<char>('a' + step % 26));
      text += std::to_string(step);
      if (text.size() > ByteRing::kDatagramBytesMax) continue;
      if (write(text))
        model.push_back(std::move(text));
      else
        ++refused;
    } else {
      ASSERT_EQ(take(), model.empty() ? "-" : model.front());
      if (!model.empty()) model.pop_front();
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(ring.faults(), 0u);
  for (const auto& text : model) ASSERT_EQ(take(), text);
}

TEST_F(ByteRingTest, ANewConsumerThrowsAwayWhatWasLeft) {
  write("stale");
  const auto used = ring.used_bytes();
  ByteRing next(memory.get());
  EXPECT_EQ(next.attach_consumer_and_drain(), used);
  write("fresh");
  EXPECT_EQ(take(), "fresh");
}

// A producer that died before it published: its half record is overwritten by the next one.
TEST_F(ByteRingTest, ANewProducerWritesOverAHalfRecord) {
  write("one");
  std::memset(raw().data() + raw().tail.load(), 0xee, 300);
  ByteRing next(memory.get());
  next.attach_producer();
  ASSERT_TRUE(next.write({}, bytes_of("two")));
  EXPECT_EQ(take(), "one");
  EXPECT_EQ(take(), "two");
}

TEST_F(ByteRingTest, ARecordThatClaimsTooMuchEmptiesTheRing) {
  struct Case {
    std::uint32_t record_bytes;
    std::uint32_t payload_bytes;
  };
  for (const Case c : {Case{0, 0}, Case{63, 0}, Case{64, 0}, Case{100, 0}, Case{UINT32_MAX, 0},
                       Case{4u << 20, 0}, Case{192, 49}, Case{192, UINT32_MAX}}) {
    write("broken");
    write("behind");
    auto* record = raw().data() + raw().head.load() % ByteRing::kDataBytes;
    std::memcpy(record, &c, sizeof c);
    const auto faults = ring.faults();
    EXPECT_EQ(take(), "-") << c.record_bytes << " " << c.payload_bytes;
    EXPECT_EQ(ring.faults(), faults + 1);
    EXPECT_EQ(ring.used_bytes(), 0u);
    write("fine");
    EXPECT_EQ(take(), "fine");
  }
}

TEST_F(ByteRingTest, AnUnalignedIndexIsMended) {
  raw().tail.store(raw().tail.load() + 7);
  EXPECT_EQ(take(), "-");  // emptied, but head is unaligned now too
  write("lost at most this one");
  take();
  EXPECT_TRUE(write("fine"));
  EXPECT_EQ(take(), "fine");
  raw().head.store(raw().head.load() + 1);
  write("lost");
  take();
  EXPECT_TRUE(write("fine"));
  EXPECT_EQ(take(), "fine");
}

// Random nonsense in indexes and records: nothing outside the ring is read (the address checker
// watches), no endless loop, and it carries datagrams again afterwards.
TEST_F(ByteRingTest, GarbageIsSurvived) {
  base::SeededRandom random(17);
  for (int trial = 0; trial < 3000; ++trial) {
    for (int i = 0; i < 4; ++i) write(std::string(random.next() % 300, 'q'));
    switch (random.next() % 3) {
      case 0:
        raw().tail.store(random.next());
        break;
      case 1:
        raw().head.store(random.next());
        break;
      default:
        break;
    }
    if (random.next() % 2 == 0) raw().tail.store(raw().tail.load() & ~std::uint64_t{63});
    if (random.next() % 2 == 0) raw().head.store(raw().head.load() & ~std::uint64_t{63});
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t noise = random.next();
      const auto near = (raw().head.load() & ~std::uint64_t{63}) + random.next() % 16 * 64;
      std::memcpy(raw().data() + near % ByteRing::kDataBytes + random.next() % 2 * 8, &noise,
                  random.next() % 8 + 1);
    }
    ByteRing::View view;
    std::size_t taken = 0;
    for (; taken < 100'000 && ring.front(view); ++taken) {
      ASSERT_GE(view.payload.data(), raw().data());
      ASSERT_LE(view.payload.data() + view.payload.size() + ByteRing::kPaddingBytes,
                memory.get() + ByteRing::kBytes);
      if (!view.payload.empty()) view.payload.back() = std::byte{0};
      ring.pop();
    }
    ASSERT_LT(taken, 100'000u);
    write("may be lost");
    while (take() != "-") continue;
    ASSERT_TRUE(write("fine")) << trial;
    ASSERT_EQ(take(), "fine") << trial;
  }
}

}  // namespace
}  // namespace tandem::wire
