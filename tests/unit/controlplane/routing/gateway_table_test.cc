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
  EXPECT_TRUE(table.take(0));
  EXPECT_TRUE(table.take(0));
  EXPECT_FALSE(table.take(0));
  EXPECT_EQ(table.load(0), 2u);
  table.give_back(0);
  EXPECT_TRUE(table.take(0));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(table.take(1));  // no limit
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
        if (!table.take(0)) continue;
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

}  // namespace
}  // namespace tandem::routing
