#include "dataplane/sweep.h"

#include <gtest/gtest.h>

namespace tandem::dataplane {
namespace {

using base::Millis;

TEST(Sweep, ShowsEveryOpenFlowOnceASecond) {
  wire::CorridorPlan plan;
  plan.address_count = 1;
  std::vector<Flow> memory(FlowTable::places(plan));
  FlowTable flows(memory, plan, 0);
  std::vector<base::Snapshot<wire::FlowRecord>> shelf(65536);
  FlowRecords records;
  records.of_address[0] = shelf.data();
  for (std::uint16_t i = 0; i < 100; ++i) {
    flows.open({0, static_cast<std::uint16_t>(20000 + i)}, {0, 30000}, i + 1u);
  }
  Sweep sweep(flows, records);
  base::Nanos now = base::Seconds{5};
  EXPECT_TRUE(sweep.turn(now));
  const auto shown = [&] {
    int out = 0;
    for (std::uint16_t i = 0; i < 100; ++i) {
      wire::FlowRecord record;
      out += records.at({0, static_cast<std::uint16_t>(20000 + i)}).read(record) &&
             record.generation == i + 1u;
    }
    return out;
  };
  EXPECT_LE(shown(), 8) << "a few a turn";
  for (int i = 0; i < 13; ++i) EXPECT_FALSE(sweep.turn(now += Millis{1}));
  EXPECT_EQ(shown(), 100);
  flows.at({0, 20000}).refused = 7;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(sweep.turn(now += Millis{1}));
  wire::FlowRecord record;
  ASSERT_TRUE(records.at({0, 20000}).read(record));
  EXPECT_EQ(record.figures.refused, 0u) << "not before the next second";
  EXPECT_TRUE(sweep.turn(now += Millis{1000}));
  ASSERT_TRUE(records.at({0, 20000}).read(record));
  EXPECT_EQ(record.figures.refused, 7u);
}

}  // namespace
}  // namespace tandem::dataplane
