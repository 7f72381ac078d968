// Reliable provisional responses through the switch (RFC 3262): each leg for itself, descriptions
// in either direction, and what becomes of a call whose PRACKs don't come.
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Millis;
using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

sip::Provisional reliable(int status, const std::string& body = {}) {
  return {.status = status,
          .reliably = true,
          .content_type = body.empty() ? "" : "application/sdp",
          .body = body};
}

class Pracks : public SwitchTest {
 protected:
  Pracks() {
    bob.on_call = [](InviteSession& call) { call.progress(reliable(183, kAnswer)); };
  }
  wire::OpenFlow& caller_flow() { return flows.begin()->second; }
  wire::OpenFlow& callee_flow() {
    const auto peer = caller_flow().peer;
    return flows.at({peer.address, peer.port});
  }
  bool from(const VirtualNet::Datagram& d, std::string_view address) {
    return d.path.local.address.text() == address;
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
};

TEST_F(Pracks, EachLegForItself) {
  alice.dial(kSwitch, "491");
  net.settle();
  EXPECT_EQ(net.count("PRACK"), 2);
  EXPECT_EQ(net.count("SIP/2.0 183"), 2);
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_EQ(callee_flow().remote, at("10.77.2.2:8000"));
  std::vector<std::string> numbers;
  for (const auto& d : net.log()) {
    if (d.bytes.starts_with("SIP/2.0 183")) numbers.push_back(field(d.bytes, "RSeq"));
  }
  EXPECT_NE(numbers[0], numbers[1]);
  bob.leg()->progress(reliable(180));
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"183", "180"}));
  EXPECT_EQ(net.count("PRACK"), 4);
  bob.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "acked");
  hang_up();
}

TEST_F(Pracks, ACallerWithoutThemHearsOrdinaryOnes) {
  alice.dial(kSwitch, "491", kOffer, false, false);
  net.settle();
  EXPECT_EQ(net.count("PRACK"), 1);  // ours, to the callee
  EXPECT_EQ(net.last("SIP/2.0 183").find("RSeq"), std::string::npos);
  bob.leg()->accept({}, {});
  net.settle();
  EXPECT_NE(alice.last_body.find("m=audio"), std::string::npos);
  hang_up();
}

TEST_F(Pracks, ACalleeWithoutThemIsMadeReliableForTheCaller) {
  bob.on_call = [](InviteSession& call) {
    call.progress(180);
    call.progress(183, "application/sdp", kAnswer);
  };
  alice.dial(kSwitch, "491");
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"180", "183"}));
  EXPECT_EQ(net.count("PRACK"), 1);  // of the one with a description
  bob.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "acked");
  hang_up();
}

TEST_F(Pracks, ALateOfferInA18xIsAnsweredByPrack) {
  bob.on_call = [](InviteSession& call) { call.progress(reliable(183, kAnswer)); };
  alice.on_early_offer = [](InviteSession& call, int fork) {
    call.prack(fork, "application/sdp", kOffer);
  };
  alice.dial(kSwitch, "491", "", true);
  net.settle();
  EXPECT_EQ(bob.events.back(), "early answer");
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_EQ(caller_flow().remote, at("10.77.1.2:7000"));
  EXPECT_EQ(callee_flow().remote, at("10.77.2.2:8000"));
  bob.leg()->accept({}, {});
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(bob.events.back(), "acked");
  hang_up();
}

TEST_F(Pracks, OurPrackWaitsForTheCallersAnswer) {
  alice.dial(kSwitch, "491", "", true);
  net.run(Millis{400});
  EXPECT_EQ(net.count("PRACK"), 0);
  bob.leg()->accept({}, {});  // in a hurry: its own 183 isn't acknowledged
  net.run(Millis{50});
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  alice.leg()->prack(1, "application/sdp", kOffer);
  net.run(Seconds{2});
  EXPECT_EQ(alice.heard(), (Events{"183", "200"}));
  EXPECT_EQ(bob.events, (Events{"invite", "early answer", "acked"}));
  hang_up();
}

TEST_F(Pracks, ALateOfferIsNotAskedForWhereTheCallerCouldNotAnswer) {
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(183, kAnswer));
    call.accept("application/sdp", kAnswer);
  };
  alice.dial(kSwitch, "491", "", true, false);
  net.settle();
  EXPECT_EQ(net.last("INVITE").find("100rel"), std::string::npos);
  EXPECT_EQ(net.count("PRACK"), 0);
  alice.leg()->ack("application/sdp", kOffer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "acked");
  hang_up();
}

TEST_F(Pracks, ALateAnswerThatMakesNoSenseEndsTheCall) {
  alice.on_early_offer = [](InviteSession& call, int fork) {
    call.prack(fork, "application/sdp", "nonsense");
  };
  alice.dial(kSwitch, "491", "", true);
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 488");
  EXPECT_EQ(bob.events.back(), "cancelled");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "BadSessionDescription");
}

TEST_F(Pracks, ACallerThatNeverAcknowledgesIsRefused) {
  net.lose([&](const auto& d) { return d.bytes.starts_with("PRACK") && from(d, "10.77.1.2"); });
  alice.dial(kSwitch, "491");
  net.run(Seconds{31});
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  net.run(Seconds{2});
  EXPECT_EQ(alice.heard().back(), "refused 504");
  EXPECT_EQ(bob.events.back(), "cancelled");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "PrackTimeout");
}

TEST_F(Pracks, AnAnswerWhoseRingWasNeverAcknowledgedIsNone) {
  net.lose([&](const auto& d) { return d.bytes.starts_with("PRACK") && from(d, "10.77.1.2"); });
  alice.dial(kSwitch, "491");
  net.settle();
  bob.leg()->accept({}, {});
  net.run(Seconds{31});
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  net.run(Seconds{2});
  EXPECT_EQ(alice.events.back(), "refused 504");
  EXPECT_EQ(bob.events.back(), "bye");
  expect_nothing_left();
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "PrackTimeout");
  EXPECT_EQ(r["sip_code"], 504);
  EXPECT_EQ(r["answer_ms"], 0);
}

TEST_F(Pracks, ACancelOvertakesTheAnswerThatWaits) {
  net.lose([&](const auto& d) { return d.bytes.starts_with("PRACK") && from(d, "10.77.1.2"); });
  alice.dial(kSwitch, "491");
  net.settle();
  bob.leg()->accept({}, {});
  net.settle();
  alice.leg()->finish(487);
  net.settle();
  EXPECT_EQ(bob.events.back(), "bye");
  net.lose({});
  expect_nothing_left();
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "CallerCancelled");
  EXPECT_EQ(r["answer_ms"], 0);
}

TEST_F(Pracks, ACalleeThatNeverAnswersPracksIsLeftToItsOwnMind) {
  RawParty gateway{net, "10.77.2.2:5060"};
  gateway.answers_prack = false;
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer,
                  "Require: 100rel\r\nRSeq: 7\r\n");
  net.run(Seconds{5});
  EXPECT_GT(gateway.count("PRACK"), 2);
  EXPECT_EQ(alice.heard(), (Events{"183"}));
  gateway.respond(gateway.invite, "200 OK", "b1");
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  net.run(Seconds{40});
  hang_up();
}

TEST_F(Pracks, ALateAnswerThatIsRefusedEndsTheCall) {
  RawParty gateway{net, "10.77.2.2:5060"};
  gateway.answers_prack = false;
  alice.on_early_offer = [](InviteSession& call, int fork) {
    call.prack(fork, "application/sdp", kOffer);
  };
  alice.dial(kSwitch, "491", "", true);
  net.settle();
  gateway.respond(gateway.invite, "183 Session Progress", "b1", kAnswer,
                  "Require: 100rel\r\nRSeq: 7\r\n");
  net.settle();
  gateway.respond(gateway.last("PRACK"), "488 Not Acceptable Here", "");
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 488");
  EXPECT_EQ(gateway.count("CANCEL"), 1);
  gateway.respond(gateway.invite, "487 Request Terminated", "b1");
  expect_nothing_left();
}

TEST_F(Pracks, RepeatedAndUnorderedOnesAreNotPassedOn) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  const auto ring = [&](int rseq) {
    gateway.respond(gateway.invite, "180 Ringing", "b1", {},
                    "Require: 100rel\r\nRSeq: " + std::to_string(rseq) + "\r\n");
    net.settle();
  };
  for (const int rseq : {7, 7, 9, 6, 8, 8, 9}) ring(rseq);
  EXPECT_EQ(alice.heard(), (Events{"180", "180", "180"}));
  EXPECT_EQ(gateway.count("PRACK"), 3);
  EXPECT_EQ(field(gateway.last("PRACK"), "RAck"), "9 1 INVITE");
  EXPECT_EQ(field(gateway.last("PRACK"), "CSeq"), "4 PRACK");
  EXPECT_EQ(counters.get(wire::Counter::drop_sip_order), 1u);
  gateway.respond(gateway.invite, "486 Busy Here", "b1");
  expect_nothing_left();
}

TEST_F(Pracks, A18xBehindThe200IsIgnored) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer);
  gateway.respond(gateway.invite, "180 Ringing", "b1", {}, "Require: 100rel\r\nRSeq: 7\r\n");
  net.settle();
  EXPECT_EQ(alice.heard(), (Events{"200"}));
  EXPECT_EQ(gateway.count("PRACK"), 0);
  hang_up();
}

TEST_F(Pracks, HalfOfAllLostAndStillOneEndEach) {
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(183, kAnswer));
    call.progress(reliable(180));
    call.accept("application/sdp", kAnswer);
  };
  base::SeededRandom dice{3};
  net.lose([&](const auto&) { return dice.next() % 2 == 0; });
  int connected = 0;
  constexpr int kCalls = 30;
  for (int i = 0; i < kCalls; ++i) {
    alice.events.clear();
    alice.dial(kSwitch, "491");
    net.run(Seconds{25});
    for (const auto& event : alice.events) connected += event == "200" ? 1 : 0;
    if (auto* leg = alice.leg()) leg->finish(487);
    net.run(Seconds{70});
    if (auto* leg = bob.leg()) leg->finish(480);
    net.run(Seconds{70});
  }
  EXPECT_GT(connected, kCalls / 3);
  net.lose({});
  expect_nothing_left();
  EXPECT_EQ(records().size(), counters.get(wire::Counter::calls_started));
}

}  // namespace
}  // namespace tandem::test
