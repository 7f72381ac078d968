// Attended transfers (RFC 5589 §7): a REFER whose target is a dialog that the switch has with who
// asks.
#include <algorithm>

#include "tests/unit/controlplane/calls/transfer_fixture.h"

namespace tandem::test {
namespace {

TEST_F(Transfers, Attended) {
  connect();
  consult();
  listen_to_notifies();
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  EXPECT_EQ(told, (Events{"SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"}));
  EXPECT_EQ(std::count(bob.events.begin(), bob.events.end(), "bye"), 2);
  EXPECT_EQ(carol.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(alice.events, (Events{"offer", "offer acked"}));
  // Both see the next version of what they saw.
  EXPECT_EQ(session_of(asked[&carol][0]), session_of(kAnswer));
  EXPECT_EQ(version_of(asked[&carol][0]), version_of(kAnswer) + 1);
  EXPECT_EQ(session_of(asked[&alice][0]), session_of(kAnswer));
  EXPECT_EQ(version_of(asked[&alice][0]), version_of(kAnswer) + 1);
  expect_alice_talks_to_carol();
  EXPECT_EQ(datapath.live_flows(), 4u);
  ASSERT_TRUE(carol.leg()->offer("application/sdp", kCarols));
  net.settle();
  EXPECT_EQ(carol.events.back(), "offer 200");
  carol.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
  const auto went = record_with("mapping_gateway", "acme");
  const auto host = record_with("mapping_gateway", "bmap");
  EXPECT_EQ(went["transferred_to"], host["call"]);
  EXPECT_EQ(host["transferred_from"], went["call"]);
  EXPECT_EQ(went["end_direction"], "callee");
  EXPECT_EQ(host["end_direction"], "callee");
}

TEST_F(Transfers, AttendedBeforeTheAnswer) {
  connect();
  carol.on_call = [](InviteSession& call) { call.progress(180); };
  bob.dial("10.77.2.1:5060", "391", kAnswer);
  net.run(Seconds{1});
  second = bob.session;
  bob.session = first;
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  EXPECT_TRUE(asked[&alice].empty());
  carol.leg()->accept("application/sdp", kCarols);
  net.run(Seconds{3});
  EXPECT_EQ(std::count(bob.events.begin(), bob.events.end(), "bye"), 2);
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AttendedAndTheTargetRefuses) {
  connect();
  consult();
  listen_to_notifies();
  carol.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 488"));
  EXPECT_TRUE(asked[&alice].empty());
  // Both calls go on as they were.
  EXPECT_EQ(datapath.live_flows(), 8u);
  carol.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kCarols); };
  for (const auto id : {first, second}) {
    ASSERT_TRUE(bob.agent().find(id)->offer("application/sdp", kAnswer));
    net.settle();
    EXPECT_EQ(bob.events.back(), "offer 200");
    bob.agent().find(id)->finish(0);
  }
  expect_all_over();
  EXPECT_EQ(records().size(), 2u);
}

TEST_F(Transfers, AttendedAndTheGuestRefuses) {
  connect();
  consult();
  listen_to_notifies();
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{5});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 488"));
  // carol was asked to come, and then to stay.
  ASSERT_EQ(asked[&carol].size(), 2u);
  EXPECT_EQ(version_of(asked[&carol][1]), version_of(kAnswer) + 2);
  bool bob_and_carol = false;
  for (const auto& [key, flow] : flows) {
    const auto& peer = flows.at({flow.peer.address, flow.peer.port});
    const bool here = flow.remote == at("10.77.2.2:8000") && peer.remote == at("10.77.2.5:9000");
    bob_and_carol = bob_and_carol || here;
  }
  EXPECT_TRUE(bob_and_carol);
  bob.agent().find(second)->finish(0);
  bob.agent().find(first)->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "bye");
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
}

TEST_F(Transfers, AttendedAndWhoAskedLeavesBothCalls) {
  connect();
  consult();
  carol.on_change = [](InviteSession&) {};
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  bob.agent().find(second)->finish(0);
  bob.agent().find(first)->finish(0);
  net.run(Seconds{1});
  EXPECT_TRUE(alice.events.empty());
  carol.leg()->answer_offer(200, "application/sdp", kCarols);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"offer", "offer acked"}));
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AttendedAndTheGuestHangsUpInBetween) {
  for (const bool target_asked : {true, false}) {
    connect();
    consult();
    if (target_asked) carol.on_change = [](InviteSession&) {};
    if (!target_asked) alice.on_change = [](InviteSession&) {};
    ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
    net.run(Seconds{1});
    alice.leg()->finish(0);
    net.run(Seconds{1});
    carol.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kCarols); };
    if (target_asked) carol.leg()->answer_offer(200, "application/sdp", kCarols);
    net.run(Seconds{5});
    // bob's first call is over; his second one is what it was.
    EXPECT_EQ(bob.agent().find(first), nullptr);
    ASSERT_TRUE(bob.agent().find(second)->offer("application/sdp", kAnswer));
    net.settle();
    EXPECT_EQ(bob.events.back(), "offer 200");
    bob.agent().find(second)->finish(0);
    net.run(Seconds{1});
    EXPECT_EQ(carol.events.back(), "bye");
    net.run(Seconds{70});
    asked.clear();
  }
  expect_all_over();
  EXPECT_EQ(records().size(), 4u);
}

TEST_F(Transfers, ADialogThatIsNone) {
  connect();
  listen_to_notifies();
  ASSERT_TRUE(
      bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz>\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 481"));
  alice.leg()->finish(0);
  expect_all_over();
}

class DirectTransfers : public Transfers {
 protected:
  DirectTransfers() : Transfers("auto") {}
};

// bob and carol are in one network; alice isn't.
TEST_F(DirectTransfers, WhoComesFromAnotherNetworkBringsTheMediaToUs) {
  connect();
  consult();
  EXPECT_EQ(datapath.live_flows(), 4u);
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  expect_alice_talks_to_carol();
  carol.leg()->finish(0);
  expect_all_over();
  EXPECT_EQ(record_with("mapping_gateway", "acme")["media_rule"], "between_networks");
  EXPECT_EQ(record_with("mapping_gateway", "bmap")["media_mode"], "proxy");
}

class TransfersOfTheHidden : public Transfers {
 protected:
  TransfersOfTheHidden() : Transfers("on", with_public_customer) {}
  static config::Site with_public_customer(config::Site site) {
    auto& acme = site.gateways.front();
    acme.addresses.push_back(at("203.0.113.5"));
    acme.addresses.back().port = 0;
    return site;
  }
  // Where RTP of this party's description goes.
  bool sends_to(const char* remote) const {
    return std::any_of(flows.begin(), flows.end(), [&](const auto& one) {
      return one.second.kind == wire::FlowKind::kRtp && one.second.remote == at(remote);
    });
  }
  const std::string hidden =
      "v=0\r\no=- 1 1 IN IP4 192.168.1.5\r\ns=-\r\nc=IN IP4 192.168.1.5\r\nt=0 0\r\n"
      "m=audio 7000 RTP/AVP 0\r\n";
  Phone eve{net, "203.0.113.5:5060"};
};

// Whose media are sent to where it signals from is reached there in the next call, too.
TEST_F(TransfersOfTheHidden, Attended) {
  eve.on_change = [this](InviteSession& leg) { leg.answer_offer(200, "application/sdp", hidden); };
  eve.dial("10.77.1.1:5060", "491", hidden);
  net.run(Seconds{1});
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_TRUE(sends_to("203.0.113.5:7000"));
  first = bob.session;
  carol.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kCarols); };
  consult();
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  EXPECT_EQ(datapath.live_flows(), 4u);
  EXPECT_TRUE(sends_to("203.0.113.5:7000"));
  EXPECT_TRUE(sends_to("10.77.2.5:9000"));
  EXPECT_FALSE(sends_to("192.168.1.5:7000"));
  carol.leg()->finish(0);
  expect_all_over();
}

TEST_F(TransfersOfTheHidden, ToANumber) {
  eve.on_change = [this](InviteSession& leg) { leg.answer_offer(200, "application/sdp", hidden); };
  eve.dial("10.77.1.1:5060", "491", hidden);
  net.run(Seconds{1});
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{3});
  EXPECT_TRUE(sends_to("203.0.113.5:7000"));
  EXPECT_TRUE(sends_to("10.77.2.5:9000"));
  EXPECT_FALSE(sends_to("192.168.1.5:7000"));
  eve.leg()->finish(0);
  expect_all_over();
}

}  // namespace
}  // namespace tandem::test
