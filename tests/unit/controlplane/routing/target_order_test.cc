#include "controlplane/routing/target_order.h"

#include <gtest/gtest.h>

#include <map>

namespace tandem::routing {
namespace {

config::Target target(std::uint16_t port, std::uint16_t priority, std::uint16_t weight) {
  config::Target out;
  out.endpoint.port = port;
  out.priority = priority;
  out.weight = weight;
  return out;
}

TEST(TargetOrder, ByPriorityWhateverTheWeight) {
  base::SeededRandom random(1);
  for (int i = 0; i < 100; ++i) {
    std::vector<config::Target> targets = {target(3, 30, 65535), target(1, 10, 0),
                                           target(2, 20, 1)};
    order_targets(targets, random);
    for (std::uint16_t n = 0; n < 3; ++n) EXPECT_EQ(targets[n].endpoint.port, n + 1);
  }
}

TEST(TargetOrder, TheWeightIsTheShareOfFirstPlaces) {
  base::SeededRandom random(2);
  std::map<int, int> first;
  for (int i = 0; i < 10'000; ++i) {
    std::vector<config::Target> targets = {target(1, 0, 10), target(2, 0, 30), target(3, 0, 60),
                                           target(4, 0, 0)};
    order_targets(targets, random);
    ++first[targets.front().endpoint.port];
    EXPECT_EQ(targets.size(), 4u);
  }
  EXPECT_NEAR(first[1], 1000, 200);
  EXPECT_NEAR(first[2], 3000, 300);
  EXPECT_NEAR(first[3], 6000, 300);
  EXPECT_GT(first[4], 20);  // small, but there
  EXPECT_LT(first[4], 250);
}

// RFC 2782's draw favours the first of several zeros for ever; they must take turns instead.
TEST(TargetOrder, EqualsWithoutWeightTakeTurns) {
  base::SeededRandom random(3);
  std::map<int, int> first;
  for (int i = 0; i < 3000; ++i) {
    std::vector<config::Target> targets = {target(1, 0, 0), target(2, 0, 0), target(3, 0, 0)};
    order_targets(targets, random);
    ++first[targets.front().endpoint.port];
  }
  for (const int port : {1, 2, 3}) EXPECT_NEAR(first[port], 1000, 200);
  std::vector<config::Target> none;
  order_targets(none, random);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace tandem::routing
