// What crosses on the wire: answers, rings, changes, cancels and hang-ups of both parties at any
// moment, over a network that loses some of it. No leg stays half open, each call has one record.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Millis;
using base::Seconds;
using sip::InviteSession;

constexpr const char* kSdp = "application/sdp";

class Races : public SwitchTest {
 protected:
  static constexpr int kCalls = 120;

  bool one_in(std::uint64_t n) { return dice.next() % n == 0; }

  // One thing that a party may do at any moment, sensible or not.
  void act(Phone& phone, const std::string& sdp) {
    InviteSession* leg = phone.leg();
    if (leg == nullptr) return;
    const int fork = leg->fork();
    switch (dice.next() % 8) {
      case 0:
        leg->progress({.status = 183, .reliably = true, .content_type = kSdp, .body = sdp});
        break;
      case 1:
        leg->progress({.status = 180, .reliably = one_in(2)});
        break;
      case 2:
        leg->accept(kSdp, sdp);
        break;
      case 3:
        leg->update(fork, kSdp, sdp);
        break;
      case 4:
        leg->offer(kSdp, sdp);
        break;
      case 5:
        leg->answer_offer(one_in(2) ? 200 : 488, kSdp, sdp);
        break;
      case 6:
        leg->cancel_offer();
        break;
      default:
        if (one_in(3)) leg->finish(480);
    }
  }

  base::SeededRandom dice{29};
};

TEST_F(Races, OfEverythingWithEverything) {
  for (Phone* phone : {&alice, &bob}) {
    phone->on_change = [this, phone](InviteSession& leg) {
      if (one_in(2)) leg.answer_offer(200, kSdp, phone == &alice ? kOffer : kAnswer);
    };
  }
  alice.on_early_offer = [this](InviteSession& call, int fork) {
    if (!one_in(4)) call.prack(fork, kSdp, kOffer);
  };
  bob.on_call = [](InviteSession&) {};
  int answered = 0;
  for (int i = 0; i < kCalls; ++i) {
    const std::uint64_t lost = dice.next() % 4;  // none, or one in 2, 3, 4
    net.lose([this, lost](const auto&) { return lost != 0 && one_in(lost + 1); });
    const bool late = one_in(4);
    alice.events.clear();
    alice.dial(kSwitch, "491", late ? std::string() : kOffer, late, !one_in(4));
    for (int step = 0; step < 24; ++step) {
      net.run(Millis{dice.next() % 800});
      act(one_in(2) ? alice : bob, one_in(2) ? kOffer : kAnswer);
    }
    for (const auto& event : alice.events) answered += event == "200" ? 1 : 0;
    net.lose({});
    for (Phone* phone : {&alice, &bob}) {
      if (auto* leg = phone->leg()) leg->finish(480);
    }
    net.run(Seconds{70});
    ASSERT_EQ(agent.live_sessions(), 0u) << "call " << i;
    ASSERT_EQ(agent.live_transactions(), 0u) << "call " << i;
    ASSERT_EQ(calls.live(), 0u) << "call " << i;
  }
  EXPECT_GT(answered, kCalls / 8);
  expect_nothing_left();
  EXPECT_EQ(records().size(), static_cast<std::size_t>(counters.get(wire::Counter::calls_started)));
}

TEST_F(Races, AReinviteThatIsTakenBack) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  net.settle();
  gateway.request("INVITE", "b1", 1, {}, kAnswer);  // alice thinks
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer");
  gateway.request("CANCEL", "b1", 1);
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer cancelled");
  EXPECT_EQ(gateway.count("SIP/2.0 487"), 0);  // hers is the last word
  alice.leg()->answer_offer(487);
  net.settle();
  EXPECT_EQ(field(gateway.last("SIP/2.0 487"), "CSeq"), "1 INVITE");
  alice.leg()->finish(0);
  expect_nothing_left();
}

// The callee hangs up while our re-INVITE is on its way: it knows the dialog no longer, and says
// so, before its BYE (overtaken, or lost once) is here. It is a call that was hung up, by the
// callee.
TEST_F(Races, AByeThatCrossesOurReinvite) {
  RawParty gateway{net, "10.77.2.2:5060"};
  for (const bool bye_first : {true, false}) {
    for (const auto& wait : {Millis{0}, Millis{600}}) {
      alice.events.clear();
      alice.dial(kSwitch, "491");
      net.settle();
      gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
      net.settle();
      ASSERT_TRUE(alice.leg()->offer(kSdp, kOffer));
      net.settle();
      const std::string change = gateway.last("INVITE");
      ASSERT_NE(change, gateway.invite);
      if (bye_first) gateway.request("BYE", "b1", 1);
      if (bye_first) net.settle();
      gateway.respond(change, "481 Call/Transaction Does Not Exist", "");
      net.run(wait);
      EXPECT_EQ(alice.events.back(), bye_first ? "bye" : "200");
      if (!bye_first) gateway.request("BYE", "b1", 1);
      net.settle();
      EXPECT_EQ(alice.events.back(), "bye");
      EXPECT_EQ(gateway.count("BYE"), 0);  // it needs none of ours
      EXPECT_EQ(calls.live(), 0u);
    }
  }
  expect_nothing_left();
  const auto all = records();
  ASSERT_EQ(all.size(), 4u);
  for (const auto& one : all) {
    EXPECT_EQ(one["end_reason"], "NormalClearing");
    EXPECT_EQ(one["end_direction"], "callee");
  }
}

TEST_F(Races, APartyThatThinksForEverIsAskedNoMore) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  net.settle();
  ASSERT_TRUE(alice.leg()->offer(kSdp, kOffer));
  net.settle();
  gateway.respond(gateway.last("INVITE"), "100 Trying", "");
  net.run(Seconds{59});
  EXPECT_EQ(gateway.count("CANCEL"), 0);
  net.run(Seconds{2});
  ASSERT_GE(gateway.count("CANCEL"), 1);
  gateway.respond(gateway.last("CANCEL"), "200 OK", "");
  gateway.respond(gateway.last("INVITE"), "487 Request Terminated", "");
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 487");
  gateway.request("INVITE", "b1", 1, {}, kAnswer);  // nothing stands in the way of the next
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Races, ARingThatOvertakesItsCancel) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "100 Trying", "");
  alice.leg()->finish(487);
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer,
                  "Require: 100rel\r\nRSeq: 1\r\n");
  net.settle();
  ASSERT_EQ(gateway.count("CANCEL"), 1);
  gateway.respond(gateway.last("CANCEL"), "200 OK", "");
  gateway.respond(gateway.invite, "200 OK", "b1");  // it answers in spite of all
  net.settle();
  EXPECT_EQ(gateway.count("ACK"), 1);
  EXPECT_EQ(gateway.count("BYE"), 1);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
}

}  // namespace
}  // namespace tandem::test
