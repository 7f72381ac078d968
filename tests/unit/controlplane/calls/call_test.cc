// Whole calls through the B2BUA on a virtual network: how they begin, what each party sees, how
// they end, and that each leaves exactly one record and nothing else.
#include "controlplane/calls/call.h"

#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

class Calls : public SwitchTest {};

TEST_F(Calls, AnswerAndHangUpFromEitherSide) {
  for (const bool caller_ends : {true, false}) {
    alice.dial(kSwitch, "4930123");
    net.run(Seconds{1});
    EXPECT_EQ(alice.events.back(), "200");
    EXPECT_EQ(bob.events.back(), "acked");
    EXPECT_EQ(bob.last_uri, "sip:4930123@10.77.2.2:5060");
    net.run(base::Millis{1300});
    (caller_ends ? alice : bob).leg()->finish(0);
    net.run(Seconds{3});
    EXPECT_EQ((caller_ends ? bob : alice).events.back(), "bye");
  }
  expect_nothing_left();
  const auto all = records();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["sequence"], 1);
  EXPECT_EQ(all[0]["caller"], "alice");
  EXPECT_EQ(all[0]["callee"], "4930123");
  EXPECT_EQ(all[0]["mapping_gateway"], "acme");
  EXPECT_EQ(all[0]["routing_gateway"], "bcorp");
  EXPECT_EQ(all[0]["end_reason"], "NormalClearing");
  EXPECT_EQ(all[0]["end_direction"], "caller");
  EXPECT_EQ(all[1]["end_direction"], "callee");
  EXPECT_EQ(all[0]["sip_code"], 200);
  EXPECT_EQ(all[0]["codec"], "PCMU");
  EXPECT_GE(all[0]["hold_ms"], 1300);
  EXPECT_EQ(all[0]["hold_time_s"], 3);
  EXPECT_EQ(all[0]["media"]["from_caller"]["packets"], 111);
  EXPECT_EQ(all[0]["media"]["from_callee"]["packets"], 222);
  EXPECT_NE(all[0]["caller_call_id"], all[0]["callee_call_id"]);
}

TEST_F(Calls, MediaPassesThroughUs) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  // Each side sees our address in its own network and one of our ports.
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_EQ(bob.last_body.find("10.77.1."), std::string::npos);
  EXPECT_EQ(alice.last_body.find("10.77.2."), std::string::npos);
  ASSERT_EQ(flows.size(), 4u);
  const auto caller_side = flows.begin()->second;  // (address 0, RTP)
  EXPECT_EQ(caller_side.remote, at("10.77.1.2:7000"));
  EXPECT_EQ(caller_side.peer.address, 1);
  const auto callee_side = flows.at({caller_side.peer.address, caller_side.peer.port});
  EXPECT_EQ(callee_side.remote, at("10.77.2.2:8000"));
  EXPECT_EQ(flows.at({1, caller_side.peer.port + 1}).remote, at("10.77.2.2:8001"));
  EXPECT_EQ(flows.at({1, caller_side.peer.port + 1}).kind, wire::FlowKind::kRtcp);
  const auto in_sdp = "m=audio " + std::to_string(caller_side.key.port) + " RTP/AVP 0\r\n";
  EXPECT_NE(alice.last_body.find(in_sdp), std::string::npos);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_TRUE(flows.empty());
}

TEST_F(Calls, BusyPassesAsBusy) {
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 486");
  EXPECT_NE(net.last("SIP/2.0 486").find("Reason: Q.850;cause=17"), std::string::npos);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "UserBusy");
  EXPECT_EQ(record()["end_direction"], "callee");
}

TEST_F(Calls, CallerCancels) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  alice.leg()->finish(487);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "cancelled");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
  EXPECT_EQ(record()["sip_code"], 487);
  EXPECT_EQ(record()["end_direction"], "caller");
}

TEST_F(Calls, SilentGatewayIsGivenUpIn408) {
  alice.dial(kSwitch, "331");
  net.run(Seconds{2});
  EXPECT_EQ(alice.events, (Events{"100"}));
  net.run(Seconds{2});
  EXPECT_EQ(alice.events.back(), "refused 408");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "InviteTimeout");
}

TEST_F(Calls, NobodyPicksUp) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{11});
  EXPECT_EQ(alice.events.back(), "refused 480");
  EXPECT_EQ(bob.events.back(), "cancelled");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NoAnswer");
}

TEST_F(Calls, LateAnswerOfAGivenUpGatewayIsHungUp) {
  bob.on_call = [](sip::InviteSession&) {};
  alice.dial(kSwitch, "491");
  net.run(Seconds{4});
  EXPECT_EQ(alice.events.back(), "refused 408");
  bob.leg()->accept("application/sdp", kAnswer);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events, (Events{"invite", "acked", "bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["sip_code"], 408);
}

TEST_F(Calls, RefusedBeforeAnyGateway) {
  const std::pair<const char*, const char*> cases[] = {{"777", "refused 404"}, {"", "refused 484"}};
  for (const auto& [number, verdict] : cases) {
    alice.dial(kSwitch, number);
    net.run(Seconds{1});
    EXPECT_EQ(alice.events.back(), verdict);
  }
  expect_nothing_left();
  const auto all = records();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["end_reason"], "NoRoute");
  EXPECT_EQ(all[1]["end_reason"], "AddressIncomplete");
}

TEST_F(Calls, NumbersAreRoutedByWhatTheyMean) {
  // As dialled, and as the gateway is asked for it; what could break a URI stays escaped.
  const std::pair<const char*, const char*> cases[] = {{"%2B4930", "4930"},
                                                       {"+49-30.1;phone-context=x", "49301"},
                                                       {"%34%39*7", "49*7"},
                                                       {"49%3E7", "49%3E7"}};
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  for (const auto& [dialled, sent] : cases) {
    alice.dial(kSwitch, dialled);
    net.run(Seconds{3});
    EXPECT_EQ(alice.events.back(), "refused 486") << dialled;
    EXPECT_EQ(bob.last_uri, "sip:" + std::string(sent) + "@10.77.2.2:5060");
  }
  expect_nothing_left();
}

TEST_F(Calls, StrangersGet403AndNoRecord) {
  Phone mallory{net, "10.77.1.66:5060"};
  mallory.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(mallory.events.back(), "refused 403");
  EXPECT_EQ(counters.get(wire::Counter::sip_unknown_source), 1u);
  expect_nothing_left();
  EXPECT_TRUE(records().empty());
}

TEST_F(Calls, CapacityOfBothGateways) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  const auto first = alice.session;
  alice.dial(kSwitch, "492");  // bcorp takes one call
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 503");
  alice.dial(kSwitch, "331");  // acme may have two
  net.settle();
  alice.dial(kSwitch, "332");
  net.run(base::Millis{100});
  EXPECT_EQ(alice.events.back(), "refused 503");
  // Other calls of this customer's to others may well go.
  EXPECT_EQ(alice.last_response.find("Retry-After"), std::string::npos);
  alice.agent().find(first)->finish(0);
  expect_nothing_left();
  std::map<std::string, int> reasons;
  for (const auto& r : records()) ++reasons[r["end_reason"].get<std::string>()];
  EXPECT_EQ(reasons, (std::map<std::string, int>{{"NormalClearing", 1},
                                                 {"NoAvailableRouter", 1},
                                                 {"CallerOverCapacity", 1},
                                                 {"InviteTimeout", 1}}));
}

TEST_F(Calls, LateOffer) {
  bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
  alice.dial(kSwitch, "491", "", true);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events, (Events{"invite"}));  // no ACK before the caller's
  EXPECT_NE(alice.last_body.find("10.77.1.1"), std::string::npos);
  alice.leg()->ack("application/sdp", kOffer);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "acked");
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1"), std::string::npos);
  ASSERT_EQ(flows.size(), 4u);
  EXPECT_EQ(flows.begin()->second.remote, at("10.77.1.2:7000"));
  bob.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Calls, EarlyMedia) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(183, "application/sdp", kAnswer); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "183");
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1"), std::string::npos);
  EXPECT_EQ(flows.at({1, flows.begin()->second.peer.port}).remote, at("10.77.2.2:8000"));
  bob.leg()->accept("application/sdp", kAnswer);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_GT(record()["ring_ms"], 0);
}

TEST_F(Calls, OperatorHangsUp) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  std::string id;
  calls.each([&](const calls::Call& call) { id = call.name(); });
  EXPECT_FALSE(calls.hang_up("nonsense", calls::ReleaseCause::OperatorHangup));
  EXPECT_TRUE(calls.hang_up(id, calls::ReleaseCause::OperatorHangup));
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(bob.events.back(), "bye");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "OperatorHangup");
  EXPECT_EQ(record()["call"], id);
}

TEST_F(Calls, UnusableDescriptions) {
  const std::string picture_over_tcp =
      "v=0\r\no=a 1 1 IN IP4 10.77.1.2\r\ns=-\r\nc=IN IP4 10.77.1.2\r\nt=0 0\r\n"
      "m=image 7000 TCP t38\r\n";
  for (const std::string& offer : {std::string("nonsense"), picture_over_tcp}) {
    alice.dial(kSwitch, "491", offer);
    net.run(Seconds{1});
    EXPECT_EQ(alice.events.back(), "refused 488");
  }
  expect_nothing_left();
}

TEST_F(Calls, PortsRunOut) {
  // Ten pairs a side; each of these offers takes four at once.
  std::string offer = kOffer;
  for (int i = 0; i < 3; ++i) offer += "m=audio 7010 RTP/AVP 0\r\n";
  bob.on_call = [](sip::InviteSession& call) { call.finish(486); };
  for (int i = 0; i < 2; ++i) {
    alice.dial(kSwitch, "491", offer);
    net.run(base::Millis{100});
    EXPECT_EQ(alice.events.back(), "refused 486");
  }
  alice.dial(kSwitch, "491", offer);  // eight pairs rest, two are free
  net.run(base::Millis{100});
  EXPECT_EQ(alice.events.back(), "refused 503");
  const int pause = std::atoi(field(alice.last_response, "Retry-After").c_str());
  EXPECT_TRUE(pause >= 2 && pause <= 10) << alice.last_response;
  net.run(Seconds{3});  // the quarantine is over
  alice.dial(kSwitch, "491", offer);
  net.run(base::Millis{100});
  EXPECT_EQ(alice.events.back(), "refused 486");
  expect_nothing_left();
  EXPECT_EQ(records()[2]["end_reason"], "NoMediaPort");
}

TEST_F(Calls, SilentDataplaneDoesNotHoldTheRecordBack) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  mute = true;
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NormalClearing");
}

TEST_F(Calls, RestartedDataplaneGetsTheFlowsAgain) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  const auto before = flows;
  flows.clear();
  worker.attach();  // a new life: its tables are empty
  auto dataplane = wire::Segment::open(name, site.corridor.plan, wire::Side::kDataplane);
  ASSERT_TRUE(dataplane.ok());
  dataplane->announce();
  net.run(base::Millis{100});
  ASSERT_EQ(flows.size(), before.size());
  for (const auto& [key, flow] : before) {
    EXPECT_EQ(flows.at(key).generation, flow.generation);
    EXPECT_EQ(flows.at(key).remote, flow.remote);
  }
  EXPECT_EQ(counters.get(wire::Counter::flow_reopened), 4u);
  alice.leg()->finish(0);
  expect_nothing_left();
  dataplane->leave();
}

TEST_F(Calls, LongestDuration) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{7201});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(bob.events.back(), "bye");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MaximumDuration");
  EXPECT_EQ(record()["hold_time_s"], 7200);
}

TEST_F(Calls, HalfOfAllDatagramsLostLeavesNoHalfOpenCall) {
  base::SeededRandom dice{7};
  for (int round = 0; round < 60; ++round) {
    net.lose([&](const auto&) { return dice.next() % 2 == 0; });
    alice.dial(kSwitch, "491");
    net.run(base::Millis{dice.next() % 8000});
    if (auto* leg = (dice.next() % 2 ? alice : bob).leg()) leg->finish(486);
    net.run(Seconds{45});
    net.lose({});
    // What the loss left standing on either phone ends the ordinary way.
    for (Phone* phone : {&alice, &bob}) {
      if (auto* leg = phone->leg()) leg->finish(480);
    }
    net.run(Seconds{75});
    ASSERT_EQ(calls.live(), 0u) << "round " << round;
    ASSERT_EQ(agent.live_sessions(), 0u) << "round " << round;
  }
  expect_nothing_left();
  const auto started = counters.get(wire::Counter::calls_started);
  EXPECT_EQ(records().size(), started);
  EXPECT_GT(started, 40u);
}

}  // namespace
}  // namespace tandem::test
