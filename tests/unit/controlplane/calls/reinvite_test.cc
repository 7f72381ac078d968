// Changes of a session in the middle of a call (RFC 3261 §14): hold, new addresses, late offers,
// glare, refusals; through the switch, and what becomes of the media.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;

std::string moved(std::string sdp, const std::string& from, const std::string& to) {
  for (auto place = sdp.find(from); place != std::string::npos; place = sdp.find(from, place)) {
    sdp.replace(place, from.size(), to);
    place += to.size();
  }
  return sdp;
}

class Reinvites : public SwitchTest {
 protected:
  // A call that is up.
  void connect() {
    alice.dial("10.77.1.1:5060", "491");
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
    for (Phone* phone : {&alice, &bob}) {
      phone->events.clear();
      phone->on_change = [](InviteSession& leg) {
        leg.answer_offer(200, "application/sdp", kAnswer);
      };
    }
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
  wire::OpenFlow& caller_flow() { return flows.begin()->second; }
  wire::OpenFlow& callee_flow() {
    const auto peer = caller_flow().peer;
    return flows.at({peer.address, peer.port});
  }
};

TEST_F(Reinvites, HoldPassesBothWays) {
  connect();
  const std::string hold = kOffer + "a=sendonly\r\n";
  ASSERT_TRUE(alice.leg()->offer("application/sdp", hold));
  net.settle();
  EXPECT_EQ(bob.events, (std::vector<std::string>{"offer", "offer acked"}));
  EXPECT_NE(bob.last_body.find("a=sendonly\r\n"), std::string::npos);
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_EQ(alice.events, (std::vector<std::string>{"offer 200"}));
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  // And the callee resumes, holds, whatever: the same the other way round.
  alice.events.clear();
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(alice.events, (std::vector<std::string>{"offer", "offer acked"}));
  EXPECT_EQ(bob.events.back(), "offer 200");
  hang_up();
}

TEST_F(Reinvites, ANewAddressMovesTheMedia) {
  connect();
  bob.on_change = [](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", moved(kAnswer, "8000", "8400"));
  };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved(kOffer, "10.77.1.2", "10.77.1.7")));
  net.settle();
  EXPECT_EQ(caller_flow().remote, at("10.77.1.7:7000"));
  EXPECT_EQ(callee_flow().remote, at("10.77.2.2:8400"));
  hang_up();
}

TEST_F(Reinvites, ARefusedChangeLeavesAllAsItWas) {
  connect();
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved(kOffer, "10.77.1.2", "10.77.1.7")));
  net.settle();
  EXPECT_EQ(alice.events, (std::vector<std::string>{"offer refused 488"}));
  EXPECT_EQ(caller_flow().remote, at("10.77.1.2:7000"));
  // Nothing stands in the way of the next one.
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  hang_up();
}

TEST_F(Reinvites, LateOffer) {
  connect();
  ASSERT_TRUE(alice.leg()->offer({}, {}));
  net.settle();
  EXPECT_EQ(bob.events, (std::vector<std::string>{"offer"}));  // its 2xx still waits for an ACK
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  alice.leg()->ack_offer("application/sdp", moved(kOffer, "7000", "7200"));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer acked");
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_EQ(caller_flow().remote, at("10.77.1.2:7200"));
  hang_up();
}

TEST_F(Reinvites, Glare) {
  connect();
  for (Phone* phone : {&alice, &bob}) phone->on_change = [](InviteSession&) {};
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  // Both met: whoever came second is told to try again later, and so is the first by the second.
  EXPECT_EQ(alice.events.back(), "offer refused 491");
  EXPECT_EQ(bob.events.back(), "offer refused 491");
  for (Phone* phone : {&alice, &bob}) {
    phone->on_change = [](InviteSession& leg) {
      leg.answer_offer(200, "application/sdp", kAnswer);
    };
  }
  net.run(Seconds{3});
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer 200");
  hang_up();
}

TEST_F(Reinvites, HangUpInTheMiddleOfAChange) {
  connect();
  bob.on_change = [](InviteSession&) {};  // never answers
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.run(Seconds{1});
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
  EXPECT_EQ(record()["end_direction"], "callee");
}

TEST_F(Reinvites, ALostAckAndALost200) {
  connect();
  int lost = 0;
  net.lose([&](const auto& d) {
    const bool chosen = d.bytes.starts_with("ACK") || d.bytes.starts_with("SIP/2.0 200");
    return chosen && lost++ < 3;
  });
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.run(Seconds{10});
  EXPECT_EQ(alice.events, (std::vector<std::string>{"offer 200"}));
  EXPECT_EQ(bob.events, (std::vector<std::string>{"offer", "offer acked"}));
  hang_up();
}

TEST_F(Reinvites, APartyThatLostTheCallEndsIt) {
  connect();
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(481); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.run(Seconds{2});  // his BYE would come within one
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DialogLost");
}

TEST_F(Reinvites, WhatCannotBeRelayedIsRefusedByUs) {
  connect();
  ASSERT_TRUE(alice.leg()->offer("application/sdp", moved(kOffer, "RTP/AVP", "TCP")));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 488");
  EXPECT_TRUE(bob.events.empty());
  hang_up();
}

TEST_F(Reinvites, AFaxComesAndGoes) {
  connect();
  const auto fax = [](const std::string& sdp, const char* port) {
    return moved(moved(sdp, "m=audio 7000 RTP/AVP 0", "m=audio 8000 RTP/AVP 0"),
                 "m=audio 8000 RTP/AVP 0", "m=image " + std::string(port) + " udptl t38");
  };
  alice.on_change = [&](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", fax(kOffer, "7400"));
  };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", fax(kAnswer, "8400")));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer 200");
  EXPECT_NE(alice.last_body.find("m=image "), std::string::npos);
  EXPECT_EQ(caller_flow().kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(caller_flow().remote, at("10.77.1.2:7400"));
  EXPECT_EQ(callee_flow().kind, wire::FlowKind::kOpaque);
  EXPECT_EQ(callee_flow().remote, at("10.77.2.2:8400"));
  // A refused one leaves it at that.
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer refused 488");
  EXPECT_EQ(caller_flow().kind, wire::FlowKind::kOpaque);
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kOffer); };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", kAnswer));
  net.settle();
  EXPECT_EQ(caller_flow().kind, wire::FlowKind::kRtp);
  EXPECT_EQ(caller_flow().remote, at("10.77.1.2:7000"));
  EXPECT_EQ(callee_flow().kind, wire::FlowKind::kRtp);
  EXPECT_EQ(callee_flow().remote, at("10.77.2.2:8000"));
  hang_up();
}

TEST_F(Reinvites, ManyChangesUnderLossLeaveNothing) {
  connect();
  base::SeededRandom dice{11};
  net.lose([&](const auto&) { return dice.next() % 4 == 0; });
  for (int i = 0; i < 40; ++i) {
    Phone& phone = dice.next() % 2 ? alice : bob;
    if (auto* leg = phone.leg()) leg->offer("application/sdp", kOffer);
    net.run(base::Millis{dice.next() % 4000});
  }
  net.lose({});
  net.run(Seconds{40});
  for (Phone* phone : {&alice, &bob}) {
    if (auto* leg = phone->leg()) leg->finish(0);
  }
  expect_nothing_left();
  EXPECT_EQ(records().size(), 1u);
}

}  // namespace
}  // namespace tandem::test
