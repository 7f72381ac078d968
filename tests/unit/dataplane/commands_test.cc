#include "dataplane/commands.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/channel_home.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/payload_key_command.h"
#include "tests/unit/dataplane/suspend_command.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Command;
using wire::CommandKind;
using wire::Counter;

constexpr base::Nanos kNow = base::Seconds{9};

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() {
    for (std::size_t i = 0; i < 2; ++i) records_.of_address[i] = shelf_[i].data();
  }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.workers = 2;
    plan.address_count = 2;
    return plan;
  }
  static Command open_command() {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = {0, 20000};
    command.open.peer = {1, 30000};
    command.open.generation = 5;
    command.open.cookie = 42;
    command.open.remote = endpoint("10.77.1.2:4000");
    command.open.tos = 0xb8;
    return command;
  }
  static Command update_command(const char* remote) {
    Command command;
    command.kind = CommandKind::kUpdateFlow;
    command.update = {};
    command.update.key = {0, 20000};
    command.update.generation = 5;
    command.update.remote = endpoint(remote);
    return command;
  }
  static Command close_command() {
    Command command;
    command.kind = CommandKind::kCloseFlow;
    command.close = {};
    command.close.key = {0, 20000};
    command.close.generation = 5;
    return command;
  }
  static Command bind_command(const char* local) {
    Command command;
    command.kind = CommandKind::kBindSignal;
    command.bind = {};
    command.bind.local = endpoint(local);
    return command;
  }

  static Command lift_command(const char* address) {
    Command command;
    command.kind = CommandKind::kLift;
    command.lift = {};
    if (*address != 0) command.lift.address = *base::IpAddress::parse(address);
    return command;
  }

  void obey(const Command& command) { commands_.obey(command, 0, channel_.worker.events, kNow); }
  std::uint64_t count(Counter counter) const { return counters_.get(counter); }
  bool refused(const Command& command) {
    const auto before = count(Counter::drop_command);
    obey(command);
    return count(Counter::drop_command) == before + 1;
  }
  template <typename Change>
  bool open_refused(Change&& change) {
    Command command = open_command();
    change(command.open);
    return refused(command);
  }
  Flow& flow() { return flows_.at({0, 20000}); }

  std::vector<LocalPort> ports_ = two_ports();
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  SignalPorts signals_{2};
  FloodGuard guard_{1};
  crypto::IpsecMb crypto_ = crypto::IpsecMb::open().value();
  PayloadKeys keys_{crypto_, 2};
  SrtpSessions srtp_{crypto_, {}};
  std::vector<std::vector<base::Snapshot<wire::FlowRecord>>> shelf_ = [] {
    std::vector<std::vector<base::Snapshot<wire::FlowRecord>>> out;
    for (int i = 0; i < 2; ++i) out.emplace_back(65536);
    return out;
  }();
  FlowRecords records_;
  std::unique_ptr<NeighborTable> table_ = std::make_unique<NeighborTable>();
  RingHome<ReportRing> reports_;
  wire::CounterBlock counters_;
  ChannelHome channel_;
  std::unique_ptr<wire::SoundBank> sounds_ = std::make_unique<wire::SoundBank>();
  Player player_{*sounds_, {}, counters_, 1, 4};
  Commands commands_{ports_,
                     flows_,
                     signals_,
                     guard_,
                     keys_,
                     srtp_,
                     player_,
                     FlowRecords{{shelf_[0].data(), shelf_[1].data()}},
                     NeighborTalk{*table_, reports_.ring()},
                     counters_};
};

TEST_F(CommandsTest, AFlowHasItsKeyUntilItsEnd) {
  for (const auto& command : set_key_commands(9, crypto::PayloadMode::kXor, "secret")) {
    obey(command);
  }
  Command open = open_command();
  open.open.payload_key = 9;
  obey(open);
  const auto place = keys_.find(9, 0);
  EXPECT_NE(place, PayloadKeys::kNone);
  EXPECT_EQ(flow().payload_key, place);
  open.open.generation = 6;  // another life of the port lets go of the former's
  obey(open);
  obey(forget_key_command(9));
  EXPECT_EQ(keys_.size(), 1u);
  obey(update_command("10.77.1.9:4000"));
  EXPECT_EQ(flow().payload_key, place);
  Command close = close_command();
  close.close.generation = 6;
  obey(close);
  EXPECT_EQ(keys_.size(), 0u);
  EXPECT_EQ(count(Counter::drop_command), 0u);
}

TEST_F(CommandsTest, NoFlowIsOpenedInTheClearForWantOfItsKey) {
  Command open = open_command();
  open.open.payload_key = 9;
  obey(open);
  EXPECT_EQ(flow().generation, 0u);
  EXPECT_EQ(count(Counter::drop_command_key), 1u);
  EXPECT_EQ(count(Counter::flows_opened), 0u);
  // A key of the other shard's isn't ours.
  for (const auto& command : set_key_commands(9, crypto::PayloadMode::kXor, "secret")) {
    commands_.obey(command, 1, channel_.worker.events, kNow);
  }
  obey(open);
  EXPECT_EQ(count(Counter::drop_command_key), 2u);
  EXPECT_TRUE(refused(forget_key_command(9)));
}

TEST_F(CommandsTest, SuspendsAndLifts) {
  const std::uint32_t attacker = ip(192, 0, 2, 1);
  obey(suspend_command("192.0.2.1", kNow + base::Seconds{180}));
  EXPECT_TRUE(guard_.drops(attacker, kNow));
  EXPECT_FALSE(guard_.drops(ip(192, 0, 2, 2), kNow));
  obey(lift_command("192.0.2.2"));
  EXPECT_TRUE(guard_.drops(attacker, kNow));
  obey(lift_command("192.0.2.1"));
  EXPECT_FALSE(guard_.drops(attacker, kNow));
  obey(suspend_command("192.0.2.1", kNow + base::Seconds{180}));
  obey(suspend_command("192.0.2.2", kNow + base::Seconds{180}));
  obey(lift_command(""));
  EXPECT_EQ(guard_.count(), 0u);
  // Late, so that it is over already: nothing to do, and no fault.
  obey(suspend_command("192.0.2.1", kNow));
  EXPECT_EQ(guard_.count(), 0u);
  EXPECT_EQ(count(Counter::drop_command), 0u);
}

TEST_F(CommandsTest, RefusesSuspensionsThatMakeNoSense) {
  const auto soon = kNow + base::Seconds{180};
  for (const auto* address : {"2001:db8::1", "0.0.0.0", "127.0.0.1", "224.0.0.1"}) {
    EXPECT_TRUE(refused(suspend_command(address, soon))) << address;
    EXPECT_TRUE(refused(lift_command(address))) << address;
  }
  EXPECT_TRUE(refused(suspend_command("192.0.2.1", kNow + base::Seconds{24 * 3600 + 1})));
  EXPECT_EQ(guard_.count(), 0u);
}

TEST_F(CommandsTest, CountsWhomItHasNoRoomToSuspend) {
  for (std::uint32_t i = 0; i < FloodGuard::kMost; ++i) {
    guard_.suspend(0x01000000 + i, kNow + base::Seconds{180}, kNow);
  }
  obey(suspend_command("192.0.2.1", kNow + base::Seconds{180}));
  EXPECT_EQ(count(Counter::suspensions_unplaced), 1u);
  EXPECT_EQ(count(Counter::drop_command), 0u);
}

TEST_F(CommandsTest, OpensAFlowAndWantsItsNextHop) {
  obey(open_command());
  EXPECT_EQ(flow().generation, 5u);
  EXPECT_EQ(flow().remote_ip, ip(10, 77, 1, 2));
  EXPECT_EQ(flow().remote_port, rte_cpu_to_be_16(4000));
  EXPECT_EQ(flow().next_hop, ip(10, 77, 1, 2));
  EXPECT_EQ(count(Counter::flows_opened), 1u);
  NeighborReport report;
  ASSERT_EQ(reports_.ring().dequeue(std::span(&report, 1)), 1u);
  EXPECT_EQ(report.ip, ip(10, 77, 1, 2));
  wire::FlowRecord record;
  ASSERT_TRUE(records_.at({0, 20000}).read(record));
  EXPECT_EQ(record.generation, 5u);
  EXPECT_EQ(record.cookie, 42u);
  EXPECT_EQ(record.peer, (wire::FlowKey{1, 30000}));
  EXPECT_EQ(record.remote, endpoint("10.77.1.2:4000"));
  EXPECT_EQ(record.opened_ns, kNow.count());
}

TEST_F(CommandsTest, OpensWithoutAFarEnd) {
  Command command = open_command();
  command.open.remote = {};
  obey(command);
  EXPECT_EQ(flow().generation, 5u);
  EXPECT_EQ(flow().remote_ip, 0u);
  EXPECT_EQ(reports_.ring().count(), 0u);
  obey(update_command("10.77.1.9:4000"));
  EXPECT_EQ(flow().remote_ip, ip(10, 77, 1, 9));
}

TEST_F(CommandsTest, ALaterOpenReplaces) {
  obey(open_command());
  flow().refused = 3;
  Command again = open_command();
  again.open.generation = std::uint64_t{1} << 32;
  obey(again);
  EXPECT_EQ(flow().generation, std::uint64_t{1} << 32);
  EXPECT_EQ(flow().refused, 0u);
  EXPECT_EQ(flows_.live().size(), 1u);
}

TEST_F(CommandsTest, UpdatesOnlyWhenTheFarEndIsAnother) {
  obey(open_command());
  flow().latch_state = LatchState::kSettled;
  flow().remote_port = rte_cpu_to_be_16(4444);
  obey(update_command("10.77.1.2:4000"));
  EXPECT_EQ(flow().latch_state, LatchState::kSettled);
  EXPECT_EQ(flow().remote_port, rte_cpu_to_be_16(4444));
  obey(update_command("192.0.2.1:4000"));
  EXPECT_EQ(flow().latch_state, LatchState::kOpen);
  EXPECT_EQ(flow().next_hop, ip(10, 77, 1, 254));
  EXPECT_TRUE(refused(update_command("224.0.0.9:4000")));
  EXPECT_EQ(flow().remote_ip, ip(192, 0, 2, 1));
}

TEST_F(CommandsTest, WhatIsDescribedAnewMayHaveMoved) {
  obey(open_command());
  flow().latch_state = LatchState::kSettled;
  Command same = update_command("10.77.1.2:4000");
  same.update.anew = true;
  obey(same);
  EXPECT_EQ(flow().latch_state, LatchState::kRenewed);
}

TEST_F(CommandsTest, AnotherKindLearnsTheSourceAnewAndSendsOn) {
  obey(open_command());
  flow().latch_state = LatchState::kSettled;
  flow().remote_port = rte_cpu_to_be_16(4444);
  Command fax = update_command("10.77.1.2:4000");
  fax.update.kind = wire::FlowKind::kOpaque;
  obey(fax);
  EXPECT_EQ(flow().kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(flow().latch_state, LatchState::kRenewed);
  wire::FlowRecord record;
  ASSERT_TRUE(records_.at({0, 20000}).read(record));
  EXPECT_EQ(record.kind, wire::FlowKind::kOpaque) << "shown at once";
  EXPECT_EQ(flow().remote_port, rte_cpu_to_be_16(4444)) << "until another is heard";
  flow().latch_state = LatchState::kSettled;
  obey(fax);
  EXPECT_EQ(flow().latch_state, LatchState::kSettled) << "no news";
  fax.update.kind = static_cast<wire::FlowKind>(3);
  EXPECT_TRUE(refused(fax));
  obey(update_command("10.77.1.2:4000"));
  EXPECT_EQ(flow().kind, wire::FlowKind::kRtp);
}

TEST_F(CommandsTest, AnotherClockChangesNothingElse) {
  obey(open_command());
  flow().latch_state = LatchState::kSettled;
  Command wideband = update_command("10.77.1.2:4000");
  wideband.update.clock_khz = 48;
  obey(wideband);
  EXPECT_EQ(flow().clock_khz, 48);
  EXPECT_EQ(flow().latch_state, LatchState::kSettled);
  wideband.update.clock_khz = 0;  // nothing to divide by
  EXPECT_TRUE(refused(wideband));
  EXPECT_EQ(flow().clock_khz, 48);
}

TEST_F(CommandsTest, ClosesWithTheFinalFigures) {
  obey(open_command());
  flow().refused = 3;
  std::vector<std::byte> report(32);  // RTCP: a receiver's, of one block, with 9 lost
  for (const auto& [at, octet] : {std::pair{0, 0x81}, {1, 201}, {3, 7}, {15, 9}}) {
    report[static_cast<std::size_t>(at)] = static_cast<std::byte>(octet);
  }
  ASSERT_TRUE(flow().rtcp.read(report, {}, base::Seconds{1}));
  obey(close_command());
  wire::Event event;
  ASSERT_EQ(channel_.control.events.dequeue(std::span(&event, 1)), 1u);
  EXPECT_EQ(event.kind, wire::EventKind::kFlowClosed);
  EXPECT_EQ(event.closed.key, (wire::FlowKey{0, 20000}));
  EXPECT_EQ(event.closed.generation, 5u);
  EXPECT_EQ(event.closed.cookie, 42u);
  EXPECT_EQ(event.closed.figures.refused, 3u);
  EXPECT_EQ(event.closed.report.lost, 9);
  EXPECT_EQ(flow().generation, 0u);
  wire::FlowRecord record;
  ASSERT_TRUE(records_.at({0, 20000}).read(record));
  EXPECT_EQ(record.generation, 0u);
}

TEST_F(CommandsTest, CommandsForAFormerLifeChangeNothing) {
  obey(close_command());
  obey(update_command("10.77.1.2:4000"));
  EXPECT_EQ(count(Counter::drop_command_stale), 2u);
  Command command = open_command();
  command.open.generation = 6;
  obey(command);
  obey(close_command());
  EXPECT_EQ(flow().generation, 6u);
  EXPECT_EQ(count(Counter::drop_command_stale), 3u);
  EXPECT_EQ(channel_.control.events.count(), 0u);
}

TEST_F(CommandsTest, AFullEventRingLosesTheEventNotTheClose) {
  wire::Event event;
  while (channel_.worker.events.enqueue(event)) {
  }
  obey(open_command());
  obey(close_command());
  EXPECT_EQ(flow().generation, 0u);
  EXPECT_EQ(count(Counter::drop_event_full), 1u);
}

TEST_F(CommandsTest, RefusesOpensThatMakeNoSense) {
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.generation = 0; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.key.address = 2; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.peer.address = 0xffff; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.key.port = 20002; })) << "worker 1's";
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.peer.port = 30002; })) << "worker 1's";
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.key.port = 0; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.peer.port = 0; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.peer = o.key; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.kind = static_cast<wire::FlowKind>(9); }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.latch = static_cast<wire::LatchRule>(9); }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.clock_khz = 0; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.remote.port = 0; }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.remote = endpoint("[2001:db8::1]:4"); }));
  EXPECT_TRUE(open_refused([](wire::OpenFlow& o) { o.remote = endpoint("0.0.0.0:4"); }));
  EXPECT_TRUE(open_refused(
      [](wire::OpenFlow& o) { o.remote.address.family = static_cast<base::Family>(200); }));
  EXPECT_TRUE(flows_.live().empty());
}

TEST_F(CommandsTest, BindsOurAddressesOnly) {
  obey(bind_command("10.77.2.1:5060"));
  obey(bind_command("10.77.2.1:5060"));
  EXPECT_TRUE(signals_.has(1, 5060));
  EXPECT_FALSE(signals_.has(0, 5060));
  EXPECT_EQ(count(Counter::drop_command), 0u);
  EXPECT_TRUE(refused(bind_command("10.77.3.1:5060")));
  EXPECT_TRUE(refused(bind_command("10.77.1.1")));
  EXPECT_TRUE(refused(bind_command("[2001:db8::1]:5060")));
}

TEST_F(CommandsTest, ASignallingPortTakesNoFlow) {
  obey(bind_command("10.77.1.1:20000"));
  EXPECT_TRUE(refused(open_command()));
}

TEST_F(CommandsTest, GarbageNeverHurts) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200000; ++i) {
    Command command;
    for (std::size_t at = 0; at < sizeof command.raw; at += 8) {
      const std::uint64_t word = random();
      std::memcpy(command.raw + at, &word, 8);
    }
    command.kind = static_cast<CommandKind>(random() % 10);
    if (i % 2 == 0 && command.kind == CommandKind::kSetPayloadKey) {
      command.set_key.name = 1 + random() % 4;
      command.set_key.mode = static_cast<std::uint8_t>(random() % 5);
      command.set_key.size = static_cast<std::uint16_t>(random() % 70);
      command.set_key.piece = static_cast<std::uint8_t>(random() % 2);
    } else if (i % 2 == 0) {  // near enough to be taken now and then
      command.open.payload_key = random() % 4;
      command.open.key = {static_cast<std::uint16_t>(random() % 3),
                          static_cast<std::uint16_t>(20000 + random() % 8)};
      command.open.peer = {static_cast<std::uint16_t>(random() % 3),
                           static_cast<std::uint16_t>(20000 + random() % 8)};
      command.open.generation = random() % 3;
      command.open.kind = static_cast<wire::FlowKind>(random() % 4);
      command.open.latch = static_cast<wire::LatchRule>(random() % 3);
      command.open.protection = static_cast<wire::Protection>(random() % 3);
      command.open.rtcp_way = static_cast<wire::RtcpWay>(random() % 4);
      command.open.remote = endpoint("10.77.1.2:4000");
    }
    obey(command);
    wire::Event event;
    while (channel_.control.events.dequeue(std::span(&event, 1)) == 1) {
    }
  }
  EXPECT_GT(count(Counter::flows_opened), 0u);
  EXPECT_GT(count(Counter::flows_closed), 0u);
  EXPECT_GT(count(Counter::drop_command), 0u);
}

}  // namespace
}  // namespace tandem::dataplane
