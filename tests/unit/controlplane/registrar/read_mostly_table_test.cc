// What readers see while the table changes under them.
#include "controlplane/registrar/read_mostly_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <map>
#include <random>
#include <thread>

namespace tandem::registrar {
namespace {

struct Record {
  base::KeyedHash::Digest key;
  std::uint64_t value = 0;
  std::uint64_t check = 0;
};
using Table = ReadMostlyTable<Record>;

base::KeyedHash::Digest key(std::uint64_t of) { return (base::KeyedHash({1, 2}) << of).digest(); }
Table::Change put(std::uint64_t of, std::uint64_t value) { return {{key(of), value, ~value}}; }
Table::Change take(std::uint64_t of) { return {{key(of)}, true}; }

TEST(ReadMostlyTable, PutsChangesAndTakes) {
  Table table(1);
  EXPECT_EQ(table.find(key(1)), nullptr);
  (void)table.apply(std::vector{put(1, 10), put(2, 20)});
  EXPECT_EQ(table.find(key(1))->value, 10u);
  (void)table.apply(std::vector{put(1, 11), take(2), take(3)});
  EXPECT_EQ(table.find(key(1))->value, 11u);
  EXPECT_EQ(table.find(key(2)), nullptr);
  EXPECT_EQ(table.size(), 1u);
  // In their order.
  (void)table.apply(std::vector{take(1), put(1, 12), put(4, 1), take(4)});
  EXPECT_EQ(table.find(key(1))->value, 12u);
  EXPECT_EQ(table.find(key(4)), nullptr);
  EXPECT_EQ(table.size(), 1u);
  (void)table.apply({});
}

TEST(ReadMostlyTable, WhatAReaderHoldsStaysAsItWas) {
  Table table(1);
  (void)table.apply(std::vector{put(1, 10)});
  const Record* held = table.find(key(1));
  const auto retired = table.apply(std::vector{put(1, 11)});
  EXPECT_EQ(held->value, 10u);
  EXPECT_EQ(retired.size(), 1u);
}

// The same as a map, however many changes come at once and however full the buckets are.
TEST(ReadMostlyTable, AgreesWithAMap) {
  std::mt19937_64 random(7);
  for (const std::uint32_t expected : {1u, 5'000u}) {
    Table table(expected);
    std::map<std::uint64_t, std::uint64_t> map;
    for (const std::size_t count : {1u, 10u, 20'000u, 10'000u, 3u}) {
      std::vector<Table::Change> changes;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t of = random() % 5'000;
        if (random() % 3 == 0) {
          changes.push_back(take(of));
          map.erase(of);
        } else {
          const std::uint64_t value = random();
          changes.push_back(put(of, value));
          map[of] = value;
        }
      }
      (void)table.apply(changes);
      EXPECT_EQ(table.size(), map.size());
      for (std::uint64_t of = 0; of < 5'000; ++of) {
        const Record* found = table.find(key(of));
        ASSERT_EQ(found != nullptr, map.contains(of));
        if (found != nullptr) {
          ASSERT_EQ(found->value, map[of]);
        }
      }
    }
  }
}

// Readers announce that they are past what they looked at; only then is it freed.
TEST(ReadMostlyTable, ReadersNeverSeeHalfAChange) {
  constexpr std::uint64_t kKeys = 8;
  constexpr int kReaders = 3;
  Table table(16);
  for (std::uint64_t k = 0; k < kKeys; ++k) (void)table.apply(std::vector{put(k, 0)});
  std::atomic<bool> stop{false};
  std::array<std::atomic<std::uint64_t>, kReaders> turns{};
  std::array<std::uint64_t, kReaders> seen{};
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      while (!stop.load(std::memory_order_relaxed)) {
        for (std::uint64_t k = 0; k < kKeys; ++k) {
          const Record* found = table.find(key(k));
          if (found != nullptr && found->check == ~found->value) ++seen[r];
          if (found != nullptr && found->check != ~found->value) std::abort();
        }
        turns[r].fetch_add(1, std::memory_order_release);
        std::this_thread::yield();
      }
    });
  }
  for (std::uint64_t round = 1; round <= 20; ++round) {
    std::vector<Table::Change> changes;
    for (std::uint64_t k = 0; k < kKeys; ++k) changes.push_back(k % 5 ? put(k, round) : take(k));
    const auto retired = table.apply(changes);
    for (auto& turn : turns) {
      // One whole turn may have begun before the change: the second one has not.
      const auto before = turn.load(std::memory_order_acquire);
      while (turn.load(std::memory_order_acquire) < before + 2) std::this_thread::yield();
    }
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  for (const auto count : seen) EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace tandem::registrar
