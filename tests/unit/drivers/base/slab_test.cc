#include "drivers/base/slab.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "drivers/base/random.h"

namespace tandem::base {
namespace {

// Counts the living, so that a leak or a second destruction is seen in every build.
struct Tracked {
  explicit Tracked(std::uint64_t v, int& l) : value(v), living(&l) { ++*living; }
  Tracked(const Tracked&) = delete;
  ~Tracked() { --*living; }
  std::uint64_t value;
  int* living;
};

TEST(Slab, RefusesTheNewAtItsLimitAndKeepsTheOld) {
  int living = 0;
  Slab<Tracked> slab(2);
  const auto [a, first] = slab.make(1u, living);
  const auto [b, second] = slab.make(2u, living);
  const auto [c, third] = slab.make(3u, living);
  EXPECT_EQ(third, nullptr);
  EXPECT_FALSE(c);
  EXPECT_EQ(slab.find(a), first);
  EXPECT_EQ(slab.find(b), second);
  slab.drop(a);
  EXPECT_EQ(slab.make(4u, living).second->value, 4u);
  EXPECT_EQ(slab.live(), 2u);
  EXPECT_EQ(slab.limit(), 2u);
}

TEST(Slab, KnowsTheNextHandle) {
  int living = 0;
  Slab<Tracked> slab(4);
  for (int i = 0; i < 3; ++i) {
    const Handle next = slab.next();
    const Handle made = slab.make(1u, living).first;
    EXPECT_EQ(made, next);
    if (i == 1) slab.drop(made);  // the third one takes its place
  }
}

TEST(Slab, AStaleHandleFindsNothing) {
  int living = 0;
  Slab<Tracked> slab(4);
  const auto old = slab.make(1u, living).first;
  slab.drop(old);
  const auto fresh = slab.make(2u, living).first;
  EXPECT_EQ(static_cast<std::uint32_t>(old.raw), static_cast<std::uint32_t>(fresh.raw));
  EXPECT_EQ(slab.find(old), nullptr);
  EXPECT_EQ(slab.find(fresh)->value, 2u);
}

TEST(Slab, GarbageHandlesFindNothing) {
  int living = 0;
  Slab<Tracked> slab(4);
  const auto handle = slab.make(1u, living).first;
  EXPECT_EQ(slab.find({}), nullptr);
  SeededRandom random(7);
  for (int i = 0; i < 10'000; ++i) {
    const Handle guess{random.next()};
    if (guess != handle) {
      EXPECT_EQ(slab.find(guess), nullptr);
    }
  }
}

TEST(Slab, DestroysWhatIsLeft) {
  int living = 0;
  {
    Slab<Tracked> slab(8);
    for (std::uint64_t i = 0; i < 5; ++i) slab.make(i, living);
    EXPECT_EQ(living, 5);
  }
  EXPECT_EQ(living, 0);
}

TEST(Slab, ClearEmptiesItAndItsHandles) {
  int living = 0;
  Slab<Tracked> slab(3);
  const auto old = slab.make(1u, living).first;
  slab.clear();
  EXPECT_EQ(living, 0);
  EXPECT_EQ(slab.find(old), nullptr);
  std::set<std::uint64_t> raws{old.raw};
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto [handle, made] = slab.make(i, living);
    ASSERT_NE(made, nullptr);
    raws.insert(handle.raw);
  }
  EXPECT_EQ(raws.size(), 4u);
  EXPECT_EQ(slab.make(9u, living).second, nullptr);
}

TEST(Slab, KeepsAlignment) {
  struct alignas(64) Line {
    char bytes[64];
  };
  Slab<Line> slab(10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab.make().second) % 64, 0u);
  }
}

TEST(Slab, AnObjectMayBeDroppedWhileVisited) {
  int living = 0;
  Slab<Tracked> slab(4);
  slab.make(1u, living);
  slab.make(2u, living);
  std::uint64_t sum = 0;
  slab.each([&](Handle handle, Tracked& object) {
    sum += object.value;
    slab.drop(handle);
  });
  EXPECT_EQ(sum, 3u);
  EXPECT_EQ(slab.live(), 0u);
}

TEST(SlabDeathTest, DroppingTwiceIsABrokenPromise) {
  int living = 0;
  Slab<Tracked> slab(4);
  const auto handle = slab.make(1u, living).first;
  slab.drop(handle);
  EXPECT_DEATH(slab.drop(handle), "promise broken");
}

// Against a map, with random operations; addresses must not move.
TEST(Slab, BehavesLikeAMap) {
  SeededRandom random(42);
  int living = 0;
  Slab<Tracked> slab(200);
  std::map<std::uint64_t, std::pair<std::uint64_t, Tracked*>> model;
  std::vector<Handle> dead;
  for (int step = 0; step < 50'000; ++step) {
    if (random.next() % 2 == 0) {
      const auto value = random.next();
      const auto [handle, made] = slab.make(value, living);
      ASSERT_EQ(made == nullptr, model.size() == 200);
      if (made == nullptr) continue;
      ASSERT_TRUE(handle);
      ASSERT_TRUE(model.emplace(handle.raw, std::pair{value, made}).second);
    } else if (!model.empty()) {
      auto at = model.lower_bound(random.next());
      if (at == model.end()) at = model.begin();
      slab.drop({at->first});
      dead.push_back({at->first});
      model.erase(at);
    }
    ASSERT_EQ(slab.live(), model.size());
    ASSERT_EQ(static_cast<std::size_t>(living), model.size());
    if (!dead.empty()) {
      ASSERT_EQ(slab.find(dead[random.next() % dead.size()]), nullptr);
    }
  }
  for (const auto& [raw, entry] : model) {
    ASSERT_EQ(slab.find({raw}), entry.second);
    ASSERT_EQ(entry.second->value, entry.first);
  }
}

}  // namespace
}  // namespace tandem::base
