// The whole dataplane in this process: two workers on threads of their own, two ports that hear
// what they say.
#include "dataplane/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace tandem::dataplane {
namespace {

BootPlan plan_of(const std::string& segment) {
  BootPlan plan;
  plan.corridor.segment = segment;
  plan.corridor.plan.workers = 2;
  plan.corridor.plan.address_count = 2;
  plan.pinning.cores = {0, 1};
  for (std::uint8_t i = 0; i < 2; ++i) {
    const auto address = base::IpAddress::ip4(10, 77, static_cast<std::uint8_t>(i + 1), 1);
    plan.corridor.plan.addresses[i] = address;
    PortPlan port;
    port.name = i == 0 ? "carrier" : "customers";
    port.device = i == 0 ? "net_ring0" : "net_ring1";
    port.network = {address.ip4_network_order(), 24};
    plan.ports.push_back(port);
  }
  return plan;
}

TEST(Engine, StartsWorksAndEnds) {
  const BootPlan plan = plan_of("tandem-engine-" + std::to_string(getpid()));
  auto segment =
      wire::Segment::open(plan.corridor.segment, plan.corridor.plan, wire::Side::kDataplane);
  ASSERT_TRUE(segment.ok()) << segment.error_text();
  // A flow that a former life left behind.
  wire::FlowRecord record;
  record.generation = 99;
  segment->flow_record({1, 40000}).write(record);
  {
    auto engine = Engine::make(plan, *segment);
    ASSERT_TRUE(engine.ok()) << engine.error_text();
    ASSERT_TRUE(segment->flow_record({1, 40000}).read(record));
    EXPECT_EQ(record.generation, 0u);
    ASSERT_TRUE((*engine)->launch_workers().ok());
    auto control = wire::control_end(segment->channel(0, 0));
    control.attach();
    wire::Command command;
    command.kind = wire::CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = {0, 20000};
    command.open.peer = {1, 30000};
    command.open.generation = 7;
    command.open.remote = *base::Endpoint::parse("10.77.1.2:4000", 0);
    ASSERT_TRUE(control.commands.enqueue(command));
    const auto asked = [&] {
      return segment->worker_page(0).counters.get(wire::Counter::arp_asked);
    };
    for (int i = 0; i < 5000 && asked() == 0; ++i) {
      (*engine)->tend(base::monotonic_now());
      std::this_thread::sleep_for(base::Millis{1});
    }
    EXPECT_GT(asked(), 0u) << "worker told main, main ordered, worker asked";
    ASSERT_TRUE(segment->flow_record({0, 20000}).read(record));
    EXPECT_EQ(record.generation, 7u);
    wire::WorkerRecord worker;
    EXPECT_TRUE(segment->worker_page(1).record.read(worker));
  }
  segment->leave();
}

TEST(Engine, SaysWhichDeviceIsMissing) {
  BootPlan plan = plan_of("tandem-engine-" + std::to_string(getpid()));
  plan.ports[0].device = "net_ring2";
  plan.ports[1].device = "net_nowhere0";
  auto segment =
      wire::Segment::open(plan.corridor.segment, plan.corridor.plan, wire::Side::kDataplane);
  ASSERT_TRUE(segment.ok()) << segment.error_text();
  const auto engine = Engine::make(plan, *segment);
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.error_text().find("customers: DPDK found no device net_nowhere0"),
            std::string::npos)
      << engine.error_text();
  segment->leave();
}

}  // namespace
}  // namespace tandem::dataplane
