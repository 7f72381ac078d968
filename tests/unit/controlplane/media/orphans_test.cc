#include "controlplane/media/orphans.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/media/corridor_home.h"

namespace tandem::media {
namespace {

using base::Millis;
using base::Seconds;
using wire::Counter;

class OrphansTest : public ::testing::Test {
 protected:
  OrphansTest() {
    for (std::uint16_t port = 10000; port < 10002; ++port) home.publish({0, port}, port, 1, kHeard);
  }
  MediaPorts ports_without(const Orphans& orphans, bool rtcp = true) {
    return {home.plan(), 0, {10000, 10003}, rtcp, [&](FlowKey key) { return orphans.holds(key); },
            counters};
  }
  void gone(FlowKey key) { home.dataplane->flow_record(key).write({}); }

  static constexpr base::Nanos kHeard = Seconds{100};
  test::CorridorHome home;
  wire::CounterBlock counters;
  Datapath datapath{*home.segment, home.ends(), 7, counters};
};

TEST_F(OrphansTest, FindsTheFlowsOfAFormerLifeAndKeepsTheirPortsOut) {
  home.publish({1, 65535}, 5, 0);
  home.publish({1, 10002}, 0, 0);  // generation 0: no flow
  const Orphans orphans(*home.segment, 0);
  EXPECT_EQ(orphans.count(), 3u);
  EXPECT_TRUE(orphans.holds({0, 10000}));
  EXPECT_TRUE(orphans.holds({1, 65535}));
  EXPECT_FALSE(orphans.holds({1, 10000}));
  EXPECT_FALSE(orphans.holds({1, 10002}));
  EXPECT_EQ(ports_without(orphans).free_places(), 3u);
}

TEST_F(OrphansTest, ThoseWhoStillTalkAreLeftAlone) {
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  orphans.tend(datapath, ports, counters, kHeard + Seconds{10} - Millis{1});
  EXPECT_TRUE(home.commands().empty());
  home.publish({0, 10000}, 10000, 2, kHeard + Seconds{8});
  orphans.tend(datapath, ports, counters, kHeard + Seconds{12});
  const auto commands = home.commands();  // the RTCP port alone fell silent
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].kind, wire::CommandKind::kCloseFlow);
  EXPECT_EQ(commands[0].close.key, (FlowKey{0, 10001}));
  EXPECT_EQ(commands[0].close.generation, 10001u);
}

TEST_F(OrphansTest, TheSilentAreClosedOnceAndTheirPairComesBackOnce) {
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  const auto silent = kHeard + Seconds{11};
  orphans.tend(datapath, ports, counters, silent);
  EXPECT_EQ(home.commands().size(), 2u);
  EXPECT_EQ(counters.get(Counter::flow_orphan_closed), 2u);
  orphans.tend(datapath, ports, counters, silent + Seconds{2});
  EXPECT_TRUE(home.commands().empty());
  gone({0, 10000});
  orphans.tend(datapath, ports, counters, silent + Seconds{4});
  EXPECT_EQ(ports.free_places(), 3u);  // its RTCP neighbour is in use still
  gone({0, 10001});
  orphans.tend(datapath, ports, counters, silent + Seconds{6});
  EXPECT_EQ(ports.free_places(), 4u);
  EXPECT_EQ(orphans.count(), 0u);
  orphans.tend(datapath, ports, counters, silent + Seconds{8});
  EXPECT_EQ(ports.free_places(), 4u);
}

TEST_F(OrphansTest, BothPortsGoneInOneLookAreOnePair) {
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  gone({0, 10000});
  gone({0, 10001});
  orphans.tend(datapath, ports, counters, kHeard);
  EXPECT_EQ(ports.free_places(), 4u);
}

TEST_F(OrphansTest, AnRtcpOrphanAloneGivesItsPairBack) {
  gone({0, 10000});
  Orphans orphans(*home.segment, 0);
  EXPECT_EQ(orphans.count(), 1u);
  auto ports = ports_without(orphans);
  EXPECT_EQ(ports.free_places(), 3u);
  gone({0, 10001});
  orphans.tend(datapath, ports, counters, kHeard);
  EXPECT_EQ(ports.free_places(), 4u);
}

// Silence is counted from the opening for a flow that never heard anything.
TEST_F(OrphansTest, AFlowThatNeverHeardAnythingHasItsTimeToo) {
  gone({0, 10000});
  home.publish({0, 10001}, 3, 0, {}, kHeard);
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  orphans.tend(datapath, ports, counters, kHeard + Seconds{9});
  EXPECT_TRUE(home.commands().empty());
  orphans.tend(datapath, ports, counters, kHeard + Seconds{11});
  EXPECT_EQ(home.commands().size(), 1u);
}

// Who listens in silence is still in a call, as long as the other party talks.
TEST_F(OrphansTest, ASilentFlowWhosePeerIsHeardGoesOn) {
  gone({0, 10001});
  wire::FlowRecord silent;
  silent.generation = 10000;
  silent.peer = {1, 10000};
  silent.last_packet_ns = kHeard.count();
  home.dataplane->flow_record({0, 10000}).write(silent);
  home.publish({1, 10000}, 5, 1, kHeard + Seconds{15});
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  orphans.tend(datapath, ports, counters, kHeard + Seconds{20});
  EXPECT_TRUE(home.commands().empty());
  orphans.tend(datapath, ports, counters, kHeard + Seconds{26});
  EXPECT_EQ(home.commands().size(), 2u);
}

TEST_F(OrphansTest, LooksOnlyNowAndThen) {
  Orphans orphans(*home.segment, 0);
  auto ports = ports_without(orphans);
  orphans.tend(datapath, ports, counters, kHeard);
  gone({0, 10000});
  gone({0, 10001});
  orphans.tend(datapath, ports, counters, kHeard + Orphans::kLookEvery - Millis{1});
  EXPECT_EQ(orphans.count(), 2u);
  orphans.tend(datapath, ports, counters, kHeard + Orphans::kLookEvery);
  EXPECT_EQ(orphans.count(), 0u);
}

TEST(OrphansOfShards, EachShardSeesItsOwn) {
  test::CorridorHome home(1, 2);
  for (std::uint16_t port = 10000; port < 10040; ++port) home.publish({1, port}, 9, 0);
  const Orphans first(*home.segment, 0);
  const Orphans second(*home.segment, 1);
  EXPECT_EQ(first.count(), 20u);
  EXPECT_EQ(second.count(), 20u);
  for (std::uint16_t port = 10000; port < 10040; ++port) {
    EXPECT_NE(first.holds({1, port}), second.holds({1, port}));
  }
}

TEST_F(OrphansTest, PortsThatAreDealtOutOneByOneComeBackOneByOne) {
  Orphans orphans(*home.segment, 0);
  MediaPorts ports = ports_without(orphans, false);
  EXPECT_EQ(ports.free_places(), 6u);
  gone({0, 10001});
  orphans.tend(datapath, ports, counters, kHeard);
  EXPECT_EQ(ports.free_places(), 7u);
}

}  // namespace
}  // namespace tandem::media
