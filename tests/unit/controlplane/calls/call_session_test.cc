// Session timers of a call (RFC 4028): each leg's is its own, and a leg that falls silent ends the
// call.
#include "tests/unit/controlplane/calls/transfer_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

constexpr sip::SessionTimerSettings kTimed{.ttl = Seconds{90}};

class CallSessions : public SwitchTest {
 protected:
  CallSessions()
      : SwitchTest(make_site(
            {{"SS_SIP_SESSION_TTL", "90"}, {"SS_SIP_NO_TIMER_REINVITE_INTERVAL", "60"}})) {
    for (Phone* phone : {&alice, &bob}) {
      phone->on_change = [phone](InviteSession& leg) {
        leg.answer_offer(200, "application/sdp", phone->own_sdp);
      };
    }
    alice.own_sdp = kOffer;
    bob.own_sdp = kAnswer;
  }
  void connect() {
    alice.dial(kSwitch, "491");
    net.settle();
    ASSERT_EQ(bob.events.back(), "acked");
    told_alice = alice.last_body;
    told_bob = bob.last_body;
    alice.events.clear();
    bob.events.clear();
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
  // Nothing more from there or to there.
  void silence(const std::string& address) {
    net.lose([address](const VirtualNet::Datagram& d) {
      return d.path.remote.address.text() == address || d.path.local.address.text() == address;
    });
  }
  // Requests that went there, repetitions included.
  int sent_to(const std::string& address, const std::string& start) const {
    int sum = 0;
    for (const auto& d : net.log()) {
      sum += d.path.remote.address.text() == address && d.bytes.starts_with(start) ? 1 : 0;
    }
    return sum;
  }

  std::string told_alice;
  std::string told_bob;
};

TEST_F(CallSessions, EachLegIsRefreshedForItself) {
  alice.keep_sessions(kTimed);
  bob.keep_sessions(kTimed, false);
  connect();
  EXPECT_EQ(field(net.last("INVITE"), "Session-Expires"), "90;refresher=uac");
  net.run(Seconds{47});
  // The callee's is ours to refresh, with what it knows already; the caller refreshes its own.
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(bob.last_body, told_bob);
  EXPECT_EQ(sent_to("10.77.1.1", "UPDATE"), 1);
  EXPECT_EQ(counters.get(wire::Counter::session_refreshes), 1u);
  net.run(Seconds{400});
  EXPECT_EQ(sent_to("10.77.1.1", "UPDATE"), 9);
  EXPECT_EQ(counters.get(wire::Counter::session_refreshes), 9u);
  EXPECT_EQ(sent_to("10.77.1.2", "INVITE"), 0);
  EXPECT_TRUE(alice.events.empty());
  hang_up();
}

TEST_F(CallSessions, ASilentCalleeEndsTheCall) {
  alice.keep_sessions(kTimed);
  bob.keep_sessions(kTimed);
  connect();
  silence("10.77.2.2");
  net.run(Seconds{89});
  EXPECT_TRUE(alice.events.empty());
  net.run(Seconds{2});
  EXPECT_EQ(alice.events, (Events{"bye"}));
  EXPECT_NE(alice.last_request.find("a party has not confirmed the session in time"),
            std::string::npos);
  EXPECT_GE(sent_to("10.77.2.2", "BYE"), 1);
  EXPECT_EQ(counters.get(wire::Counter::sessions_expired), 1u);
  net.run(Seconds{70});
  const auto call = record();
  EXPECT_EQ(call["end_reason"], "SessionTimeout");
  EXPECT_EQ(call["end_direction"], "switch");
  EXPECT_EQ(call["sip_code"], 200);
}

TEST_F(CallSessions, ASilentCallerEndsTheCall) {
  alice.keep_sessions(kTimed);
  bob.keep_sessions(kTimed);
  connect();
  silence("10.77.1.2");
  net.run(Seconds{59});
  EXPECT_TRUE(bob.events.empty());
  net.run(Seconds{2});  // it was to refresh, and 30 s before the end we don't believe it will
  EXPECT_EQ(bob.events, (Events{"bye"}));
  EXPECT_GE(sent_to("10.77.1.2", "BYE"), 1);
  net.run(Seconds{70});
  EXPECT_EQ(record()["end_reason"], "SessionTimeout");
}

TEST_F(CallSessions, OnePartyWithoutATimerLimitsTheCall) {
  bob.keep_sessions(kTimed);
  connect();
  net.run(Seconds{59});
  EXPECT_TRUE(bob.events.empty());
  net.run(Seconds{2});
  EXPECT_EQ(bob.events, (Events{"bye"}));
  EXPECT_EQ(alice.events, (Events{"bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MaximumDuration");
}

TEST_F(CallSessions, TooShortAnIntervalIsNoCallYet) {
  RawParty caller{net, "10.77.1.2:5060"};
  caller.towards(kSwitch);
  const std::string timer = "Supported: timer\r\nSession-Expires: 30\r\n";
  caller.send("INVITE", "<sip:a@10.77.1.2>;tag=a", "<sip:491@10.77.1.1>", "short", 1, timer,
              kOffer);
  net.settle();
  EXPECT_EQ(field(caller.last("SIP/2.0 422"), "Min-SE"), "90");
  EXPECT_EQ(counters.get(wire::Counter::session_intervals_refused), 1u);
  EXPECT_EQ(counters.get(wire::Counter::calls_started), 0u);
  EXPECT_TRUE(bob.events.empty());
  const std::string longer = "Supported: timer\r\nSession-Expires: 90\r\nMin-SE: 90\r\n";
  caller.send("INVITE", "<sip:a@10.77.1.2>;tag=a", "<sip:491@10.77.1.1>", "short", 2, longer,
              kOffer);
  net.settle();
  const std::string answer = caller.last("SIP/2.0 200");
  EXPECT_EQ(field(answer, "Session-Expires"), "90;refresher=uas");
  EXPECT_EQ(field(answer, "Require"), "timer");
  caller.send("ACK", "<sip:a@10.77.1.2>;tag=a", field(answer, "To"), "short", 2);
  net.run(Seconds{46});
  // Without an Allow of its own we can't know that it takes UPDATE.
  EXPECT_EQ(field(caller.last("INVITE"), "CSeq"), "1 INVITE");
  EXPECT_EQ(body_of(caller.last("INVITE")), body_of(answer));
  bob.leg()->finish(0);
  net.run(Seconds{70});
  EXPECT_EQ(record()["end_reason"], "NormalClearing");
}

TEST_F(CallSessions, AReInviteThatChangesNothingEndsHereAndAChangePasses) {
  alice.keep_sessions(kTimed);
  bob.keep_sessions(kTimed);
  connect();
  net.run(Seconds{20});
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_TRUE(bob.events.empty());
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  EXPECT_EQ(alice.last_body, told_alice);
  EXPECT_EQ(field(net.last("SIP/2.0 200"), "Session-Expires"), "90;refresher=uac");
  alice.events.clear();
  std::string moved = kOffer;
  moved.replace(moved.find("7000"), 4, "7200");
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(alice.events, (Events{"offer 200"}));
  EXPECT_EQ(field(net.last("INVITE"), "Session-Expires"), "90;refresher=uac");
  // Both legs have been confirmed 20 s after they began, so a refresh is due 45 s after that.
  const int before = sent_to("10.77.2.2", "UPDATE");
  net.run(Seconds{44});
  EXPECT_EQ(sent_to("10.77.2.2", "UPDATE"), before);
  net.run(Seconds{2});
  EXPECT_EQ(sent_to("10.77.2.2", "UPDATE"), before + 1);
  hang_up();
}

// Without a timer nobody refreshes, and whoever says the same again may have a reason.
TEST_F(CallSessions, WithoutATimerTheSameOfferPasses) {
  connect();
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  hang_up();
}

TEST_F(CallSessions, MediaFollowWhoMovesInItsAnswer) {
  alice.keep_sessions(kTimed);
  bob.keep_sessions(kTimed, false);
  connect();
  bob.own_sdp.replace(bob.own_sdp.find("8000"), 4, "8200");
  net.run(Seconds{46});
  const auto peer = flows.begin()->second.peer;
  EXPECT_EQ(flows.at({peer.address, peer.port}).remote, at("10.77.2.2:8200"));
  hang_up();
}

class GatewaySessions : public CallSessions {
 protected:
  void connect_gateway(const std::string& lines) {
    alice.keep_sessions(kTimed);
    alice.dial(kSwitch, "491");
    net.settle();
    gateway.respond(gateway.invite, "200 OK", "g", kAnswer, lines);
    net.settle();
    ASSERT_EQ(alice.heard(), (Events{"200"}));
    alice.events.clear();
  }
  RawParty gateway{net, "10.77.2.2:5060"};
};

constexpr const char* kUpdates = "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";

TEST_F(GatewaySessions, AGatewayThatKnowsTheCallNoLongerEndsIt) {
  connect_gateway(kUpdates);
  net.run(Seconds{46});
  ASSERT_GE(gateway.count("UPDATE"), 1);
  gateway.respond(gateway.last("UPDATE"), "481 Call/Transaction Does Not Exist", {});
  net.run(Seconds{2});
  EXPECT_EQ(alice.events, (Events{"bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DialogLost");
}

TEST_F(GatewaySessions, A408ToARefreshEndsItAtOnce) {
  connect_gateway(kUpdates);
  net.run(Seconds{46});
  gateway.respond(gateway.last("UPDATE"), "408 Request Timeout", {});
  net.settle();
  EXPECT_EQ(alice.events, (Events{"bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DialogLost");
}

// Its BYE crosses our refresh: then it has hung up, and the call wasn't lost.
TEST_F(GatewaySessions, AByeThatItsRefusalOvertakesIsAHangUp) {
  connect_gateway(kUpdates);
  net.run(Seconds{46});
  gateway.respond(gateway.last("UPDATE"), "481 Call/Transaction Does Not Exist", {});
  gateway.request_uri = field(gateway.invite, "Contact");
  gateway.request_uri = gateway.request_uri.substr(1, gateway.request_uri.size() - 2);
  gateway.request("BYE", "g", 1);
  net.settle();
  EXPECT_EQ(alice.events, (Events{"bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_direction"], "callee");
}

TEST_F(GatewaySessions, AGatewaysLongerIntervalIsTakenInTheSameCall) {
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "422 Session Interval Too Small", "g", {}, "Min-SE: 200\r\n");
  net.settle();
  const std::string again = gateway.invite;
  EXPECT_EQ(field(again, "CSeq"), "2 INVITE");
  EXPECT_EQ(field(again, "Session-Expires"), "200;refresher=uac");
  gateway.respond(again, "200 OK", "g", kAnswer, "Session-Expires: 200;refresher=uac\r\n");
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"200"}));
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto call = record();
  EXPECT_EQ(call["end_reason"], "NormalClearing");
  EXPECT_TRUE(call["given_up"].empty());
  EXPECT_EQ(call["callee_call_id"], field(again, "Call-ID"));
}

TEST_F(GatewaySessions, AGatewaysLongerIntervalForAChangeIsTakenNextTime) {
  connect_gateway(kUpdates);
  std::string moved = kOffer;
  moved.replace(moved.find("7000"), 4, "7200");
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved));
  net.settle();
  gateway.respond(gateway.last("INVITE"), "422 Session Interval Too Small", {}, {},
                  "Min-SE: 150\r\n");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"offer refused 491"}));
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved));
  net.settle();
  EXPECT_EQ(field(gateway.last("INVITE"), "Session-Expires"), "150;refresher=uac");
  gateway.respond(gateway.last("INVITE"), "200 OK", {}, kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  hang_up();
}

// --- with another party ------------------------------------------------------------------------

// Who was called by one party and talks to another one now is told the same as last time.
TEST_F(Transfers, ARefreshAfterATransferChangesNothing) {
  carol.keep_sessions(kTimed, false);
  connect();
  consult();
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  ASSERT_EQ(asked[&carol].size(), 1u);
  net.run(Seconds{46});
  ASSERT_EQ(asked[&carol].size(), 2u);
  EXPECT_EQ(asked[&carol][1], asked[&carol][0]);
  net.run(Seconds{200});
  EXPECT_EQ(asked[&carol].size(), 6u);
  expect_alice_talks_to_carol();
  carol.leg()->finish(0);
  expect_all_over();
}

// A leg that falls silent ends what its party has come to, and both records say why.
TEST_F(Transfers, ASilentPartyEndsBothCalls) {
  carol.keep_sessions(kTimed, false);
  connect();
  consult();
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  net.lose([](const VirtualNet::Datagram& d) {
    return d.path.local.address == at("10.77.2.5").address;
  });
  net.run(Seconds{92});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(record_with("mapping_gateway", "acme")["end_reason"], "SessionTimeout");
  EXPECT_EQ(record_with("mapping_gateway", "bmap")["end_reason"], "SessionTimeout");
}

}  // namespace
}  // namespace tandem::test
