#include "controlplane/routing/gateway_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::routing {
namespace {

using config::Gateway;
using config::GatewayKind;

base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text, 5060); }

Gateway gateway(std::string_view address, std::uint16_t port, GatewayKind kind,
                std::uint32_t capacity = 0) {
  Gateway out;
  out.kind = kind;
  out.addresses.push_back(at(address));
  out.addresses.back().port = port;
  out.capacity = capacity;
  return out;
}

TEST(GatewayTable, KnowsAMappingGatewayByItsAddress) {
  const GatewayTable table({gateway("10.0.0.9", 5060, GatewayKind::kRouting),
                            gateway("10.0.0.1", 0, GatewayKind::kMapping),
                            gateway("10.0.0.2", 5070, GatewayKind::kMapping)});
  EXPECT_EQ(table.identify(at("10.0.0.1:1")), 1u);
  EXPECT_EQ(table.identify(at("10.0.0.1:65535")), 1u);
  EXPECT_EQ(table.identify(at("10.0.0.2:5070")), 2u);
  EXPECT_FALSE(table.identify(at("10.0.0.2:5071")));
  EXPECT_FALSE(table.identify(at("10.0.0.9:5060")));  // a vendor calls nobody
  EXPECT_FALSE(table.identify(at("10.0.0.3:5060")));
  EXPECT_FALSE(table.identify({}));
}

TEST(GatewayTable, FindsARoutingGatewayByItsName) {
  Gateway customer{.name = "c", .kind = GatewayKind::kMapping, .addresses = {}, .hosts = {}};
  customer.hosts = {{"c.test", 0}};
  Gateway plain{.name = "p", .kind = GatewayKind::kRouting, .addresses = {}, .hosts = {}};
  plain.hosts = {{"V.test.", 0}};
  Gateway other = plain;
  other.hosts = {{"v.test", 5070}};
  const GatewayTable table({customer, other, plain, gateway("10.0.0.9", 5060, plain.kind)});
  EXPECT_EQ(table.routing_named("v.test", 5060), 2u);
  EXPECT_EQ(table.routing_named("v.TEST.", 5070), 1u);
  EXPECT_EQ(table.routing_named("v.test", 0), 1u);  // the earlier of two
  EXPECT_FALSE(table.routing_named("v.test", 5080));
  EXPECT_FALSE(table.routing_named("c.test", 0));  // a customer takes no calls
  EXPECT_FALSE(table.routing_named("test", 0));
  EXPECT_FALSE(table.routing_named("", 0));
}

TEST(GatewayTable, NamesLeadWhereTheirLastAnswerSays) {
  base::SeededRandom random(1);
  Gateway customer{.name = "c", .kind = GatewayKind::kMapping, .addresses = {}, .hosts = {}};
  customer.hosts = {{"a.test", 0}, {"b.test", 0}};
  Gateway vendor{.name = "v", .kind = GatewayKind::kRouting, .addresses = {}, .hosts = {}};
  vendor.hosts = {{"v.test", 0}};
  GatewayTable table({customer, vendor});
  EXPECT_TRUE(table.targets(1, random).empty());
  EXPECT_FALSE(table.knows(at("10.0.0.1").address));

  config::Target any = {at("10.0.0.1"), 0, 0};
  any.endpoint.port = 0;
  table.set_targets(0, 0, {any});
  any.endpoint = at("10.0.0.2");
  any.endpoint.port = 0;
  table.set_targets(0, 1, {any});
  table.set_targets(1, 0, {{at("10.0.0.9:5070"), 20, 0}, {at("10.0.0.8:5080"), 10, 0}});
  EXPECT_EQ(table.identify(at("10.0.0.1:99")), 0u);
  EXPECT_EQ(table.identify(at("10.0.0.2:99")), 0u);
  EXPECT_FALSE(table.identify(at("10.0.0.9:5070")));
  EXPECT_TRUE(table.knows(at("10.0.0.9:1").address));
  EXPECT_EQ(table.targets(1, random).front().endpoint, at("10.0.0.8:5080"));

  table.set_targets(0, 0, {});
  EXPECT_FALSE(table.identify(at("10.0.0.1:99")));
  EXPECT_EQ(table.identify(at("10.0.0.2:99")), 0u);
}

TEST(GatewayTable, TheVeryPortComesBeforeAnyPort) {
  const GatewayTable table({gateway("10.0.0.1", 0, GatewayKind::kMapping),
                            gateway("10.0.0.1", 5070, GatewayKind::kMapping)});
  EXPECT_EQ(table.identify(at("10.0.0.1:5070")), 1u);
  EXPECT_EQ(table.identify(at("10.0.0.1:5060")), 0u);
}

TEST(GatewayTable, KnowsTheAddressesOfBothKinds) {
  const GatewayTable table({gateway("10.0.0.9", 5060, GatewayKind::kRouting),
                            gateway("10.0.0.1", 0, GatewayKind::kMapping)});
  EXPECT_TRUE(table.knows(at("10.0.0.9").address));
  EXPECT_TRUE(table.knows(at("10.0.0.1").address));
  EXPECT_FALSE(table.knows(at("10.0.0.2").address));
  EXPECT_FALSE(table.knows({}));
}

TEST(GatewayTable, TakesUpToItsCapacity) {
  GatewayTable table({gateway("10.0.0.1", 0, GatewayKind::kMapping, 2),
                      gateway("10.0.0.2", 0, GatewayKind::kMapping, 0)});
  const auto takes = [&](GatewayIndex i) { return table.take(i) == Admission::kTaken; };
  EXPECT_TRUE(takes(0));
  EXPECT_TRUE(takes(0));
  EXPECT_EQ(table.take(0), Admission::kFull);
  EXPECT_EQ(table.load(0), 2u);
  table.give_back(0);
  EXPECT_TRUE(takes(0));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(takes(1));  // no limit
  EXPECT_EQ(table.load(1), 1000u);
  EXPECT_EQ(table.load(0), 2u);
}

TEST(GatewayTable, ShardsNeverTakeMoreThanThereIs) {
  GatewayTable table({gateway("10.0.0.1", 0, GatewayKind::kMapping, 3)});
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> shards;
  for (int t = 0; t < 4; ++t) {
    shards.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (table.take(0) != Admission::kTaken) continue;
        const int now = inside.fetch_add(1) + 1;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
        inside.fetch_sub(1);
        table.give_back(0);
      }
    });
  }
  for (auto& shard : shards) shard.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_GE(most.load(), 1);
  EXPECT_EQ(table.load(0), 0u);
}

Gateway named(std::string name, std::string_view address, std::uint32_t capacity = 0) {
  Gateway out = gateway(address, 5060, GatewayKind::kRouting, capacity);
  out.name = std::move(name);
  return out;
}

TEST(GatewayTable, AChangeKeepsTheIndexAndTheCallsOfAGateway) {
  GatewayTable table({named("a", "10.0.0.1"), named("b", "10.0.0.2")});
  ASSERT_EQ(table.take(1), Admission::kTaken);
  const GatewayRef before = table.now().at(1);
  table.put({named("b", "10.0.0.3", 1), named("c", "10.0.0.4")});
  EXPECT_EQ(table.now().find("b"), 1u);
  EXPECT_EQ(table.now().find("c"), 2u);
  EXPECT_EQ(table.routing_at(at("10.0.0.3:5060")), 1u);
  EXPECT_FALSE(table.routing_at(at("10.0.0.2:5060")));
  EXPECT_EQ(table.take(1), Admission::kFull);  // the call from before counts
  table.give_back(1);
  EXPECT_EQ(table.take(1), Admission::kTaken);
  EXPECT_EQ(before->settings.addresses[0], at("10.0.0.2:5060"));  // as a call was born with it
  EXPECT_EQ(before->load, table.now().at(1)->load);
}

TEST(GatewayTable, ARemovedOneIsNobodyButItsCallsStillCount) {
  GatewayTable table({named("a", "10.0.0.1"), named("b", "10.0.0.2")});
  ASSERT_EQ(table.take(0), Admission::kTaken);
  EXPECT_TRUE(table.remove("a"));
  EXPECT_FALSE(table.remove("a"));
  EXPECT_FALSE(table.now().find("a"));
  EXPECT_FALSE(table.knows(at("10.0.0.1").address));
  EXPECT_EQ(table.take(0), Admission::kLocked);
  EXPECT_EQ(table.gateway(0).name, "a");
  EXPECT_EQ(table.load(0), 1u);
  table.give_back(0);
  table.put({named("a", "10.0.0.9")});
  EXPECT_EQ(table.now().find("a"), 0u);
  EXPECT_EQ(table.take(0), Admission::kTaken);
}

TEST(GatewayTable, WhatANameHasLedToStaysWithThoseThatKeepTheirNames) {
  base::SeededRandom random(1);
  Gateway vendor{.name = "v", .kind = GatewayKind::kRouting, .addresses = {}, .hosts = {}};
  vendor.hosts = {{"v.test", 0}};
  GatewayTable table({vendor});
  table.set_targets(0, 0, {{at("10.0.0.9"), 0, 0}});
  vendor.capacity = 5;
  table.put({vendor});
  EXPECT_EQ(table.targets(0, random).front().endpoint, at("10.0.0.9"));
  vendor.hosts = {{"w.test", 0}};
  table.put({vendor});
  EXPECT_TRUE(table.targets(0, random).empty());
  table.set_targets(0, 1, {{at("10.0.0.9"), 0, 0}});  // of a name that is no more
  table.set_targets(7, 0, {{at("10.0.0.9"), 0, 0}});
  EXPECT_TRUE(table.targets(0, random).empty());
}

TEST(GatewayTable, ARemovedOneThatIsAddedAgainHasItsNamesAsNew) {
  base::SeededRandom random(1);
  Gateway vendor{.name = "v", .kind = GatewayKind::kRouting, .addresses = {}, .hosts = {}};
  vendor.hosts = {{"v.test", 0}};
  GatewayTable table({vendor});
  table.set_targets(0, 0, {{at("10.0.0.9"), 0, 0}});
  table.remove("v");
  table.put({vendor});
  EXPECT_TRUE(table.targets(0, random).empty());
  table.set_targets(0, 0, {{at("10.0.0.8"), 0, 0}});
  EXPECT_EQ(table.targets(0, random).front().endpoint, at("10.0.0.8"));
}

TEST(GatewayTable, PrefixesTellCustomersOfOneAddressApart) {
  Gateway eleven = gateway("10.0.0.1", 0, GatewayKind::kMapping);
  eleven.prefixes = {"11", "7"};
  Gateway longer = eleven;
  longer.prefixes = {"112"};
  const Gateway rest = gateway("10.0.0.1", 0, GatewayKind::kMapping);
  const GatewayTable table({eleven, rest, longer});
  EXPECT_EQ(table.identify(at("10.0.0.1"), "1149"), 0u);
  EXPECT_EQ(table.identify(at("10.0.0.1"), "1129"), 2u);
  EXPECT_EQ(table.identify(at("10.0.0.1"), "749"), 0u);
  EXPECT_EQ(table.identify(at("10.0.0.1"), "49"), 1u);
  EXPECT_EQ(table.identify(at("10.0.0.1"), ""), 1u);
  const GatewayTable without({eleven, longer});
  EXPECT_FALSE(without.identify(at("10.0.0.1"), "49"));
}

TEST(GatewayTable, AnAccountStandsForItsGateway) {
  Gateway trunk{.name = "t", .kind = GatewayKind::kMapping, .addresses = {}};
  trunk.account = "pbx@Sip.example";
  const GatewayTable table({trunk});
  EXPECT_EQ(table.now().mapping_account("pbx@sip.EXAMPLE"), 0u);
  EXPECT_FALSE(table.now().mapping_account("PBX@sip.example"));
  EXPECT_FALSE(table.now().mapping_account("pbx"));
}

TEST(GatewayTable, AGatewaysOwnParametersGoBeforeTheSystems) {
  config::Parameters system;
  ASSERT_TRUE(system.set("SS_SIP_TIMEOUT_TRYING", "7").ok());
  Gateway own = named("own", "10.0.0.1");
  own.overrides = {{"SS_SIP_TIMEOUT_INVITE", "3"}};
  const GatewayTable table({own, named("plain", "10.0.0.2")}, system);
  ASSERT_NE(table.now().at(0)->parameters, nullptr);
  EXPECT_EQ(table.now().at(0)->parameters->SS_SIP_TIMEOUT_INVITE, base::Seconds{3});
  EXPECT_EQ(table.now().at(0)->parameters->SS_SIP_TIMEOUT_TRYING, base::Seconds{7});
  EXPECT_EQ(table.now().at(1)->parameters, nullptr);
}

TEST(GatewayTable, RetiredSetsAreHandedOut) {
  std::vector<std::shared_ptr<const GatewaySet>> retired;
  GatewayTable table({named("a", "10.0.0.1")}, config::Parameters{},
                     [&](auto set) { retired.push_back(std::move(set)); });
  EXPECT_TRUE(retired.empty());
  const GatewaySet* first = &table.now();
  table.put({named("a", "10.0.0.2")});
  ASSERT_EQ(retired.size(), 1u);
  EXPECT_EQ(retired[0].get(), first);
  EXPECT_EQ(retired[0].use_count(), 1);
}

}  // namespace
}  // namespace tandem::routing
