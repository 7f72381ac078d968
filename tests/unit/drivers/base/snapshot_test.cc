#include "drivers/base/snapshot.h"

#include <gtest/gtest.h>

#include <array>
#include <new>

namespace tandem::base {
namespace {

struct Value {
  std::array<std::uint64_t, 17> words{};
};

Value value(std::uint64_t number) {
  Value out;
  out.words.fill(number);
  return out;
}

TEST(Snapshot, NothingWasEverWritten) {
  base::Snapshot<Value> snapshot;
  Value out = value(9);
  EXPECT_FALSE(snapshot.read(out));
}

TEST(Snapshot, ReadsTheLastValue) {
  base::Snapshot<Value> snapshot;
  Value out;
  for (std::uint64_t i = 1; i < 100; ++i) {
    snapshot.write(value(i));
    ASSERT_TRUE(snapshot.read(out));
    ASSERT_EQ(out.words, value(i).words);
  }
}

// A writer that died in the middle: readers give up, and its successor mends it.
TEST(Snapshot, AnOddSequenceIsGivenUpOnAndMended) {
  base::Snapshot<Value> snapshot;
  snapshot.write(value(1));
  auto& sequence = reinterpret_cast<std::atomic<std::uint64_t>&>(snapshot);
  sequence.fetch_add(1);
  Value out;
  EXPECT_FALSE(snapshot.read(out));
  snapshot.write(value(2));
  ASSERT_TRUE(snapshot.read(out));
  EXPECT_EQ(out.words, value(2).words);
  EXPECT_EQ(sequence.load() % 2, 0u);
}

TEST(Snapshot, LiesInZeroedMemoryAsItIs) {
  alignas(base::Snapshot<Value>) std::array<unsigned char, sizeof(base::Snapshot<Value>)> memory{};
  auto& snapshot = *std::launder(reinterpret_cast<base::Snapshot<Value>*>(memory.data()));
  Value out;
  EXPECT_FALSE(snapshot.read(out));
  snapshot.write(value(3));
  EXPECT_TRUE(snapshot.read(out));
}

}  // namespace
}  // namespace tandem::base
