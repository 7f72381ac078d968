#include "dataplane/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tandem::dataplane {
namespace {

wire::CorridorPlan plan_of(std::uint32_t workers) {
  wire::CorridorPlan plan;
  plan.workers = workers;
  plan.address_count = 2;
  return plan;
}

TEST(FlowTable, EveryPortHasOnePlaceAtOneWorker) {
  for (const std::uint32_t workers : {1u, 2u, 3u, 7u}) {
    const auto plan = plan_of(workers);
    std::size_t places = 0;
    std::uint32_t owned = 0;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      std::vector<Flow> memory(FlowTable::places(plan));
      FlowTable table(memory, plan, worker);
      std::set<Flow*> seen;
      for (std::uint32_t n = 0; n < 2 * 65536; ++n) {
        const wire::FlowKey key{static_cast<std::uint16_t>(n >> 16), static_cast<std::uint16_t>(n)};
        if (!table.owns(key)) continue;
        Flow* place = &table.at(key);
        ASSERT_GE(place, memory.data());
        ASSERT_LT(place, memory.data() + memory.size());
        seen.insert(place);
        ++owned;
      }
      places += seen.size();
    }
    EXPECT_EQ(owned, 2u * 65536);
    EXPECT_EQ(places, 2u * 65536);
  }
}

TEST(FlowTable, APairStaysTogether) {
  const auto plan = plan_of(2);
  std::vector<Flow> memory(FlowTable::places(plan));
  FlowTable table(memory, plan, 1);
  EXPECT_TRUE(table.owns({0, 20002}));
  EXPECT_TRUE(table.owns({0, 20003}));
  EXPECT_FALSE(table.owns({0, 20000}));
  EXPECT_FALSE(table.owns({2, 20002})) << "no such address";
  EXPECT_EQ(&table.at({0, 20003}), &table.at({0, 20002}) + 1);
}

TEST(FlowTable, OpensReplacesAndCloses) {
  const auto plan = plan_of(1);
  std::vector<Flow> memory(FlowTable::places(plan));
  FlowTable table(memory, plan, 0);
  Flow& a = table.open({0, 20000}, {1, 30000}, 1);
  Flow& b = table.open({1, 30000}, {0, 20000}, 2);
  Flow& c = table.open({0, 20002}, {1, 30002}, 3);
  EXPECT_EQ(a.peer, &b);
  EXPECT_EQ(b.peer, &a);
  EXPECT_EQ(c.peer->generation, 0u) << "its peer isn't open";
  EXPECT_EQ(c.peer->key, (wire::FlowKey{1, 30002}));
  EXPECT_EQ(table.live().size(), 3u);
  a.refused = 9;
  Flow& again = table.open({0, 20000}, {1, 30000}, 4);
  EXPECT_EQ(&again, &a);
  EXPECT_EQ(again.refused, 0u);
  EXPECT_EQ(table.live().size(), 3u);
  table.close(b);
  EXPECT_EQ(a.peer->generation, 0u);
  ASSERT_EQ(table.live().size(), 2u);
  EXPECT_EQ(std::count(table.live().begin(), table.live().end(), &b), 0);
  table.close(a);
  table.close(c);
  EXPECT_TRUE(table.live().empty());
}

}  // namespace
}  // namespace tandem::dataplane
