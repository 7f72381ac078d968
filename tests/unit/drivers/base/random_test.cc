#include "drivers/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace tandem::base {
namespace {

TEST(Random, SeededIsRepeatableAndIsSplitmix64) {
  SeededRandom a(0);
  SeededRandom b(0);
  // The reference sequence of splitmix64 for seed 0.
  EXPECT_EQ(a.next(), 0xe220a8397b1dcdafull);
  EXPECT_EQ(a.next(), 0x6e789e6aa1b965f4ull);
  b.next();
  b.next();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(SeededRandom(1).next(), SeededRandom(2).next());
}

TEST(Random, TokensAreSixteenHexDigits) {
  SeededRandom random(3);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto token = random.token();
    ASSERT_EQ(token.size(), 16u);
    ASSERT_TRUE(std::all_of(token.begin(), token.end(),
                            [](char c) { return std::isdigit(c) || (c >= 'a' && c <= 'f'); }));
    seen.insert(token);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

// Far beyond one fetch of the pool: no number may come twice.
TEST(Random, KernelNumbersDontRepeat) {
  KernelRandom a;
  KernelRandom b;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 2000; ++i) {
    seen.insert(a.next());
    seen.insert(b.next());
  }
  EXPECT_EQ(seen.size(), 4000u);
  EXPECT_FALSE(seen.contains(0));
}

}  // namespace
}  // namespace tandem::base
