#include "controlplane/routing/route_table.h"

#include <gtest/gtest.h>

#include <map>

#include "drivers/base/random.h"

namespace tandem::routing {
namespace {

TEST(RoutingDigits, OfEveryForm) {
  EXPECT_EQ(routing_digits("4930123"), "4930123");
  EXPECT_EQ(routing_digits("+4930123"), "4930123");
  EXPECT_EQ(routing_digits("+49-30.(12)3"), "4930123");
  EXPECT_EQ(routing_digits("4930123;npdi;rn=+1"), "4930123");
  EXPECT_EQ(routing_digits("00*#49"), "00*#49");
  EXPECT_EQ(routing_digits("4+9"), "4+9");  // only a leading one
  EXPECT_EQ(routing_digits("alice"), "alice");
  EXPECT_EQ(routing_digits(""), "");
  EXPECT_EQ(routing_digits("+"), "");
  EXPECT_EQ(routing_digits(";x"), "");
}

TEST(RouteTable, TheLongestPrefixWins) {
  const RouteTable table({{"49", 1}, {"4930", 2}, {"1", 3}});
  EXPECT_EQ(table.find("4930123"), 2u);
  EXPECT_EQ(table.find("4930"), 2u);
  EXPECT_EQ(table.find("493"), 1u);
  EXPECT_EQ(table.find("49"), 1u);
  EXPECT_FALSE(table.find("4"));
  EXPECT_FALSE(table.find(""));
  EXPECT_FALSE(table.find("0049"));
  EXPECT_EQ(table.find("1"), 3u);
}

TEST(RouteTable, TheEmptyPrefixFitsEverything) {
  const RouteTable table({{"", 7}, {"49", 1}});
  EXPECT_EQ(table.find(""), 7u);
  EXPECT_EQ(table.find("alice"), 7u);
  EXPECT_EQ(table.find("49"), 1u);
  EXPECT_FALSE(RouteTable({}).find("49"));
}

TEST(RouteTable, AgreesWithALookThroughAll) {
  base::SeededRandom random(4);
  const auto digits = [&](std::size_t most) {
    std::string out(random.next() % (most + 1), '0');
    for (auto& digit : out) digit = static_cast<char>('0' + random.next() % 3);
    return out;
  };
  for (int trial = 0; trial < 50; ++trial) {
    std::map<std::string, GatewayIndex> all;
    for (GatewayIndex i = 0; i < 60; ++i) all.emplace(digits(7), i);
    std::vector<config::Route> routes;
    for (const auto& [prefix, gateway] : all) routes.push_back({prefix, gateway});
    const RouteTable table(routes);
    for (int probe = 0; probe < 200; ++probe) {
      const auto number = digits(10);
      std::optional<GatewayIndex> expected;
      std::size_t longest = 0;
      for (const auto& [prefix, gateway] : all) {
        if (!number.starts_with(prefix) || (expected && prefix.size() < longest)) continue;
        expected = gateway;
        longest = prefix.size();
      }
      ASSERT_EQ(table.find(number), expected) << number;
    }
  }
}

}  // namespace
}  // namespace tandem::routing
