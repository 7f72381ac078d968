// INVITE with Replaces (RFC 3891): somebody comes and takes a party's place.
#include "tests/unit/controlplane/calls/transfer_fixture.h"

namespace tandem::test {
namespace {

// dave is alice's colleague: her gateway has his address too.
class Replacements : public Transfers {
 protected:
  void take_place_of(Phone& party, sip::SessionId id, const std::string& offer = kDaves) {
    take_place(dave, replaces(party, id), offer);
  }
  void take_place(Phone& by, const std::string& dialog, const std::string& offer = kDaves) {
    by.own_headers = "Require: replaces\r\nReplaces: " + dialog + "\r\n";
    by.dial(&by == &bob ? "10.77.2.1:5060" : "10.77.1.1:5060", "391", offer);
    net.run(Seconds{1});
  }

  static inline const std::string kDaves =
      "v=0\r\no=dave 7 7 IN IP4 10.77.1.3\r\ns=-\r\nc=IN IP4 10.77.1.3\r\nt=0 0\r\n"
      "m=audio 7700 RTP/AVP 0\r\n";
  Phone dave{net, "10.77.1.3:5060"};
};

TEST_F(Replacements, TakeTheCallersPlace) {
  connect();
  take_place_of(alice, alice.session);
  EXPECT_EQ(dave.heard(), (Events{"200"}));
  EXPECT_TRUE(has(dave.last_body, "c=IN IP4 10.77.1.1\r\n"));
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(bob.events, (Events{"offer", "offer acked"}));
  EXPECT_EQ(session_of(asked[&bob][0]), session_of(kOffer));
  EXPECT_EQ(version_of(asked[&bob][0]), version_of(kOffer) + 1);
  bool together = false;
  for (const auto& [key, flow] : flows) {
    const auto& peer = flows.at({flow.peer.address, flow.peer.port});
    const bool here = flow.remote == at("10.77.1.3:7700") && peer.remote == at("10.77.2.2:8000");
    together = together || here;
  }
  EXPECT_TRUE(together);
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(dave.events.back(), "bye");
  expect_all_over();
  const auto host = record_with("routing_gateway", "bcorp");
  const auto came = record_with("routing_gateway", "");
  EXPECT_EQ(came["transferred_to"], host["call"]);
  EXPECT_EQ(came["sip_code"], 200);
  EXPECT_GT(came["hold_ms"], 0);
  EXPECT_EQ(came["end_direction"], "callee");
}

TEST_F(Replacements, AreRefusedWhereTheyMakeNoSense) {
  connect();
  take_place(dave, "nobody;to-tag=a;from-tag=b");
  EXPECT_EQ(dave.heard().back(), "refused 481");
  take_place(dave, "nobody;to-tag=a");
  EXPECT_EQ(dave.heard().back(), "refused 400");
  take_place(dave, replaces(alice, alice.session) + ";early-only");
  EXPECT_EQ(dave.heard().back(), "refused 486");
  take_place(dave, replaces(alice, alice.session), "");
  EXPECT_EQ(dave.heard().back(), "refused 488");
  // Another customer's party is nobody else's to replace.
  take_place(bob, replaces(alice, alice.session));
  EXPECT_EQ(bob.heard().back(), "refused 403");
  bob.session = first;
  // Who stays doesn't want to.
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  take_place_of(alice, alice.session);
  EXPECT_EQ(dave.heard().back(), "refused 488");
  // alice never noticed.
  EXPECT_TRUE(alice.events.empty());
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  alice.leg()->finish(0);
  expect_all_over();
  for (const auto& each : records()) {
    const bool refused = each["routing_gateway"] == "";
    EXPECT_EQ(each["answer_ms"] == 0, refused);
  }
}

TEST_F(Replacements, AreGivenUpByTheirCaller) {
  connect();
  bob.on_change = [](InviteSession&) {};
  take_place_of(alice, alice.session);
  dave.leg()->finish(0);
  net.run(Seconds{1});
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  bob.leg()->answer_offer(200, "application/sdp", kAnswer);
  net.run(Seconds{5});
  EXPECT_TRUE(alice.events.empty());
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_all_over();
}

TEST_F(Replacements, OfADialogThatIsStillEarly) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial("10.77.1.1:5060", "491");
  net.run(Seconds{1});
  take_place_of(alice, alice.session);
  EXPECT_EQ(dave.heard().back(), "refused 481");
  alice.leg()->finish(0);
  expect_all_over();
}

// Whatever gets lost, nobody stays half in a call, and each call leaves its record.
TEST_F(Replacements, AndTransfersOverABadNetwork) {
  base::SeededRandom dice{7};
  for (int round = 0; round < 12; ++round) {
    net.lose({});
    connect();
    if (HasFatalFailure()) return;
    net.lose([&](const VirtualNet::Datagram&) { return dice.next() % 100 < 40; });
    switch (round % 3) {
      case 0:
        bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n");
        break;
      case 1:
        alice.ask("REFER", "Refer-To: <sip:391@10.77.1.1>\r\n");
        break;
      default:
        take_place_of(alice, alice.session);
        break;
    }
    net.run(Seconds{40});
    for (Phone* phone : {&alice, &bob, &carol, &dave}) {
      if (phone->leg() != nullptr) phone->leg()->finish(0);
    }
    net.run(Seconds{200});
    EXPECT_EQ(calls.live(), 0u) << round;
    EXPECT_EQ(agent.live_sessions(), 0u) << round;
    EXPECT_EQ(datapath.live_flows(), 0u) << round;
  }
  net.lose({});
  expect_all_over();
  for (const auto& each : records()) EXPECT_NE(each["end_reason"], "");
}

class SilentRefers : public SwitchTest {};

// Policy: what isn't followed isn't taken.
TEST_F(SilentRefers, ReplacesIsNoExtensionOfOurs) {
  alice.own_headers = "Require: replaces\r\nReplaces: a;to-tag=b;from-tag=c\r\n";
  alice.dial("10.77.1.1:5060", "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard().back(), "refused 420");
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
