#include "controlplane/routing/route_table.h"

#include <gtest/gtest.h>

#include <map>

#include "controlplane/routing/router.h"

namespace tandem::routing {
namespace {

using Order = config::Parameters::RouteOrder;
using Gateways = std::vector<GatewayIndex>;

PrefixRoute route(std::string_view prefix, GatewayIndex gateway, Route more = {}) {
  more.gateway = gateway;
  return {*PrefixKey::parse(prefix), more};
}

class RouteTableTest : public ::testing::Test {
 protected:
  Gateways candidates(const RouteTable& table, std::string_view digits) {
    Candidates found;
    table.candidates(digits, context, found);
    Gateways out;
    for (const Candidate& one : found) out.push_back(one.gateway);
    return out;
  }
  // How often each of them comes first, of a thousand times.
  std::map<GatewayIndex, int> firsts(const RouteTable& table, std::string_view digits) {
    std::map<GatewayIndex, int> out;
    for (int i = 0; i < 1000; ++i) ++out[candidates(table, digits).front()];
    return out;
  }

  base::SeededRandom random{4};
  RouteContext context{.random = random};
};

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

TEST_F(RouteTableTest, TheLongestPrefixWins) {
  const RouteTable table(std::vector<config::Route>{{"49", 1}, {"4930", 2}, {"1", 3}});
  EXPECT_EQ(candidates(table, "4930123"), Gateways{2});
  EXPECT_EQ(candidates(table, "4930"), Gateways{2});
  EXPECT_EQ(candidates(table, "493"), Gateways{1});
  EXPECT_EQ(candidates(table, "49"), Gateways{1});
  EXPECT_EQ(candidates(table, "4"), Gateways{});
  EXPECT_EQ(candidates(table, ""), Gateways{});
  EXPECT_EQ(candidates(table, "0049"), Gateways{});
  EXPECT_EQ(candidates(table, "1"), Gateways{3});
}

TEST_F(RouteTableTest, TheEmptyPrefixFitsEverything) {
  const RouteTable table({route("", 7), route("49", 1)});
  EXPECT_EQ(candidates(table, ""), Gateways{7});
  EXPECT_EQ(candidates(table, "alice"), Gateways{7});
  EXPECT_EQ(candidates(table, "49"), Gateways{1});
  EXPECT_EQ(candidates(RouteTable(), "49"), Gateways{});
}

TEST_F(RouteTableTest, PriorityGoesBeforeWeightAndPrice) {
  const RouteTable table({route("49", 1, {.price = 1, .priority = 200, .weight = 65535}),
                          route("49", 2, {.price = 9, .priority = 10, .weight = 0}),
                          route("49", 3, {.price = 5, .priority = 0, .weight = 0})});
  for (const Order order : {Order::weight, Order::price, Order::asr}) {
    context.order = order;
    for (int i = 0; i < 20; ++i) EXPECT_EQ(candidates(table, "49"), (Gateways{3, 2, 1}));
  }
}

TEST_F(RouteTableTest, TheWeightIsTheShareOfFirstPlaces) {
  const RouteTable table({route("49", 1, {.weight = 10}), route("49", 2, {.weight = 30}),
                          route("49", 3, {.weight = 60})});
  auto first = firsts(table, "49");
  EXPECT_NEAR(first[1], 100, 40);
  EXPECT_NEAR(first[2], 300, 60);
  EXPECT_NEAR(first[3], 600, 60);
  // Whoever wasn't first is still there.
  for (int i = 0; i < 100; ++i) {
    auto all = candidates(table, "49");
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all, (Gateways{1, 2, 3}));
  }
}

TEST_F(RouteTableTest, TheCheapestComesFirst) {
  context.order = Order::price;
  const RouteTable table(
      {route("49", 1, {.price = 20'000}), route("49", 2, {.price = 19'999, .weight = 1}),
       route("49", 3, {.price = 0, .priority = 101}),
       route("49", 4, {.price = 19'999, .weight = 9}), route("49", 5, {.price = UINT64_MAX})});
  int fourth_first = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto got = candidates(table, "49");
    if (got[0] == 4) ++fourth_first;
    ASSERT_TRUE(got == (Gateways{2, 4, 1, 5, 3}) || got == (Gateways{4, 2, 1, 5, 3}));
  }
  EXPECT_NEAR(fourth_first, 850, 80);
}

TEST_F(RouteTableTest, WhoAnswersMostComesFirst) {
  context.order = Order::asr;
  const RouteTable table({route("49", 1), route("49", 2), route("49", 3)});
  std::map<GatewayIndex, std::uint32_t> ratios = {{1, 300}, {2, 2000}, {3, 650}};
  const AsrOf asr = [&](GatewayIndex gateway) { return ratios[gateway]; };
  context.asr = &asr;
  EXPECT_EQ(candidates(table, "49"), (Gateways{2, 3, 1}));
  ratios = {{1, 500}, {2, 500}, {3, 501}};
  EXPECT_EQ(firsts(table, "49").size(), 1u);
  EXPECT_EQ(candidates(table, "49")[0], 3u);
  // Without figures all are equal.
  const AsrOf none;
  for (const AsrOf* unknown : {static_cast<const AsrOf*>(nullptr), &none}) {
    context.asr = unknown;
    EXPECT_EQ(firsts(table, "49").size(), 3u);
  }
}

TEST_F(RouteTableTest, ShorterPrefixesFollowWhenTheyMay) {
  const RouteTable table({route("", 9), route("49", 1, {.priority = 0}), route("49", 2),
                          route("4930", 2), route("4930", 3, {.priority = 200})});
  EXPECT_EQ(candidates(table, "4930123"), (Gateways{2, 3}));
  context.shorter = true;
  EXPECT_EQ(candidates(table, "4930123"), (Gateways{2, 3, 1, 9}));  // each gateway once
  EXPECT_EQ(candidates(table, "4940"), (Gateways{1, 2, 9}));
}

TEST_F(RouteTableTest, DisabledIsAsIfItWereNotThere) {
  const RouteTable table({route("49", 1), route("4930", 2, {.enabled = false}),
                          route("4940", 2, {.enabled = false}), route("4940", 3)});
  EXPECT_EQ(candidates(table, "4930"), Gateways{1});
  EXPECT_EQ(candidates(table, "4940"), Gateways{3});
}

TEST_F(RouteTableTest, RoutesHaveTheirHours) {
  const RouteTable table(
      {route("49", 1), route("4930", 2, {.priority = 1, .window = 1}),
       route("4930", 3, {.window = 2})},
      {TimeWindow(), *TimeWindow::parse("mon-fri 08:00-18:00"), *TimeWindow::parse("17:00-09:00")});
  const auto at = [&](std::string_view time) { context.minute = *week_minute_of(time); };
  at("mon 12:00");
  EXPECT_EQ(candidates(table, "4930"), Gateways{2});
  at("mon 17:30");
  EXPECT_EQ(candidates(table, "4930"), (Gateways{2, 3}));
  at("sat 08:30");
  EXPECT_EQ(candidates(table, "4930"), Gateways{3});
  at("sat 12:00");
  EXPECT_EQ(candidates(table, "4930"), Gateways{});  // not their hours, but their prefix
  context.shorter = true;
  EXPECT_EQ(candidates(table, "4930"), Gateways{1});
}

TEST_F(RouteTableTest, NoMoreThanOneCallTries) {
  std::vector<PrefixRoute> routes;
  for (GatewayIndex i = 0; i < Candidates::kMost; ++i) routes.push_back(route("4930", i));
  for (GatewayIndex i = 0; i < Candidates::kMost; ++i) routes.push_back(route("49", 100 + i));
  const RouteTable table(routes);
  context.shorter = true;
  auto got = candidates(table, "4930");
  std::sort(got.begin(), got.end());
  ASSERT_EQ(got.size(), Candidates::kMost);
  EXPECT_EQ(got.front(), 0u);
  EXPECT_EQ(got.back(), Candidates::kMost - 1);
}

TEST_F(RouteTableTest, SaysWhatBecomesOfEach) {
  using Fate = RouteTable::Fate;
  const RouteTable table({route("49", 1), route("49", 3), route("4930", 1, {.priority = 7}),
                          route("4930", 2, {.priority = 3}), route("4930", 4, {.enabled = false}),
                          route("4930", 5, {.window = 1}), route("50", 1)},
                         {TimeWindow(), *TimeWindow::parse("sun")});
  struct Told {
    std::string prefix;
    GatewayIndex gateway;
    Fate fate;
    std::size_t place;
    bool operator==(const Told&) const = default;
  };
  const auto told = [&] {
    std::vector<Told> out;
    for (const auto& [one, fate, place] : table.consider("49301", context)) {
      out.push_back({one.prefix.text(), one.route.gateway, fate, place});
    }
    return out;
  };
  std::vector<Told> expected = {
      {"4930", 1, Fate::kTried, 2},      {"4930", 2, Fate::kTried, 1},
      {"4930", 4, Fate::kDisabled, 0},   {"4930", 5, Fate::kOtherTime, 0},
      {"49", 1, Fate::kLongerPrefix, 0}, {"49", 3, Fate::kLongerPrefix, 0}};
  EXPECT_EQ(told(), expected);
  context.shorter = true;
  expected[4].fate = Fate::kLongerHasIt;
  expected[5] = {"49", 3, Fate::kTried, 3};
  EXPECT_EQ(told(), expected);
}

TEST_F(RouteTableTest, GivesItsRoutesBack) {
  const RouteTable table(
      {route("50", 1), route("49", 3, {.price = 5}), route("49", 1), route("4930", 1)});
  const auto told = [](const std::vector<PrefixRoute>& routes) {
    std::string out;
    for (const auto& [prefix, one] : routes) {
      out += prefix.text() + ">" + std::to_string(one.gateway) + " ";
    }
    return out;
  };
  EXPECT_EQ(told(table.routes_from({}, 10)), "49>1 49>3 4930>1 50>1 ");
  EXPECT_EQ(told(table.routes_from(*PrefixKey::parse("4930"), 1)), "4930>1 ");
  EXPECT_EQ(told(table.routes_of(*PrefixKey::parse("49"))), "49>1 49>3 ");
  EXPECT_EQ(told(table.routes_of(*PrefixKey::parse("4"))), "");
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.prefixes().size(), 3u);
  ASSERT_NE(table.find(*PrefixKey::parse("49"), 3), nullptr);
  EXPECT_EQ(table.find(*PrefixKey::parse("49"), 3)->price, 5u);
  EXPECT_EQ(table.find(*PrefixKey::parse("49"), 2), nullptr);
  EXPECT_EQ(table.find(*PrefixKey::parse("493"), 3), nullptr);
}

TEST_F(RouteTableTest, AgreesWithALookThroughAll) {
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
      Gateways expected;
      for (std::size_t n = number.size() + 1; n-- > 0 && expected.empty();) {
        const auto found = all.find(number.substr(0, n));
        if (found != all.end()) expected = {found->second};
      }
      ASSERT_EQ(candidates(table, number), expected) << number;
    }
  }
}

TEST_F(RouteTableTest, ARouterFollowsParametersTimeAndNewRoutes) {
  config::Parameters parameters;
  std::int64_t wall_ms = 12 * 3600 * 1000;  // 1970-01-01, a Thursday, nearly everywhere
  Routes routes;
  Router router({.routes = routes,
                 .parameters = parameters,
                 .random = random,
                 .asr = [](GatewayIndex gateway) { return gateway; },
                 .wall_ms = [&] { return wall_ms; }});
  EXPECT_FALSE(router.find("49"));
  routes.publish(std::make_shared<const RouteTable>(
      std::vector{route("4", 9), route("49", 1, {.price = 2, .window = 1}),
                  route("49", 2, {.price = 1, .window = 1})},
      std::vector{TimeWindow(), *TimeWindow::parse("thu,fri 00:00-24:00")}));
  ASSERT_TRUE(parameters.set("TD_ROUTE_ORDER", "price").ok());
  EXPECT_EQ(router.find("49"), 2u);
  ASSERT_TRUE(parameters.set("TD_ROUTE_ORDER", "asr").ok());
  EXPECT_EQ(router.find("49"), 2u);
  wall_ms += std::int64_t{3} * 24 * 3600 * 1000;  // Sunday

  EXPECT_FALSE(router.find("49"));
  ASSERT_TRUE(parameters.set("TD_ROUTE_SHORTER", "on").ok());
  EXPECT_EQ(router.find("49"), 9u);
  routes.publish(std::make_shared<const RouteTable>(std::vector{route("49", 5)}));
  EXPECT_EQ(router.find("49"), 5u);
}

}  // namespace
}  // namespace tandem::routing
