// Two user agents on a virtual network: every way a leg can begin and end (RFC 3261 §§9, 13, 15,
// 17).
#include "controlplane/sip/invite_session.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/controlplane/phone.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

class Sessions : public ::testing::Test {
 protected:
  // Nothing may be left of any leg once all timers have run out.
  void expect_nothing_left() {
    net.run(Seconds{70});
    EXPECT_EQ(alice.agent().live_sessions(), 0u);
    EXPECT_EQ(bob.agent().live_sessions(), 0u);
    EXPECT_EQ(alice.agent().live_transactions(), 0u);
    EXPECT_EQ(bob.agent().live_transactions(), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }
  void answer(InviteSession& call) {
    call.progress(180);
    call.accept("application/sdp", kAnswer);
  }

  VirtualNet net;
  Phone alice{net, "10.77.1.2:5060"};
  Phone bob{net, "10.77.2.2:5060"};
};

TEST_F(Sessions, AnswerAndByeFromTheCaller) {
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"180", "200"}));
  EXPECT_EQ(alice.last_body, kAnswer);
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
  EXPECT_EQ(bob.last_body, kOffer);
  EXPECT_EQ(alice.leg()->state(), InviteSession::State::kConfirmed);
  EXPECT_EQ(bob.leg()->state(), InviteSession::State::kConfirmed);
  alice.leg()->finish(0);
  net.settle();
  EXPECT_EQ(bob.events.back(), "bye");
  EXPECT_EQ(net.count("BYE"), 1);
  expect_nothing_left();
}

TEST_F(Sessions, ByeFromTheCalleeCarriesItsReason) {
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  bob.leg()->finish(0, "Q.850;cause=16");
  net.settle();
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_NE(net.last("BYE").find("Reason: Q.850;cause=16\r\n"), std::string::npos);
  expect_nothing_left();
}

TEST_F(Sessions, BothHangUpAtOnce) {
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  alice.leg()->finish(0);
  bob.leg()->finish(0);
  net.settle();
  EXPECT_EQ(net.count("BYE"), 2);
  EXPECT_EQ(net.count("SIP/2.0 481"), 0);
  expect_nothing_left();
}

TEST_F(Sessions, RefusalIsAcknowledgedAndPassed) {
  bob.on_call = [&](InviteSession& call) { call.finish(486, "Q.850;cause=17"); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"refused 486"}));
  EXPECT_EQ(net.count("ACK"), 1);
  expect_nothing_left();
}

TEST_F(Sessions, LostRefusalIsRepeatedUntilItsAck) {
  int lost = 0;
  net.lose([&](const auto& d) { return d.bytes.starts_with("SIP/2.0 486") && lost++ < 3; });
  bob.on_call = [&](InviteSession& call) { call.finish(486); };
  alice.dial("10.77.2.2:5060", "100");
  net.run(Seconds{10});
  EXPECT_EQ(alice.events, (Events{"refused 486"}));
  // The INVITE was repeated too (no provisional came), and each time the 486 with it.
  EXPECT_GE(net.count("SIP/2.0 486"), 4);
  expect_nothing_left();
}

TEST_F(Sessions, InviteGapsFollowTheListAndEndWithIt) {
  net.lose([](const auto& d) { return d.bytes.starts_with("INVITE"); });
  alice.dial("10.77.2.2:5060", "100");
  net.run(base::Millis{480});
  EXPECT_EQ(net.count("INVITE"), 1);
  net.run(base::Millis{40});
  EXPECT_EQ(net.count("INVITE"), 2);
  net.run(Seconds{1});
  EXPECT_EQ(net.count("INVITE"), 3);
  net.run(Seconds{60});
  EXPECT_EQ(net.count("INVITE"), 7);                 // the first, and one for each of the six gaps
  EXPECT_EQ(alice.events, (Events{"refused 408"}));  // timer B
  expect_nothing_left();
}

TEST_F(Sessions, RepeatedInviteIsOneCall) {
  bool lost = false;
  net.lose([&](const auto& d) {
    return d.bytes.starts_with("SIP/2.0 180") && !std::exchange(lost, true);
  });
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.2.2:5060", "100");
  net.run(Seconds{1});
  EXPECT_EQ(net.count("INVITE"), 2);
  EXPECT_EQ(bob.events, (Events{"invite"}));
  EXPECT_EQ(alice.events, (Events{"180"}));
  EXPECT_EQ(bob.count(wire::Counter::sip_absorbed), 1u);
  alice.leg()->finish(487);
  expect_nothing_left();
}

TEST_F(Sessions, LostAckBringsThe200AgainAndTheAckAgain) {
  int lost = 0;
  net.lose([&](const auto& d) { return d.bytes.starts_with("ACK") && lost++ < 2; });
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.run(Seconds{5});
  EXPECT_EQ(net.count("ACK"), 3);
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
  EXPECT_EQ(alice.events, (Events{"180", "200"}));
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Sessions, NeverAcknowledged200EndsWithBye) {
  net.lose([](const auto& d) { return d.bytes.starts_with("ACK"); });
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.run(Seconds{31});
  EXPECT_EQ(net.count("BYE"), 0);
  net.run(base::Millis{1100});  // 64 T1
  EXPECT_EQ(bob.events, (Events{"invite", "lost"}));
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
}

TEST_F(Sessions, HangUpBeforeTheAckWaitsForIt) {
  bool held = true;
  net.lose([&](const auto& d) { return held && d.bytes.starts_with("ACK"); });
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  bob.leg()->finish(0);
  net.settle();
  EXPECT_EQ(net.count("BYE"), 0);  // §15: not before the ACK
  held = false;
  net.run(Seconds{1});
  EXPECT_EQ(net.count("BYE"), 1);
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
}

TEST_F(Sessions, CancelWhileRinging) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  alice.leg()->finish(487);
  net.settle();
  EXPECT_EQ(bob.events, (Events{"invite", "cancelled"}));
  EXPECT_EQ(net.count("CANCEL"), 1);
  EXPECT_EQ(net.count("SIP/2.0 487"), 1);
  expect_nothing_left();
}

TEST_F(Sessions, CancelWaitsForTheFirstProvisional) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  alice.leg()->finish(487);
  net.settle();
  EXPECT_EQ(net.count("CANCEL"), 0);  // §9.1
  bob.leg()->progress(180);
  net.settle();
  EXPECT_EQ(net.count("CANCEL"), 1);
  EXPECT_EQ(bob.events.back(), "cancelled");
  expect_nothing_left();
}

TEST_F(Sessions, LateAnswerAfterGivingUpIsHungUp) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  alice.leg()->finish(408);  // nothing came: given up
  net.run(Seconds{3});
  bob.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(bob.events, (Events{"invite", "acked", "bye"}));
  expect_nothing_left();
}

TEST_F(Sessions, CancelCrossesThe200) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  bob.leg()->accept("application/sdp", kAnswer);  // in flight …
  alice.leg()->finish(487);                       // … as the CANCEL leaves
  net.settle();
  EXPECT_EQ(bob.events, (Events{"invite", "acked", "bye"}));
  expect_nothing_left();
}

TEST_F(Sessions, CancelledButNeverFinishedIsForgotten) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  net.lose([](const auto& d) { return d.bytes.starts_with("CANCEL"); });
  alice.leg()->finish(487);
  net.run(Seconds{40});
  EXPECT_EQ(alice.agent().live_sessions(), 0u);
  bob.leg()->finish(480);
  expect_nothing_left();
}

TEST_F(Sessions, HeldAckCarriesTheAnswer) {
  bob.on_call = [](InviteSession& call) { call.accept("application/sdp", kAnswer); };
  alice.dial("10.77.2.2:5060", "100", "", true);
  net.settle();
  EXPECT_EQ(alice.leg()->state(), InviteSession::State::kAnswered);
  EXPECT_EQ(net.count("ACK"), 0);
  alice.leg()->ack("application/sdp", kOffer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(bob.last_body, kOffer);
  alice.leg()->finish(0);
  expect_nothing_left();
}

// §14.1: whose offers collide wait in ranges that don't meet, in steps of 10 ms: 2.1 to 4 s for the
// owner of the Call-ID, 0 to 2 s for the other one. All that may be drawn is drawn.
TEST_F(Sessions, GlarePauses) {
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  struct Range {
    InviteSession* leg;
    base::Millis least, most;
  };
  for (const auto& [leg, least, most] : {Range{alice.leg(), base::Millis{2100}, base::Millis{4000}},
                                         Range{bob.leg(), base::Millis{0}, base::Millis{2000}}}) {
    std::set<Nanos> drawn;
    for (int i = 0; i < 20'000; ++i) drawn.insert(leg->glare_pause());
    EXPECT_EQ(*drawn.begin(), least);
    EXPECT_EQ(*drawn.rbegin(), most);
    EXPECT_EQ(drawn.size(), static_cast<std::size_t>((most - least) / base::Millis{10} + 1));
    for (const Nanos pause : drawn) EXPECT_EQ(pause % base::Millis{10}, Nanos{0});
  }
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Sessions, ByeWithoutAnswerIsGivenUp) {
  bob.on_call = [&](InviteSession& call) { answer(call); };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  net.lose([](const auto& d) { return d.bytes.starts_with("BYE"); });
  alice.leg()->finish(0);
  net.run(Seconds{40});
  EXPECT_EQ(alice.agent().live_sessions(), 0u);  // timer F
  bob.leg()->finish(0);
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
