// Requests inside a call that are the parties' own (INFO, MESSAGE, NOTIFY …): what passes, byte by
// byte, what doesn't, and what becomes of them when a party is slow, gone or says no.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using Events = std::vector<std::string>;

class CallRequests : public SwitchTest {
 protected:
  CallRequests() = default;
  explicit CallRequests(config::Site configured) : SwitchTest(std::move(configured)) {}

  void connect() {
    alice.dial(kSwitch, "491");
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
    alice.events.clear();
    bob.events.clear();
  }
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
    EXPECT_EQ(record()["end_reason"], "NormalClearing");
  }
  // The last INFO to the switch once more, as a new request of alice's, with one line changed: what
  // no phone of ours sends.
  void send_again(const std::string& line, const std::string& with, int times) {
    for (auto sent = net.log().rbegin(); sent != net.log().rend(); ++sent) {
      if (!sent->bytes.starts_with("INFO") || sent->path.remote != at(kSwitch)) continue;
      const auto original = *sent;
      for (int i = 1; i <= times; ++i) {
        std::string text = original.bytes;
        text.replace(text.find(line), line.size(), with);
        text.insert(text.find("CSeq: ") + 6, std::to_string(i));
        text.insert(text.find("branch=z9hG4bK") + 14, with.substr(0, 1) + std::to_string(i));
        agent.on_datagram({original.path.remote, original.path.local}, {text.data(), text.size()});
      }
      return;
    }
    FAIL() << "no INFO was sent";
  }
};

TEST_F(CallRequests, MoreThanEightAtOnceAreRefusedForNow) {
  connect();
  bob.on_request = [](InviteSession&, sip::ServerId, const sip::Message&) {};
  ASSERT_TRUE(alice.ask("INFO"));
  net.settle();
  send_again("Max-Forwards: 69", "Max-Forwards: 50", 9);
  net.settle();
  EXPECT_EQ(bob.events, Events(8, "INFO"));
  EXPECT_EQ(net.count("SIP/2.0 500"), 2);
  EXPECT_TRUE(has(net.last("SIP/2.0 500"), "Retry-After: 1\r\n"));
  bob.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(CallRequests, InfoPassesByteByByteAndSoDoesItsAnswer) {
  connect();
  std::string body = "Signal=5\r\nDuration=160\r\n";
  body += '\0';
  body += "\xff\xfe\r\n\r\n --end";
  const std::string own =
      "Info-Package: x-dtmf;v=1\r\nX-Billing:  a,b ;c=\"d, e\"\r\nx-billing: second\r\n"
      "Content-Disposition: Info-Package\r\nSubject: caf\xc3\xa9\r\n";
  bob.on_request = [](InviteSession& leg, sip::ServerId id, const sip::Message&) {
    const Carried answer("INFO", "X-Answer: 1;2, 3\r\nWarning: 399 x \"why\"\r\n");
    leg.answer_relayed(id, {.status = 200,
                            .reason = "Fine, Thanks",
                            .passed = answer.headers,
                            .content_type = "text/x-answer",
                            .body = "ok\r\n"});
  };
  ASSERT_TRUE(alice.ask("INFO", own + "Content-Type: application/x-dtmf;a=b\r\n", body));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"INFO"}));
  EXPECT_EQ(alice.events, (Events{"answer 200"}));
  for (const auto* line :
       {"Info-Package: x-dtmf;v=1\r\n", "X-Billing: a,b ;c=\"d, e\"\r\nx-billing: second\r\n",
        "Content-Disposition: Info-Package\r\n", "Subject: caf\xc3\xa9\r\n",
        "Content-Type: application/x-dtmf;a=b\r\n", "Max-Forwards: 68\r\n"}) {
    EXPECT_TRUE(has(bob.last_request, line)) << line << bob.last_request;
  }
  EXPECT_FALSE(has(bob.last_request, "Contact"));
  const auto sent = net.last("INFO ");
  EXPECT_EQ(sent.substr(sent.find("\r\n\r\n") + 4), body);
  EXPECT_TRUE(alice.last_response.starts_with("Fine, Thanks\r\n")) << alice.last_response;
  EXPECT_TRUE(has(alice.last_response, "X-Answer: 1;2, 3\r\nWarning: 399 x \"why\"\r\n"));
  EXPECT_TRUE(has(alice.last_response, "Content-Type: text/x-answer\r\n"));
  EXPECT_EQ(alice.last_body, "ok\r\n");
  hang_up();
}

TEST_F(CallRequests, WhatBelongsToALegStaysThere) {
  connect();
  ASSERT_TRUE(alice.ask("MESSAGE",
                        "User-Agent: acme/1\r\nP-Asserted-Identity: <sip:a@x>\r\nPrivacy: id\r\n"
                        "Remote-Party-ID: <sip:a@x>\r\nAllow: INFO\r\nSupported: timer\r\n"
                        "Record-Route: <sip:x;lr>\r\nAuthorization: Digest a=\"b\"\r\n"
                        "Session-Expires: 90\r\nTimestamp: 5\r\nX-Kept: yes\r\n"));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"MESSAGE"}));
  EXPECT_TRUE(has(bob.last_request, "X-Kept: yes\r\n"));
  for (const auto* header :
       {"User-Agent", "Identity", "Privacy", "Remote-Party", "Allow", "Supported", "Record-Route",
        "Authorization", "Session-Expires", "Timestamp", "10.77.1."}) {
    EXPECT_FALSE(has(bob.last_request, header)) << header;
  }
  hang_up();
}

TEST_F(CallRequests, TheCalleeAsksToo) {
  connect();
  ASSERT_TRUE(bob.ask("NOTIFY",
                      "Event: telephone-event\r\nSubscription-State: active;expires=9\r\n"
                      "Content-Type: audio/telephone-event\r\n",
                      "12"));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"NOTIFY"}));
  EXPECT_TRUE(has(alice.last_request, "Event: telephone-event\r\n"));
  EXPECT_TRUE(has(alice.last_request, "Subscription-State: active;expires=9\r\n"));
  EXPECT_TRUE(has(alice.last_request, "Contact: <sip:10.77.1.1:5060>\r\n"));
  EXPECT_EQ(alice.last_body, "12");
  EXPECT_EQ(bob.events, (Events{"answer 200"}));
  hang_up();
}

TEST_F(CallRequests, SeveralAreOpenAtOnceAndAnswersFindTheirRequests) {
  connect();
  std::vector<std::pair<sip::ServerId, std::string>> waiting;
  bob.on_request = [&](InviteSession&, sip::ServerId id, const sip::Message& request) {
    waiting.emplace_back(id, std::string(request.body()));
  };
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(alice.ask("INFO", "Content-Type: text/plain\r\n", std::to_string(i)));
    net.settle();
  }
  EXPECT_EQ(waiting.size(), 8u);
  // The ninth has no room anywhere: neither in a phone of ours nor in the switch.
  EXPECT_FALSE(alice.ask("INFO"));
  std::reverse(waiting.begin(), waiting.end());
  for (const auto& [id, body] : waiting) {
    bob.leg()->answer_relayed(id, {.status = 200, .content_type = "text/plain", .body = body});
    net.settle();
    EXPECT_EQ(alice.last_body, body);
  }
  EXPECT_EQ(alice.events, Events(8, "answer 200"));
  hang_up();
}

TEST_F(CallRequests, EarlyDialogsBothWays) {
  bob.on_call = [](InviteSession& call) { call.progress(183); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  ASSERT_EQ(alice.events.back(), "183");
  ASSERT_TRUE(alice.ask("INFO", "X-Way: there\r\n"));
  net.settle();
  EXPECT_TRUE(has(bob.last_request, "X-Way: there\r\n"));
  EXPECT_EQ(alice.events.back(), "answer 200");
  ASSERT_TRUE(bob.ask("INFO", "X-Way: back\r\n"));
  net.settle();
  EXPECT_TRUE(has(alice.last_request, "X-Way: back\r\n"));
  EXPECT_EQ(bob.events.back(), "answer 200");
  bob.leg()->accept("application/sdp", kAnswer);
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "acked");  // the numbers of both dialogs still fit
  ASSERT_TRUE(alice.ask("INFO"));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 200");
  hang_up();
}

TEST_F(CallRequests, AnswersThatConcernOurLegOnlyAreTranslated) {
  connect();
  const std::pair<int, int> cases[] = {{415, 415}, {469, 469}, {401, 403}, {407, 403},
                                       {302, 480}, {503, 500}, {420, 500}, {606, 606}};
  for (const auto& [theirs, ours] : cases) {
    bob.on_request = [status = theirs](InviteSession& leg, sip::ServerId id, const sip::Message&) {
      const Carried answer("INFO", "Retry-After: 7\r\nWWW-Authenticate: Digest realm=\"b\"\r\n");
      leg.answer_relayed(id, {.status = status, .passed = answer.headers});
    };
    ASSERT_TRUE(alice.ask("INFO"));
    net.settle();
    EXPECT_EQ(alice.events.back(), "answer " + std::to_string(ours));
    EXPECT_EQ(has(alice.last_response, "Retry-After: 7"), theirs == ours) << theirs;
    EXPECT_FALSE(has(alice.last_response, "Authenticate"));
  }
  EXPECT_EQ(bob.leg()->state(), InviteSession::State::kConfirmed);
  hang_up();
}

TEST_F(CallRequests, NoAnswerInTimeIs408AndTheCallGoesOn) {
  connect();
  bob.on_request = [](InviteSession&, sip::ServerId, const sip::Message&) {};
  ASSERT_TRUE(alice.ask("INFO"));
  net.run(Seconds{33});
  EXPECT_EQ(alice.events, (Events{"answer 408"}));
  EXPECT_EQ(alice.leg()->state(), InviteSession::State::kConfirmed);
  hang_up();
}

TEST_F(CallRequests, APartyThatLostTheCallEndsIt) {
  connect();
  bob.on_request = [](InviteSession& leg, sip::ServerId id, const sip::Message&) {
    leg.answer_relayed(id, {.status = 481});
  };
  ASSERT_TRUE(alice.ask("INFO"));
  net.run(Seconds{1});
  EXPECT_EQ(alice.events, (Events{"answer 481", "bye"}));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "DialogLost");
}

TEST_F(CallRequests, ASubscriptionThatIsGoneEndsAlone) {
  connect();
  alice.on_request = [](InviteSession& leg, sip::ServerId id, const sip::Message&) {
    leg.answer_relayed(id, {.status = 481});
  };
  ASSERT_TRUE(bob.ask("NOTIFY", "Event: kpml\r\nSubscription-State: active\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(bob.events, (Events{"answer 481"}));
  hang_up();
}

TEST_F(CallRequests, HangUpWhileARequestWaits) {
  for (const bool caller_ends : {true, false}) {
    connect();
    bob.on_request = [](InviteSession&, sip::ServerId, const sip::Message&) {};
    ASSERT_TRUE(alice.ask("INFO"));
    net.run(base::Millis{100});
    (caller_ends ? alice : bob).leg()->finish(0);
    net.run(Seconds{1});
    EXPECT_EQ(net.count("SIP/2.0 487"), caller_ends ? 2 : 4);  // to alice and from bob
    net.run(Seconds{3});
  }
  expect_nothing_left();
  EXPECT_EQ(records().size(), 2u);
}

TEST_F(CallRequests, RequestsCrossingAHangUpUnderLossLeaveNothing) {
  base::SeededRandom dice{5};
  for (int round = 0; round < 40; ++round) {
    alice.dial(kSwitch, "491");
    net.run(Seconds{1});
    net.lose([&](const auto&) { return dice.next() % 3 == 0; });
    for (int i = 0; i < 6; ++i) {
      Phone& phone = dice.next() % 2 ? alice : bob;
      if (phone.leg() != nullptr) phone.ask(dice.next() % 2 ? "INFO" : "MESSAGE", "X: y\r\n", "z");
      net.run(base::Millis{dice.next() % 300});
    }
    if (auto* leg = (dice.next() % 2 ? alice : bob).leg()) leg->finish(0);
    net.run(base::Millis{dice.next() % 9000});
    net.lose({});
    for (Phone* phone : {&alice, &bob}) {
      if (auto* leg = phone->leg()) leg->finish(0);
    }
    net.run(Seconds{75});
    ASSERT_EQ(calls.live(), 0u) << "round " << round;
    ASSERT_EQ(agent.live_sessions(), 0u) << "round " << round;
  }
  expect_nothing_left();
}

TEST_F(CallRequests, RequiredExtensionsAndSpentHopsAreRefusedByUs) {
  connect();
  const auto forge = [&](const std::string& line, const std::string& with) {
    ASSERT_TRUE(alice.ask("INFO"));
    net.settle();
    send_again(line, with, 1);
    net.settle();
  };
  forge("Max-Forwards: 69", "Max-Forwards: 0");
  EXPECT_EQ(net.count("SIP/2.0 483"), 1);
  forge("Max-Forwards: 69", "Require: x-new");
  EXPECT_EQ(net.count("SIP/2.0 420"), 1);
  EXPECT_TRUE(has(net.last("SIP/2.0 420"), "Unsupported: x-new\r\n"));
  EXPECT_EQ(bob.events, (Events{"INFO", "INFO"}));  // neither of the forged ones
  alice.leg()->finish(0);
  bob.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(CallRequests, AReferIsDeclined) {
  connect();
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:33@10.77.1.1>\r\n"));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"answer 603"}));
  EXPECT_TRUE(bob.events.empty());
  EXPECT_FALSE(has(net.last("SIP/2.0 603"), "REFER,"));
  hang_up();
}

class NoSubscriptions : public CallRequests {
 protected:
  NoSubscriptions() : CallRequests(make_site({{"TD_SIP_SUBSCRIBE", "refuse"}})) {}
};

class RelayedRefers : public CallRequests {
 protected:
  RelayedRefers() : CallRequests(make_site({{"TD_SIP_REFER", "relay"}})) {}
};

TEST_F(RelayedRefers, PassWithTheirNotifies) {
  connect();
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:33@10.77.1.1>\r\nReferred-By: <sip:a@x>\r\n"));
  net.settle();
  EXPECT_TRUE(has(bob.last_request, "Refer-To: <sip:33@10.77.1.1>\r\nReferred-By: <sip:a@x>\r\n"));
  EXPECT_TRUE(has(bob.last_request, "Contact: <sip:10.77.2.1:5060>\r\n"));
  ASSERT_TRUE(bob.ask("NOTIFY",
                      "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n"
                      "Content-Type: message/sipfrag;version=2.0\r\n",
                      "SIP/2.0 200 OK\r\n"));
  net.settle();
  EXPECT_EQ(alice.events, (Events{"answer 200", "NOTIFY"}));
  EXPECT_EQ(alice.last_body, "SIP/2.0 200 OK\r\n");
  // A dialog that it names is one of ours: the other party couldn't find it.
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:33@10.77.1.1?Replaces=a%3Bto-tag%3Db>\r\n"));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 603");
  hang_up();
}

TEST_F(CallRequests, SubscriptionsPassByDefault) {
  connect();
  ASSERT_TRUE(alice.ask("SUBSCRIBE", "Event: kpml\r\nExpires: 60\r\n"));
  net.settle();
  EXPECT_EQ(bob.events, (Events{"SUBSCRIBE"}));
  EXPECT_TRUE(has(bob.last_request, "Event: kpml\r\nExpires: 60\r\n"));
  EXPECT_TRUE(has(bob.last_request, "Contact: <sip:10.77.2.1:5060>\r\n"));
  EXPECT_TRUE(has(net.last("SUBSCRIBE"), "SUBSCRIBE sip:10.77.2.2:5060 SIP/2.0\r\n"));
  hang_up();
}

TEST_F(NoSubscriptions, AreRefusedByPolicy) {
  connect();
  for (const auto* method : {"SUBSCRIBE", "NOTIFY"}) {
    ASSERT_TRUE(alice.ask(method, "Event: kpml\r\nSubscription-State: active\r\n"));
    net.settle();
    EXPECT_EQ(alice.events.back(), "answer 405");
  }
  EXPECT_TRUE(has(net.last("SIP/2.0 405"), "Allow: INVITE, "));
  EXPECT_FALSE(has(net.last("SIP/2.0 405"), "SUBSCRIBE,"));
  EXPECT_TRUE(bob.events.empty());
  hang_up();
}

}  // namespace
}  // namespace tandem::test
