// UPDATE through the switch (RFC 3311), early and in a call that is up; second offers in PRACK; and
// glare of all kinds.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

constexpr const char* kAllow = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n";

std::string with_port(std::string sdp, const std::string& old, const std::string& port) {
  return sdp.replace(sdp.find(old), old.size(), port);
}

class Updates : public SwitchTest {
 protected:
  Updates() {
    bob.on_call = [](InviteSession& call) {
      call.progress(
          {.status = 183, .reliably = true, .content_type = "application/sdp", .body = kAnswer});
    };
    for (Phone* phone : {&alice, &bob}) {
      phone->on_change = [phone](InviteSession& leg) {
        leg.answer_offer(200, "application/sdp", phone->own_sdp);
      };
    }
    alice.own_sdp = kOffer;
    bob.own_sdp = kAnswer;
  }
  void ring() {
    alice.dial(kSwitch, "491");
    net.settle();
    ASSERT_EQ(alice.heard(), (Events{"183"}));
    forget();
  }
  void connect() {
    ring();
    bob.leg()->accept({}, {});
    net.settle();
    ASSERT_EQ(bob.events.back(), "acked");
    forget();
  }
  void forget() {
    alice.events.clear();
    bob.events.clear();
  }
  Endpoint caller_media() { return flows.begin()->second.remote; }
  Endpoint callee_media() {
    const auto peer = flows.begin()->second.peer;
    return flows.at({peer.address, peer.port}).remote;
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
};

TEST_F(Updates, EarlyFromTheCaller) {
  ring();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", with_port(kOffer, "7000", "7200")));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"offer"}));
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_EQ(alice.heard(), (Events{"offer 200"}));
  EXPECT_EQ(caller_media(), at("10.77.1.2:7200"));
  EXPECT_NE(net.last("UPDATE").find("\r\nAllow: INVITE"), std::string::npos);
  EXPECT_NE(net.last("UPDATE").find("\r\nContact: "), std::string::npos);
  bob.leg()->accept({}, {});
  net.settle();
  EXPECT_EQ(caller_media(), at("10.77.1.2:7200"));
  hang_up();
}

TEST_F(Updates, EarlyFromTheCallee) {
  ring();
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", with_port(kAnswer, "8000", "8200")));
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"offer"}));
  EXPECT_EQ(bob.events, (Events{"offer 200"}));
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  // The 200 says nothing; what was agreed on last stays.
  bob.leg()->accept({}, {});
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  hang_up();
}

// The callee has agreed with us (its 183 had its PRACK), but towards a caller without 100rel there
// is no answer before the 200 (RFC 3261 §13.2.1, RFC 6337 §2.2), and we, who would be the callee
// there, may not offer before it (RFC 3311 §5.1). 488: nothing that time or a repetition would mend
// (491, 500), and no user is waited for (504, RFC 3311 §5.2).
TEST_F(Updates, EarlyTowardsACallerThatAgreedToNothingIsRefused) {
  alice.dial(kSwitch, "491", kOffer, false, false);
  net.settle();
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", with_port(kAnswer, "8000", "8200")));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer refused 488");
  EXPECT_EQ(net.count("UPDATE"), 1);  // his; the caller is told of none
  EXPECT_EQ(callee_media(), at("10.77.2.2:8000"));
  bob.leg()->accept({}, {});
  net.settle();
  ASSERT_EQ(alice.events.back(), "200");
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", with_port(kAnswer, "8000", "8200")));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer");
  EXPECT_EQ(bob.events.back(), "offer 200");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  hang_up();
}

// Without an offer it asks for no agreement, and is ours to answer, early as later.
TEST_F(Updates, EarlyWithoutAnOfferTowardsSuchACaller) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491", kOffer, false, false);
  net.settle();
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer,
                  std::string(kAllow) + "Require: 100rel\r\nRSeq: 1\r\n");
  net.settle();
  gateway.request("UPDATE", "b1", 1);
  net.settle();
  EXPECT_EQ(field(gateway.last("SIP/2.0 200"), "CSeq"), "1 UPDATE");
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  gateway.respond(gateway.invite, "200 OK", "b1");
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

TEST_F(Updates, InACallThatIsUp) {
  connect();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", with_port(kOffer, "7000", "7200")));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"offer"}));
  EXPECT_EQ(caller_media(), at("10.77.1.2:7200"));
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", with_port(kAnswer, "8000", "8200")));
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"offer 200", "offer"}));
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  EXPECT_EQ(net.count("UPDATE"), 4);
  hang_up();
}

TEST_F(Updates, ARefusalLeavesAllAsItWas) {
  connect();
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", with_port(kOffer, "7000", "7200")));
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"offer refused 488"}));
  EXPECT_EQ(caller_media(), at("10.77.1.2:7000"));
  hang_up();
}

TEST_F(Updates, WhoDoesNotAllowThemGetsAReinvite) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer,
                  "Require: 100rel\r\nRSeq: 1\r\n");
  net.settle();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 488");  // no re-INVITE in an early dialog
  gateway.respond(gateway.invite, "200 OK", "b1");
  net.settle();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", with_port(kOffer, "7000", "7200")));
  net.settle();
  EXPECT_EQ(gateway.count("UPDATE"), 0);
  ASSERT_EQ(gateway.count("INVITE"), 2);
  gateway.respond(gateway.last("INVITE"), "200 OK", "", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  EXPECT_EQ(caller_media(), at("10.77.1.2:7200"));
  hang_up();
}

TEST_F(Updates, WithoutAnOfferIsAnsweredByUs) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer, kAllow);
  net.settle();
  gateway.request("UPDATE", "b1", 1, "Contact: <sip:moved@10.77.2.2:5070>\r\n");
  net.settle();
  const std::string answer = gateway.last("SIP/2.0 200");
  EXPECT_EQ(field(answer, "CSeq"), "1 UPDATE");
  EXPECT_NE(field(answer, "Contact"), "");
  EXPECT_EQ(field(answer, "Supported"), "100rel, timer");
  EXPECT_EQ(alice.heard(), (Events{"200"}));
  hang_up();
}

TEST_F(Updates, BeforeThereIsAnythingToUpdate) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "180 Ringing", "b1");
  net.settle();
  gateway.request("UPDATE", "b1", 1, {}, kAnswer);  // our INVITE's offer is unanswered
  net.settle();
  EXPECT_EQ(gateway.count("SIP/2.0 491"), 1);
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  hang_up();
}

TEST_F(Updates, ASecondOneMeanwhileWaits) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer, kAllow);
  net.settle();
  alice.on_change = [](InviteSession&) {};  // thinks
  gateway.request("UPDATE", "b1", 1, {}, kAnswer);
  gateway.request("UPDATE", "b1", 2, {}, kAnswer);
  gateway.request("INVITE", "b1", 3, {}, kAnswer);
  net.settle();
  EXPECT_EQ(gateway.count("SIP/2.0 500"), 2);
  EXPECT_NE(field(gateway.last("SIP/2.0 500"), "Retry-After"), "");
  alice.leg()->answer_offer(200, "application/sdp", kOffer);
  net.settle();
  EXPECT_EQ(field(gateway.last("SIP/2.0 200"), "CSeq"), "1 UPDATE");
  gateway.request("UPDATE", "b1", 4, {}, kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer");
  alice.leg()->answer_offer(200, "application/sdp", kOffer);
  net.settle();
  hang_up();
}

TEST_F(Updates, GlareOfAnUpdateAndAReinvite) {
  connect();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", kOffer));
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 491");
  EXPECT_EQ(bob.events.back(), "offer refused 491");
  forget();
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer 200");
  hang_up();
}

TEST_F(Updates, AByeIsNeverToldToWait) {
  connect();
  bob.on_change = [](InviteSession&) {};
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", kOffer));
  net.settle();
  alice.leg()->finish(0);
  net.settle();
  EXPECT_EQ(bob.events.back(), "bye");
  EXPECT_EQ(net.count("SIP/2.0 491"), 0);
  EXPECT_GE(net.count("SIP/2.0 487"), 1);  // what waited has its answer
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NormalClearing");
}

TEST_F(Updates, ByesCrossAnUpdate) {
  connect();
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", kOffer));
  bob.leg()->finish(0);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(records().size(), 1u);
}

TEST_F(Updates, AnUnansweredUpdateEndsTheCall) {
  connect();
  net.lose([](const auto& d) { return d.path.local.address.text() == "10.77.2.2"; });
  ASSERT_TRUE(alice.leg()->update(1, "application/sdp", kOffer));
  net.run(Seconds{40});
  net.lose({});
  if (auto* leg = bob.leg()) leg->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DialogLost");
}

// A caller that makes a second offer in its PRACK (RFC 3262 §5).
class PrackOffers : public Updates {
 protected:
  void dial() {
    caller.towards(kSwitch);
    caller.send("INVITE", kFrom, "<sip:491@10.77.1.1>", "c1", 1,
                std::string("Require: 100rel\r\n") + kAllow, kOffer);
    net.settle();
  }
  void prack(const std::string& body, int cseq = 2, const std::string& headers = {}) {
    const std::string ring = caller.last("SIP/2.0 183");
    caller.send("PRACK", kFrom, field(ring, "To"), "c1", cseq,
                "RAck: " + field(ring, "RSeq") + " 1 INVITE\r\n" + headers, body);
    net.settle();
  }
  void finish_call() {
    bob.leg()->accept({}, {});
    net.settle();
    const std::string answer = caller.last("SIP/2.0 200");
    ASSERT_EQ(field(answer, "CSeq"), "1 INVITE");
    caller.send("ACK", kFrom, field(answer, "To"), "c1", 1);
    net.settle();
    EXPECT_EQ(bob.events.back(), "acked");
    caller.send("BYE", kFrom, field(answer, "To"), "c1", 9);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }

  const std::string kFrom = "<sip:alice@10.77.1.2>;tag=a1";
  RawParty caller{net, "10.77.1.2:5060"};
};

TEST_F(PrackOffers, GoOnAsAnUpdate) {
  dial();
  EXPECT_EQ(caller.count("SIP/2.0 183"), 1);
  EXPECT_EQ(field(caller.last("SIP/2.0 183"), "Require"), "100rel");
  prack(with_port(kOffer, "7000", "7200"));
  EXPECT_EQ(bob.events.back(), "offer");
  const std::string answer = caller.last("SIP/2.0 200");
  EXPECT_EQ(field(answer, "CSeq"), "2 PRACK");
  EXPECT_NE(body_of(answer).find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_EQ(caller_media(), at("10.77.1.2:7200"));
  finish_call();
}

// The other party may offer once the caller's PRACK is here; until then it is told to wait, for
// that comes soon.
TEST_F(PrackOffers, NoUpdateTowardsTheCallerBeforeItsPrack) {
  dial();
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer refused 491");
  EXPECT_EQ(caller.count("UPDATE"), 0);
  prack({});
  ASSERT_TRUE(bob.leg()->update(0, "application/sdp", with_port(kAnswer, "8000", "8200")));
  net.settle();
  ASSERT_EQ(caller.count("UPDATE"), 1);
  caller.respond(caller.last("UPDATE"), "200 OK", "", kOffer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer 200");
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  finish_call();
}

TEST_F(PrackOffers, PassWithTheirHeadersAndSoDoesTheAnswer) {
  bob.on_change = [](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kAnswer, "X-B: 2\r\n");
  };
  dial();
  prack(kOffer, 2, "X-A: 1\r\n");
  EXPECT_EQ(bob.events.back(), "offer");
  EXPECT_NE(bob.last_request.find("\r\nX-A: 1\r\n"), std::string::npos);
  EXPECT_EQ(bob.last_request.find("RAck"), std::string::npos);
  EXPECT_EQ(field(caller.last("SIP/2.0 200"), "CSeq"), "2 PRACK");
  EXPECT_EQ(field(caller.last("SIP/2.0 200"), "X-B"), "2");
  finish_call();
}

TEST_F(PrackOffers, ThatAreRefusedLeaveTheCallAlone) {
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  dial();
  prack(with_port(kOffer, "7000", "7200"));
  EXPECT_EQ(field(caller.last("SIP/2.0 488"), "CSeq"), "2 PRACK");
  EXPECT_EQ(caller_media(), at("10.77.1.2:7000"));
  net.run(Seconds{5});
  EXPECT_EQ(caller.count("SIP/2.0 183"), 1);  // it is acknowledged all the same
  finish_call();
}

TEST_F(PrackOffers, APrackThatMatchesNothing) {
  dial();
  const std::string ring = caller.last("SIP/2.0 183");
  caller.send("PRACK", kFrom, field(ring, "To"), "c1", 2, "RAck: 4711 1 INVITE\r\n");
  net.settle();
  EXPECT_EQ(field(caller.last("SIP/2.0 481"), "CSeq"), "2 PRACK");
  prack({}, 3);
  EXPECT_EQ(field(caller.last("SIP/2.0 200"), "CSeq"), "3 PRACK");
  prack({}, 3);  // repeated: answered by its transaction
  EXPECT_EQ(caller.count("SIP/2.0 200"), 2);
  prack({}, 4);  // again, as a new request: nothing waits for it
  EXPECT_EQ(field(caller.last("SIP/2.0 481"), "CSeq"), "4 PRACK");
  finish_call();
}

TEST_F(PrackOffers, ACallerThatInsistsGetsEachRingReliably) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  dial();
  EXPECT_EQ(field(caller.last("SIP/2.0 180"), "Require"), "100rel");
  EXPECT_EQ(caller.last("SIP/2.0 100").find("RSeq"), std::string::npos);
  bob.leg()->finish(486);
  net.settle();
  EXPECT_EQ(caller.count("SIP/2.0 486"), 1);
  net.run(Seconds{40});
}

TEST_F(PrackOffers, AnUpdateBeforeOurAnswerIsToldToWait) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  dial();
  const std::string ring = caller.last("SIP/2.0 180");
  caller.send("UPDATE", kFrom, field(ring, "To"), "c1", 2, {}, kOffer);
  net.settle();
  EXPECT_NE(field(caller.last("SIP/2.0 500"), "Retry-After"), "");
  bob.leg()->finish(486);
  net.run(Seconds{40});
}

}  // namespace
}  // namespace tandem::test
