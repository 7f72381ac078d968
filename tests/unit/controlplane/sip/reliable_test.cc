// Reliable provisional responses between two user agents (RFC 3262): PRACK, its loss, its absence,
// what waits for it, and the answers that it carries.
#include "controlplane/sip/reliable.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/phone.h"
#include "tests/unit/controlplane/raw_party.h"
#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::test {
namespace {

using base::Millis;
using base::Seconds;
using sip::InviteSession;
using sip::Provisional;
using Events = std::vector<std::string>;

Provisional reliable(int status, const std::string& body = {}) {
  return {.status = status,
          .reliably = true,
          .content_type = body.empty() ? "" : "application/sdp",
          .body = body};
}

class Reliable : public ::testing::Test {
 protected:
  // Rings with a description and waits.
  void ring() {
    bob.on_call = [](InviteSession& call) { call.progress(reliable(183, kAnswer)); };
    alice.dial("10.77.2.2:5060", "100");
  }
  void expect_nothing_left() {
    net.run(Seconds{70});
    EXPECT_EQ(alice.agent().live_sessions(), 0u);
    EXPECT_EQ(bob.agent().live_sessions(), 0u);
    EXPECT_EQ(alice.agent().live_transactions(), 0u);
    EXPECT_EQ(bob.agent().live_transactions(), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }
  VirtualNet net;
  Phone alice{net, "10.77.1.2:5060"};
  Phone bob{net, "10.77.2.2:5060"};
};

TEST_F(Reliable, ReadsRAck) {
  const sip::Parsed good(sip::invite_with("RAck:  776656   1  INVITE "));
  const auto rack = sip::read_rack(good.message);
  ASSERT_TRUE(rack.has_value());
  EXPECT_EQ(rack->rseq, 776656u);
  EXPECT_EQ(rack->cseq, 1u);
  EXPECT_EQ(rack->method, sip::Method::kInvite);
  for (const auto* bad : {"RAck: 1 INVITE", "RAck: x 1 INVITE", "RAck: 4294967296 1 INVITE", ""}) {
    const sip::Parsed message(sip::invite_with(bad));
    const auto read = sip::read_rack(message.message);
    EXPECT_FALSE(read && read->method == sip::Method::kInvite) << bad;
  }
}

TEST_F(Reliable, An18xIsAcknowledgedInItsEarlyDialog) {
  ring();
  net.settle();
  EXPECT_NE(net.last("INVITE").find("\r\nSupported: 100rel\r\n"), std::string::npos);
  const std::string progress = net.last("SIP/2.0 183");
  const std::string prack = net.last("PRACK");
  EXPECT_EQ(field(progress, "Require"), "100rel");
  EXPECT_EQ(field(prack, "RAck"), field(progress, "RSeq") + " 1 INVITE");
  EXPECT_EQ(field(prack, "CSeq"), "2 PRACK");
  EXPECT_EQ(field(prack, "To"), field(progress, "To"));
  EXPECT_EQ(alice.events, (Events{"183"}));
  EXPECT_EQ(alice.leg()->agreement(1), sip::Agreement::kSettled);
  bob.leg()->accept("application/sdp", kAnswer);
  net.settle();
  // What the 183 settled isn't said again.
  EXPECT_EQ(field(net.last("SIP/2.0 200"), "Content-Length"), "0");
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
  net.run(Seconds{40});
  EXPECT_EQ(net.count("SIP/2.0 183"), 1);
  EXPECT_EQ(net.count("PRACK"), 1);
  alice.leg()->finish(0);
  net.settle();
  EXPECT_EQ(field(net.last("BYE"), "CSeq"), "3 BYE");
  expect_nothing_left();
}

TEST_F(Reliable, EachNextOneWaitsForThePrackBefore) {
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(183, kAnswer));
    call.progress(180);  // not reliable, but behind one that is
    call.progress(reliable(182));
  };
  bool held = true;
  net.lose([&](const auto& d) { return held && d.bytes.starts_with("PRACK"); });
  alice.dial("10.77.2.2:5060", "100");
  net.run(Millis{300});
  EXPECT_EQ(alice.events, (Events{"183"}));
  EXPECT_EQ(net.count("SIP/2.0 180"), 0);
  held = false;
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"183", "180", "182"}));
  EXPECT_EQ(std::stoul(field(net.last("SIP/2.0 182"), "RSeq")),
            std::stoul(field(net.last("SIP/2.0 183"), "RSeq")) + 1);
  alice.leg()->finish(487);
  expect_nothing_left();
}

TEST_F(Reliable, RepeatedWithDoublingGapsAndPassedUpOnce) {
  net.lose([](const auto& d) { return d.bytes.starts_with("PRACK"); });
  ring();
  net.run(Millis{450});
  EXPECT_EQ(net.count("SIP/2.0 183"), 1);
  net.run(Millis{100});
  EXPECT_EQ(net.count("SIP/2.0 183"), 2);
  net.run(Seconds{1});
  EXPECT_EQ(net.count("SIP/2.0 183"), 3);
  net.run(Seconds{14});
  EXPECT_EQ(net.count("SIP/2.0 183"), 6);  // 0.5, 1.5, 3.5, 7.5, 15.5 s
  EXPECT_EQ(alice.events, (Events{"183"}));
  net.lose({});
  alice.leg()->finish(487);
  expect_nothing_left();
}

TEST_F(Reliable, WithoutPrackTheInviteIsRefused) {
  net.lose([](const auto& d) { return d.bytes.starts_with("PRACK"); });
  ring();
  net.run(Seconds{31});
  EXPECT_EQ(bob.events, (Events{"invite"}));
  net.run(Seconds{2});
  EXPECT_EQ(bob.events.back(), "prack missing");
  EXPECT_EQ(alice.events.back(), "refused 504");
  expect_nothing_left();
}

TEST_F(Reliable, TheAnswerWaitsForThePrackOfADescription) {
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(183, kAnswer));
    call.accept("application/sdp", kAnswer);
  };
  bool held = true;
  net.lose([&](const auto& d) { return held && d.bytes.starts_with("PRACK"); });
  alice.dial("10.77.2.2:5060", "100");
  net.run(Millis{400});
  EXPECT_EQ(net.count("SIP/2.0 200"), 0);
  held = false;
  net.run(Millis{700});
  EXPECT_EQ(alice.events, (Events{"183", "200"}));
  EXPECT_EQ(bob.events, (Events{"invite", "acked"}));
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Reliable, TheAnswerDoesNotWaitForARingWithoutDescription) {
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(180));
    call.accept("application/sdp", kAnswer);
  };
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"180", "200"}));
  // The PRACK that crossed the 200 is answered all the same (§3).
  EXPECT_EQ(net.count("SIP/2.0 481"), 0);
  EXPECT_EQ(alice.last_body, kAnswer);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Reliable, RefusalsAndCancelsDoNotWait) {
  net.lose([](const auto& d) { return d.bytes.starts_with("PRACK"); });
  ring();
  net.settle();
  bob.leg()->finish(486);
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 486");
  ring();
  net.settle();
  bob.leg()->accept("application/sdp", kAnswer);  // waits …
  alice.leg()->finish(487);                       // … and is overtaken
  net.settle();
  EXPECT_EQ(bob.events.back(), "cancelled");
  EXPECT_EQ(net.count("SIP/2.0 200 OK\r\n"), 1);  // to the CANCEL
  net.lose({});
  expect_nothing_left();
}

TEST_F(Reliable, OnlyWhereTheCallerUnderstandsIt) {
  bob.on_call = [](InviteSession& call) { call.progress(reliable(183, kAnswer)); };
  alice.dial("10.77.2.2:5060", "100", kOffer, false, false);
  net.settle();
  EXPECT_EQ(net.last("INVITE").find("100rel"), std::string::npos);
  EXPECT_EQ(net.last("SIP/2.0 183").find("RSeq"), std::string::npos);
  EXPECT_EQ(net.count("PRACK"), 0);
  EXPECT_EQ(alice.leg()->agreement(1), sip::Agreement::kOurs);  // a preview, no answer
  alice.leg()->finish(487);
  expect_nothing_left();
}

TEST_F(Reliable, ALateOfferIsAnsweredByPrack) {
  bob.on_call = [](InviteSession& call) { call.progress(reliable(183, kOffer)); };
  alice.on_early_offer = [](InviteSession& call, int fork) {
    call.prack(fork, "application/sdp", kAnswer);
  };
  alice.dial("10.77.2.2:5060", "100", "", true);
  net.settle();
  EXPECT_EQ(bob.events.back(), "early answer");
  EXPECT_EQ(bob.last_body, kAnswer);
  bob.leg()->accept("application/sdp", kOffer);
  net.settle();
  // Nothing is held back: the ACK has nothing to carry any more.
  EXPECT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(field(net.last("ACK"), "Content-Length"), "0");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Reliable, CallsUnderLossOfHalfOfAllComeToOneEnd) {
  base::SeededRandom dice{7};
  net.lose([&](const auto&) { return dice.next() % 2 == 0; });
  bob.on_call = [](InviteSession& call) {
    call.progress(reliable(183, kAnswer));
    call.progress(reliable(180));
    call.accept("application/sdp", kAnswer);
  };
  int connected = 0;
  for (int i = 0; i < 40; ++i) {
    alice.events.clear();
    alice.dial("10.77.2.2:5060", "100");
    net.run(Seconds{30});
    for (const auto& event : alice.events) connected += event == "200" ? 1 : 0;
    if (auto* leg = alice.leg()) leg->finish(487);
    if (auto* leg = bob.leg()) leg->finish(480);
  }
  EXPECT_GT(connected, 20);
  net.lose({});
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
