#include "drivers/wire/counters.h"

#include <gtest/gtest.h>

#include <set>

namespace tandem::wire {
namespace {

TEST(Counters, EachHasANameAUnitAndASentence) {
  std::set<std::string_view> names;
  for (const auto& info : counter_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " twice";
    EXPECT_FALSE(info.unit.empty()) << info.name;
    EXPECT_GT(info.sentence.size(), 5u) << info.name;
  }
  EXPECT_EQ(names.size(), kCounterCount);
}

TEST(Counters, NamesStandAtTheirRows) {
  EXPECT_EQ(counter_infos()[static_cast<std::size_t>(Counter::rx_packets)].name, "rx_packets");
  EXPECT_EQ(counter_infos()[static_cast<std::size_t>(Counter::drop_event_stale)].name,
            "drop_event_stale");
}

TEST(Counters, AddsToItsRowOnly) {
  CounterBlock block;
  block.add(Counter::sip_sent);
  block.add(Counter::sip_sent, 41);
  for (std::size_t row = 0; row < kCounterCount; ++row) {
    EXPECT_EQ(block.get(row), row == static_cast<std::size_t>(Counter::sip_sent) ? 42u : 0u);
  }
}

}  // namespace
}  // namespace tandem::wire
