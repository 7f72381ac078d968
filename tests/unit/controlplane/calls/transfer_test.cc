// Blind transfers (RFC 3515): what the parties hear, what goes wrong on the way, and the records
// that they leave.
#include "tests/unit/controlplane/calls/transfer_fixture.h"

namespace tandem::test {
namespace {

TEST_F(Transfers, BlindByTheCallee) {
  connect();
  listen_to_notifies();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\nReferred-By: <sip:bob@b>\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(net.last("SIP/2.0 202"), "CSeq: 1 REFER\r\n"));
  EXPECT_EQ(told,
            (Events{"SIP/2.0 100 Trying\r\n", "SIP/2.0 180 Ringing\r\n", "SIP/2.0 200 OK\r\n"}));
  EXPECT_EQ(states,
            (Events{"active;expires=300", "active;expires=300", "terminated;reason=noresource"}));
  EXPECT_EQ(events_said, Events(3, "refer"));
  EXPECT_EQ(bob.events.back(), "bye");
  // carol was called for alice, and alice was told of carol in her own dialog.
  EXPECT_TRUE(has(carol.last_request, "From: \"Alice\" <sip:alice@10.77.2.1>") ||
              has(carol.last_request, "<sip:alice@"));
  EXPECT_TRUE(has(carol.last_request, "Referred-By: <sip:bob@b>\r\n"));
  ASSERT_EQ(asked[&alice].size(), 1u);
  EXPECT_TRUE(has(asked[&alice][0], "c=IN IP4 10.77.1.1\r\n"));
  EXPECT_EQ(session_of(asked[&alice][0]), session_of(kAnswer));
  EXPECT_EQ(version_of(asked[&alice][0]), version_of(kAnswer) + 1);
  EXPECT_EQ(alice.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(carol.events, (Events{"invite", "acked"}));
  expect_alice_talks_to_carol();
  // From here on it is a call like any other.
  ASSERT_TRUE(carol.leg()->offer("application/sdp", kCarols + "a=sendonly\r\n"));
  net.settle();
  EXPECT_TRUE(has(asked[&alice].back(), "a=sendonly"));
  EXPECT_EQ(version_of(asked[&alice].back()), version_of(kAnswer) + 2);
  EXPECT_EQ(carol.events.back(), "offer 200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "bye");
  expect_all_over();
  const auto went = record_with("routing_gateway", "bcorp");
  const auto came = record_with("routing_gateway", "ccorp");
  EXPECT_EQ(went["transferred_to"], came["call"]);
  EXPECT_EQ(came["transferred_from"], went["call"]);
  EXPECT_EQ(came["mapping_gateway"], "acme");
  EXPECT_EQ(came["caller"], "alice");
  EXPECT_EQ(came["callee"], "391");
  for (const auto& each : {went, came}) {
    EXPECT_EQ(each["end_reason"], "NormalClearing");
    EXPECT_EQ(each["end_direction"], "caller");
    EXPECT_GT(each["hold_ms"], 0);
  }
  EXPECT_GT(went["hold_ms"], came["hold_ms"]);
  EXPECT_EQ(went["media"]["from_caller"]["packets"], 111);
}

// As large a REFER as can come: the INVITE that it asks for would be larger.
TEST_F(Transfers, WhatMakesNoInviteIsRefused) {
  connect();
  listen_to_notifies();
  std::size_t size = 65'400;
  const auto refer = [&] {
    return bob.ask("REFER", "Refer-To: sip:391@10.77.2.1\r\nReferred-By: <sip:a@b;x=" +
                                std::string(size, 'x') + ">\r\n");
  };
  while (size > 60'000 && !refer()) size -= 10;
  ASSERT_GT(size, 60'000u);
  net.run(Seconds{1});
  EXPECT_EQ(told, (Events{"SIP/2.0 100 Trying\r\n", "SIP/2.0 513 Message Too Large\r\n"}));
  EXPECT_TRUE(carol.events.empty());
  bob.leg()->finish(0);  // the call has stayed
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
}

TEST_F(Transfers, BlindByTheCaller) {
  connect();
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: sip:391@10.77.1.1\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  EXPECT_TRUE(has(carol.last_request, "<sip:491@"));
  carol.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "bye");
  expect_all_over();
  // To whom each belongs: bob stayed to the end, and so does what his leg costs.
  EXPECT_EQ(record_with("routing_gateway", "bcorp")["end_direction"], "caller");
  EXPECT_EQ(record_with("routing_gateway", "ccorp")["end_direction"], "callee");
}

// Whoever hides from who stays hides from who comes; its own word on who sent the other included.
TEST_F(Transfers, AHiddenCallerIsHiddenFromWhoComesToo) {
  config::Gateway customer = gateways.gateway(0);
  customer.support_privacy = true;
  gateways.put({customer});
  alice.own_headers = "Privacy: id\r\n";
  connect();
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: sip:391@10.77.1.1\r\nReferred-By: <sip:alice@a>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_FALSE(has(carol.last_request, "alice")) << carol.last_request;
  carol.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AHiddenGuestIsHiddenFromWhoComes) {
  config::Gateway customer = gateways.gateway(0);
  customer.support_privacy = true;
  gateways.put({customer});
  alice.own_headers = "Privacy: id\r\n";
  connect();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\nReferred-By: <sip:bob@b>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_FALSE(has(carol.last_request, "alice")) << carol.last_request;
  EXPECT_TRUE(has(carol.last_request, "Privacy: id\r\n"));
  carol.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, OneOnHoldIsOfferedBothWays) {
  connect();
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer + "a=sendonly\r\n"));
  alice.on_change = [](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kOffer + "a=recvonly\r\n");
  };
  net.settle();
  ASSERT_EQ(bob.events.back(), "offer 200");
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kOffer); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_FALSE(has(carol.last_body, "recvonly"));
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, OurOwnOffersCarryNothingOfTheOtherParty) {
  connect();
  carol.on_call = [](InviteSession& call) {
    call.accept("application/sdp", kCarols, 0, "X-C: 3\r\n");
  };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\nX-C: 3\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"offer", "offer acked"}));
  EXPECT_FALSE(has(alice.last_request, "X-C"));
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, ABusyTargetCostsNobodyTheCall) {
  connect();
  listen_to_notifies();
  carol.on_call = [](InviteSession& call) { call.finish(486); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(told.back(), "SIP/2.0 486 Busy Here\r\n");
  EXPECT_EQ(states.back(), "terminated;reason=noresource");
  EXPECT_TRUE(asked[&alice].empty());
  // Another try; its NOTIFYs say whose they are.
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(events_said.back(), "refer;id="));
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "bye");
  expect_all_over();
  EXPECT_EQ(records().size(), 3u);
  EXPECT_EQ(record_with("routing_gateway", "ccorp")["end_reason"], "UserBusy");
  EXPECT_EQ(record_with("routing_gateway", "bcorp")["transferred_to"], "");
}

TEST_F(Transfers, WhoAskedNeedNotWait) {
  connect();
  carol.on_call = [](InviteSession& call) { call.progress(180); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_TRUE(alice.events.empty());
  carol.leg()->accept("application/sdp", kCarols);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"offer", "offer acked"}));
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, NobodyIsLeftAloneWithASwitch) {
  connect();
  carol.on_call = [](InviteSession& call) { call.progress(180); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  bob.leg()->finish(0);
  net.run(Seconds{1});
  carol.leg()->finish(486);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
  EXPECT_EQ(record_with("routing_gateway", "bcorp")["end_direction"], "callee");
}

TEST_F(Transfers, TheGuestHangsUpWhileItRings) {
  connect();
  listen_to_notifies();
  carol.on_call = [](InviteSession& call) { call.progress(180); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "cancelled");
  EXPECT_EQ(told.back(), "SIP/2.0 487 Request Terminated\r\n");
  EXPECT_EQ(bob.events.back(), "bye");
  expect_all_over();
  EXPECT_EQ(record_with("routing_gateway", "ccorp")["end_reason"], "CallerCancelled");
}

TEST_F(Transfers, TheTargetHangsUpBeforeTheGuestIsIn) {
  connect();
  listen_to_notifies();
  alice.on_change = [](InviteSession&) {};  // thinks about it
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  ASSERT_EQ(alice.events, (Events{"offer"}));
  carol.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 487"));
  // alice agrees to carol too late, and is asked to talk to bob again.
  alice.on_change = [this](InviteSession& leg) {
    asked[&alice].push_back(alice.last_body);
    leg.answer_offer(200, "application/sdp", kOffer);
  };
  alice.leg()->answer_offer(200, "application/sdp", kOffer);
  net.run(Seconds{10});
  ASSERT_EQ(asked[&alice].size(), 1u);
  EXPECT_EQ(session_of(asked[&alice][0]), session_of(kAnswer));
  EXPECT_EQ(version_of(asked[&alice][0]), version_of(kAnswer) + 2);
  bool to_bob = false;
  for (const auto& [key, flow] : flows) to_bob = to_bob || flow.remote == at("10.77.2.2:8000");
  EXPECT_TRUE(to_bob);
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
}

TEST_F(Transfers, TheGuestRefusesTheOther) {
  connect();
  listen_to_notifies();
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 488"));
  EXPECT_EQ(carol.events.back(), "bye");
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kOffer); };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer 200");
  bob.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, GlareIsTriedAgain) {
  connect();
  int refused = 0;
  alice.on_change = [&](InviteSession& leg) {
    if (refused++ < 2) {
      leg.answer_offer(491);
    } else {
      leg.answer_offer(200, "application/sdp", kOffer);
    }
  };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{10});
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(bob.events.back(), "bye");
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, GlareWithoutEndFails) {
  connect();
  listen_to_notifies();
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(491); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{30});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 491"));
  EXPECT_EQ(carol.events.back(), "bye");
  bob.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AChangeUnderWayIsWaitedFor) {
  connect();
  alice.on_change = [](InviteSession&) {};
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.run(Seconds{1});
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "acked");
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kOffer); };
  alice.leg()->answer_offer(200, "application/sdp", kOffer);
  net.run(Seconds{10});
  EXPECT_EQ(bob.events.back(), "bye");
  expect_alice_talks_to_carol();
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, WithoutASubscription) {
  connect();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\nRefer-Sub: false\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(net.last("SIP/2.0 202"), "Refer-Sub: false\r\n"));
  EXPECT_EQ(net.count("NOTIFY"), 0);
  EXPECT_EQ(bob.events.back(), "bye");
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, RefersThatMakeNoSense) {
  connect();
  const std::pair<std::string, int> rows[] = {
      {"", 400},
      {"Refer-To: <sip:391@10.77.2.1>\r\nRefer-To: <sip:392@10.77.2.1>\r\n", 400},
      {"Refer-To: <mailto:a@b>\r\n", 400},
      {"Refer-To: <sip:391@10.77.2.1?Replaces=a>\r\n", 400},
      {"Refer-To: <sip:391@10.77.2.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3>\r\n", 400},
      {"Refer-To: <sip:10.77.2.1>\r\n", 484},
      {"Refer-To: <sip:391@10.77.2.1;method=BYE>\r\n", 603}};
  for (const auto& [headers, status] : rows) {
    ASSERT_TRUE(bob.ask("REFER", headers));
    net.settle();
    EXPECT_EQ(bob.events.back(), "answer " + std::to_string(status)) << headers;
  }
  EXPECT_EQ(net.count("NOTIFY"), 0);
  // A number that leads nowhere is a transfer that fails.
  listen_to_notifies();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: tel:+77123\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 404"));
  // Two at a time are one too many.
  carol.on_call = [](InviteSession& call) { call.progress(180); };
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:391@10.77.1.1>\r\n"));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 491");
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, BeforeTheAnswerThereIsNobodyToTransfer) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.1.1:5060", "491");
  net.run(Seconds{1});
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:391@10.77.1.1>\r\n"));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 491");
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AFullGatewayTakesNoMore) {
  connect();
  listen_to_notifies();
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(gateways.take(0), routing::Admission::kTaken);  // acme has room for three
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_TRUE(has(told.back(), "SIP/2.0 503"));
  for (int i = 0; i < 2; ++i) gateways.give_back(0);
  alice.leg()->finish(0);
  expect_all_over();
}

TEST_F(Transfers, AnOperatorEndsBothCalls) {
  connect();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  std::string went;
  calls.each([&](const calls::Call& call) {
    if (call.state() == calls::Call::State::kTransferred) went = call.name();
  });
  ASSERT_TRUE(calls.hang_up(went, calls::ReleaseCause::OperatorHangup));
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(carol.events.back(), "bye");
  expect_all_over();
  for (const auto& each : records()) EXPECT_EQ(each["end_reason"], "OperatorHangup");
}

TEST_F(Transfers, OnAndOn) {
  connect();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  ASSERT_EQ(bob.events.back(), "bye");
  // carol sends alice back to bob.
  ASSERT_TRUE(carol.ask("REFER", "Refer-To: <sip:491@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "bye");
  EXPECT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(asked[&alice].size(), 2u);
  EXPECT_EQ(version_of(asked[&alice][1]), version_of(kAnswer) + 2);
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
  EXPECT_EQ(records().size(), 3u);
}

}  // namespace
}  // namespace tandem::test
