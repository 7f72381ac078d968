#include "controlplane/media/datapath.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/media/corridor_home.h"

namespace tandem::media {
namespace {

using wire::CommandKind;
using wire::Counter;

class DatapathTest : public ::testing::Test, protected FlowListener {
 protected:
  void on_flow_latched(const wire::FlowLatched& event) override { latched.push_back(event); }
  void on_flow_closed(const wire::FlowClosed& event) override { closed.push_back(event); }

  void on_play_ended(const wire::PlayEnded& event) override { ended.push_back(event); }
  void on_digit_heard(const wire::DigitHeard& event) override { digits.push_back(event); }

  static constexpr auto kRtp = wire::FlowKind::kRtp;

  static wire::OpenFlow flow(std::uint16_t port) {
    wire::OpenFlow out;
    out.key = {0, port};
    return out;
  }
  static base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text, 1); }

  test::CorridorHome home;
  wire::CounterBlock counters;
  Datapath datapath{*home.segment, home.ends(), 7, counters};
  std::vector<wire::FlowLatched> latched;
  std::vector<wire::FlowClosed> closed;
  std::vector<wire::PlayEnded> ended;
  std::vector<wire::DigitHeard> digits;
};

TEST_F(DatapathTest, GenerationsCarryTheLifeAndCountUp) {
  const auto a = datapath.open(flow(10000));
  const auto b = datapath.open(flow(10002));
  EXPECT_EQ(a >> 32, 7u);
  EXPECT_EQ(b, a + 1);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].kind, CommandKind::kOpenFlow);
  EXPECT_EQ(commands[0].open.generation, a);
  EXPECT_EQ(commands[1].open.key, (FlowKey{0, 10002}));
  EXPECT_EQ(datapath.live_flows(), 2u);
}

TEST_F(DatapathTest, UpdatesOnlyWhatChangesAndLives) {
  const auto generation = datapath.open(flow(10000));
  home.commands();
  datapath.update({0, 10000}, generation, at("10.77.1.2:7000"), kRtp, false);
  datapath.update({0, 10000}, generation, at("10.77.1.2:7000"), kRtp, false);      // no news
  datapath.update({0, 10000}, generation + 1, at("10.77.1.2:7002"), kRtp, false);  // another life
  datapath.update({0, 10002}, generation, at("10.77.1.2:7002"), kRtp, false);      // not open
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].kind, CommandKind::kUpdateFlow);
  EXPECT_EQ(commands[0].update.generation, generation);
  EXPECT_EQ(commands[0].update.remote, at("10.77.1.2:7000"));
  EXPECT_EQ(commands[0].update.kind, kRtp);
  datapath.update({0, 10000}, generation, at("10.77.1.2:7000"), wire::FlowKind::kOpaque, false);
  const auto fax = home.commands();
  ASSERT_EQ(fax.size(), 1u);
  EXPECT_EQ(fax[0].update.kind, wire::FlowKind::kOpaque);
}

TEST_F(DatapathTest, DtlsLeavesFromTheFlowsPortToWhereItsPartyIs) {
  auto order = flow(10000);
  order.cookie = 42;
  order.tos = 0xb8;
  const auto generation = datapath.open(order);
  const std::array<std::byte, 3> hello{std::byte{22}, std::byte{254}, std::byte{253}};
  EXPECT_FALSE(datapath.send_dtls({0, 10000}, generation, {}, hello)) << "nobody knows where to";
  datapath.update({0, 10000}, generation, at("10.77.1.2:7000"), kRtp, false);
  EXPECT_TRUE(datapath.send_dtls({0, 10000}, generation, {}, hello));
  EXPECT_TRUE(datapath.send_dtls({0, 10000}, generation, at("10.77.1.2:7777"), hello));
  EXPECT_FALSE(datapath.send_dtls({0, 10000}, generation + 1, {}, hello)) << "another life";
  for (const char* remote : {"10.77.1.2:7000", "10.77.1.2:7777"}) {
    wire::ByteRing::View view;
    ASSERT_TRUE(home.worker().inject.front(view));
    EXPECT_EQ(view.head.kind, wire::DatagramKind::kDtls);
    EXPECT_EQ(view.head.local, at("10.77.1.1:10000"));
    EXPECT_EQ(view.head.remote, at(remote));
    EXPECT_EQ(view.head.tos, 0xb8);
    EXPECT_EQ(view.payload.size(), 3u);
    home.worker().inject.pop();
  }
  ASSERT_TRUE(datapath.flow_at(at("10.77.1.1:10000")));
  EXPECT_EQ(datapath.flow_at(at("10.77.1.1:10000"))->cookie, 42u);
  EXPECT_EQ(datapath.flow_at(at("10.77.1.1:10000"))->key, (FlowKey{0, 10000}));
  EXPECT_FALSE(datapath.flow_at(at("10.77.2.1:10000")));
  EXPECT_FALSE(datapath.flow_at(at("10.77.3.1:10000")));
  datapath.close({0, 10000}, generation);
  EXPECT_FALSE(datapath.flow_at(at("10.77.1.1:10000")));
}

TEST_F(DatapathTest, TellsOfAnotherClock) {
  const auto generation = datapath.open(flow(10000));
  datapath.update({0, 10000}, generation, at("10.77.1.2:7000"), kRtp, false);
  home.commands();
  datapath.set_clock({0, 10000}, generation, 8);       // no news
  datapath.set_clock({0, 10000}, generation + 1, 48);  // another life
  datapath.set_clock({0, 10000}, generation, 48);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].update.clock_khz, 48);
  EXPECT_EQ(commands[0].update.remote, at("10.77.1.2:7000"));  // the rest stays as it was
  datapath.update({0, 10000}, generation, at("10.77.1.2:7002"), kRtp, false);
  EXPECT_EQ(home.commands().at(0).update.clock_khz, 48);
}

TEST_F(DatapathTest, ClosesAndHearsOfIt) {
  const auto generation = datapath.open(flow(10000));
  datapath.close({0, 10000}, generation);
  EXPECT_EQ(datapath.live_flows(), 0u);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[1].kind, CommandKind::kCloseFlow);
  home.tell_closed(commands[1].close, 55);
  EXPECT_EQ(datapath.poll(*this), 1u);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].generation, generation);
  EXPECT_EQ(closed[0].figures.packets, 55u);
  EXPECT_EQ(datapath.poll(*this), 0u);
}

TEST_F(DatapathTest, EventsOfOtherKindsAreIgnored) {
  wire::Event event;
  event.kind = static_cast<wire::EventKind>(99);
  home.worker().events.enqueue(event);
  event.kind = wire::EventKind::kFlowLatched;
  event.latched = {};
  event.latched.cookie = 5;
  home.worker().events.enqueue(event);
  EXPECT_EQ(datapath.poll(*this), 2u);
  ASSERT_EQ(latched.size(), 1u);
  EXPECT_EQ(latched[0].cookie, 5u);
  EXPECT_TRUE(closed.empty());
}

TEST_F(DatapathTest, AFullRingDelaysCommandsAndKeepsTheirOrder) {
  constexpr std::uint32_t kFlows = wire::CommandRing::kCapacity + 500;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    datapath.open(flow(static_cast<std::uint16_t>(1024 + i)));
  }
  EXPECT_EQ(counters.get(Counter::drop_command_full), 500u);
  std::vector<wire::Command> first(10);
  ASSERT_EQ(home.worker().commands.dequeue(first), 10u);
  datapath.close({0, 1024}, first[0].open.generation);  // must not overtake those that wait
  datapath.poll(*this);
  auto rest = home.commands();
  datapath.poll(*this);
  const auto last = home.commands();
  rest.insert(rest.end(), last.begin(), last.end());
  ASSERT_EQ(rest.size(), kFlows - 10 + 1);
  for (std::size_t i = 0; i < rest.size() - 1; ++i) {
    ASSERT_EQ(rest[i].kind, CommandKind::kOpenFlow);
    ASSERT_EQ(rest[i].open.generation & 0xffffffff, i + 11);
  }
  EXPECT_EQ(rest.back().kind, CommandKind::kCloseFlow);
}

TEST_F(DatapathTest, ARestartedDataplaneGetsAllThatIsTrueNow) {
  datapath.bind_signal(at("10.77.1.1:5060"));
  const auto a = datapath.open(flow(10000));
  const auto b = datapath.open(flow(10002));
  datapath.update({0, 10000}, a, at("10.77.1.2:7000"), wire::FlowKind::kOpaque, false);
  datapath.close({0, 10002}, b);
  home.restart_dataplane();
  EXPECT_TRUE(home.commands().empty());
  datapath.poll(*this);
  const auto commands = home.commands();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].kind, CommandKind::kBindSignal);
  EXPECT_EQ(commands[0].bind.local, at("10.77.1.1:5060"));
  EXPECT_EQ(commands[1].kind, CommandKind::kOpenFlow);
  EXPECT_EQ(commands[1].open.generation, a);
  EXPECT_EQ(commands[1].open.remote, at("10.77.1.2:7000"));
  EXPECT_EQ(commands[1].open.kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(counters.get(Counter::flow_reopened), 1u);
  datapath.poll(*this);
  EXPECT_TRUE(home.commands().empty());  // once
}

TEST_F(DatapathTest, ARestartedDataplaneSuspendsWhoStillIs) {
  const auto a = base::IpAddress::ip4(192, 0, 2, 1);
  const auto b = base::IpAddress::ip4(192, 0, 2, 2);
  datapath.suspend(a, base::Seconds{100});
  datapath.suspend(b, base::Seconds{100});
  datapath.suspend(*base::IpAddress::parse("2001:db8::1"), base::Seconds{100});  // none of theirs
  datapath.suspend(a, base::Seconds{200});
  datapath.lift(b);
  datapath.lift(b);  // no news
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[0].kind, CommandKind::kSuspend);
  EXPECT_EQ(commands[0].suspend.address, a);
  EXPECT_EQ(commands[0].suspend.until_ns, base::Nanos{base::Seconds{100}}.count());
  EXPECT_EQ(commands[3].kind, CommandKind::kLift);
  EXPECT_EQ(commands[3].lift.address, b);
  home.restart_dataplane();
  datapath.poll(*this);
  commands = home.commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].suspend.address, a);
  EXPECT_EQ(commands[0].suspend.until_ns, base::Nanos{base::Seconds{200}}.count());
  datapath.lift_all();
  commands = home.commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].kind, CommandKind::kLift);
  EXPECT_FALSE(commands[0].lift.address.is_set());
  home.restart_dataplane();
  datapath.poll(*this);
  EXPECT_TRUE(home.commands().empty());
}

TEST_F(DatapathTest, WhatWaitedForTheOldDataplaneIsNotSentToTheNewOne) {
  for (std::uint32_t i = 0; i < wire::CommandRing::kCapacity + 9; ++i) {
    datapath.close_orphan({0, 10000}, i + 1);
  }
  home.restart_dataplane();
  datapath.poll(*this);
  EXPECT_TRUE(home.commands().empty());
}

TEST_F(DatapathTest, ARecordCountsForItsOwnGeneration) {
  wire::FlowRecord record;
  const auto generation = datapath.open(flow(10000));
  EXPECT_FALSE(datapath.record({0, 10000}, generation, record));
  home.publish({0, 10000}, generation, 12);
  ASSERT_TRUE(datapath.record({0, 10000}, generation, record));
  EXPECT_EQ(record.figures.packets, 12u);
  EXPECT_FALSE(datapath.record({0, 10000}, generation + 1, record));
}

TEST_F(DatapathTest, AFloodOfEventsIsTakenInTurns) {
  std::uint32_t sent = 0;
  while (home.worker().events.enqueue({})) ++sent;
  std::uint32_t taken = 0;
  for (std::uint32_t count; (count = datapath.poll(*this)) != 0; taken += count) {
    ASSERT_LE(count, 1024u);
  }
  EXPECT_EQ(taken, sent);
}

TEST(DatapathWorkers, EachPortsWorkerGetsItsCommands) {
  test::CorridorHome home(2);
  wire::CounterBlock counters;
  Datapath datapath(*home.segment, home.ends(), 1, counters);
  datapath.bind_signal(*base::Endpoint::parse("10.77.1.1:5060", 0));
  for (const std::uint32_t w : {0u, 1u}) EXPECT_EQ(home.commands(w).size(), 1u);
  datapath.suspend(base::IpAddress::ip4(192, 0, 2, 1), base::Seconds{100});
  for (const std::uint32_t w : {0u, 1u}) EXPECT_EQ(home.commands(w).size(), 1u);
  for (std::uint16_t port = 10000; port < 10100; ++port) {
    wire::OpenFlow flow;
    flow.key = {1, port};
    datapath.open(flow);
  }
  for (const std::uint32_t w : {0u, 1u}) {
    const auto commands = home.commands(w);
    EXPECT_EQ(commands.size(), 50u);
    for (const auto& command : commands) {
      EXPECT_EQ(wire::worker_of_port(home.plan(), command.open.key.port), w);
    }
  }
}

config::PayloadSecret xor_of(std::string key) { return {crypto::PayloadMode::kXor, key}; }

// The key before the flow, once; and its end after the last flow's.
TEST_F(DatapathTest, FlowsOfOneKeyShareIt) {
  const auto a = datapath.open(flow(10000), xor_of("secret"));
  const auto b = datapath.open(flow(10002), xor_of("secret"));
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 3u);
  ASSERT_EQ(commands[0].kind, CommandKind::kSetPayloadKey);
  const auto set = commands[0].set_key;
  EXPECT_EQ(set.name >> 32, 7u);
  EXPECT_EQ(set.mode, 1);
  EXPECT_EQ(set.size, 6);
  EXPECT_EQ(set.piece, 0);
  EXPECT_EQ(std::string(set.octets.begin(), set.octets.begin() + 6), "secret");
  EXPECT_EQ(commands[1].open.payload_key, set.name);
  EXPECT_EQ(commands[2].open.payload_key, set.name);
  datapath.close({0, 10000}, a);
  datapath.close({0, 10000}, a);  // again: an orphan's close, that lets go of nothing
  EXPECT_EQ(datapath.live_keys(), 1u);
  datapath.close({0, 10002}, b);
  EXPECT_EQ(datapath.live_keys(), 0u);
  commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[2].kind, CommandKind::kCloseFlow);
  ASSERT_EQ(commands[3].kind, CommandKind::kForgetPayloadKey);
  EXPECT_EQ(commands[3].forget_key.name, set.name);
}

TEST_F(DatapathTest, AnotherKeyHasAnotherNameAndNeverAnOldOne) {
  const auto a = datapath.open(flow(10000), xor_of("one"));
  datapath.open(flow(10002), xor_of("two"));
  datapath.open(flow(10004), {crypto::PayloadMode::kRc4, "one"});
  datapath.open(flow(10006));
  EXPECT_EQ(datapath.live_keys(), 3u);
  datapath.close({0, 10000}, a);
  datapath.open(flow(10000), xor_of("one"));
  std::vector<wire::PayloadKeyName> names;
  for (const auto& command : home.commands()) {
    if (command.kind == CommandKind::kOpenFlow) names.push_back(command.open.payload_key);
  }
  ASSERT_EQ(names.size(), 5u);
  EXPECT_EQ(names[3], 0u);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

TEST_F(DatapathTest, APortsNextFlowLetsGoOfTheFormersKey) {
  datapath.open(flow(10000), xor_of("one"));
  datapath.open(flow(10000), xor_of("two"));
  EXPECT_EQ(datapath.live_keys(), 1u);
  datapath.open(flow(10000), xor_of("two"));
  EXPECT_EQ(datapath.live_keys(), 1u);
  datapath.open(flow(10000));
  EXPECT_EQ(datapath.live_keys(), 0u);
}

TEST_F(DatapathTest, ALongKeyGoesInPiecesAndToARestartedDataplaneBeforeItsFlows) {
  std::string key;
  for (int i = 0; i < 256; ++i) key.push_back(static_cast<char>(i));
  const auto put_together = [&](const std::vector<wire::Command>& commands) {
    std::string out;
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(commands[i].kind, CommandKind::kSetPayloadKey);
      EXPECT_EQ(commands[i].set_key.piece, i);
      EXPECT_EQ(commands[i].set_key.size, 256);
      out.append(commands[i].set_key.octets.begin(), commands[i].set_key.octets.end());
    }
    return out;
  };
  datapath.open(flow(10000), xor_of(key));
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 5u);
  EXPECT_EQ(put_together(commands), key);
  home.dataplane->announce();
  datapath.poll(*this);
  commands = home.commands();
  ASSERT_EQ(commands.size(), 5u);
  EXPECT_EQ(put_together(commands), key);
  EXPECT_EQ(commands[4].open.payload_key, commands[0].set_key.name);
}

wire::Play loop() {
  wire::Play out;
  out.sound = 3;
  out.loops = 1;
  out.number = 8;
  return out;
}

TEST_F(DatapathTest, ARestartedDataplaneGoesOnRingingAndKnowsOfEvents) {
  const auto generation = datapath.open(flow(10000));
  datapath.open(flow(10002));
  datapath.play({0, 10000}, generation, loop());
  wire::SetEvents events;
  events.taken = 101;
  datapath.set_events({0, 10000}, generation, events);
  datapath.set_events({0, 10000}, generation, events);  // no news
  auto commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[2].kind, CommandKind::kPlay);
  EXPECT_EQ(commands[2].play.generation, generation);
  EXPECT_EQ(commands[2].play.key, (FlowKey{0, 10000}));
  EXPECT_EQ(commands[3].kind, CommandKind::kSetEvents);
  home.restart_dataplane();
  datapath.poll(*this);
  commands = home.commands();
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[2].kind, CommandKind::kSetEvents);
  EXPECT_EQ(commands[2].set_events.taken, 101);
  EXPECT_EQ(commands[3].kind, CommandKind::kPlay);
  EXPECT_EQ(commands[3].play.sound, 3);
}

TEST_F(DatapathTest, WhatIsOverIsNotPlayedAgain) {
  const auto generation = datapath.open(flow(10000));
  const auto other = datapath.open(flow(10002));
  const auto third = datapath.open(flow(10004));
  datapath.play({0, 10000}, generation, loop());
  datapath.play({0, 10002}, other, loop());
  wire::Play once = loop();
  once.loops = 0;
  datapath.play({0, 10004}, third, once);
  datapath.stop_play({0, 10000}, generation);
  wire::Event event;
  event.kind = wire::EventKind::kPlayEnded;
  event.play_ended = {};
  event.play_ended.key = {0, 10002};
  event.play_ended.generation = other;
  event.play_ended.number = 8;
  ASSERT_TRUE(home.worker().events.enqueue(event));
  datapath.poll(*this);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].number, 8u);
  home.commands();
  home.restart_dataplane();
  datapath.poll(*this);
  EXPECT_EQ(home.commands().size(), 3u) << "flows alone";
}

TEST_F(DatapathTest, NothingIsSaidOnAFlowThatIsNoMore) {
  const auto generation = datapath.open(flow(10000));
  datapath.close({0, 10000}, generation);
  home.commands();
  datapath.play({0, 10000}, generation, loop());
  datapath.stop_play({0, 10000}, generation);
  datapath.send_digit({0, 10000}, generation, {});
  wire::SetEvents events;
  events.taken = 101;
  datapath.set_events({0, 10000}, generation, events);
  EXPECT_TRUE(home.commands().empty());
}

}  // namespace
}  // namespace tandem::media
