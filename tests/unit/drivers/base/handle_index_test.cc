#include "drivers/base/handle_index.h"

#include <gtest/gtest.h>

#include <map>

#include "drivers/base/random.h"

namespace tandem::base {
namespace {

constexpr auto kAny = [](Handle) { return true; };

TEST(HandleIndex, FindsWhatWasPutInUntilItIsTakenOut) {
  HandleIndex index(4);
  EXPECT_FALSE(index.find(7, kAny));
  index.insert(7, {100});
  EXPECT_EQ(index.find(7, kAny), Handle{100});
  index.erase(7, {99});  // another's
  EXPECT_EQ(index.size(), 1u);
  index.erase(7, {100});
  EXPECT_FALSE(index.find(7, kAny));
  EXPECT_EQ(index.size(), 0u);
}

TEST(HandleIndex, OneHashMayMeanSeveral) {
  HandleIndex index(4);
  index.insert(7, {100});
  index.insert(7, {200});
  EXPECT_EQ(index.find(7, [](Handle h) { return h.raw == 200; }), Handle{200});
  index.erase(7, {100});
  EXPECT_EQ(index.find(7, kAny), Handle{200});
}

// Few hashes over few slots, so that runs grow, wrap and are cut in every way; a map knows better.
TEST(HandleIndex, StaysTrueUnderCrowding) {
  constexpr std::uint32_t kLimit = 24;
  SeededRandom random(1);
  HandleIndex index(kLimit);
  std::map<std::uint64_t, std::uint64_t> truth;  // handle → hash
  std::uint64_t last = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (truth.size() < kLimit && random.next() % 3 != 0) {
      const std::uint64_t hash = random.next() % 70;
      index.insert(hash, {++last});
      truth[last] = hash;
    } else if (!truth.empty()) {
      const auto gone = std::next(truth.begin(), static_cast<long>(random.next() % truth.size()));
      index.erase(gone->second, {gone->first});
      truth.erase(gone);
    }
    ASSERT_EQ(index.size(), truth.size());
    for (const auto& [handle, hash] : truth) {
      ASSERT_TRUE(index.find(hash, [&](Handle h) { return h.raw == handle; })) << step;
    }
  }
}

}  // namespace
}  // namespace tandem::base
