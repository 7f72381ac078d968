// Calls to an account with several contacts: those of one q ring at once, the next q after them.
#include <gtest/gtest.h>

#include "tests/unit/controlplane/calls/endpoint_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;
using wire::Counter;
using Events = std::vector<std::string>;

class Groups : public Endpoints {
 protected:
  Groups() {
    for (Phone* phone : {&carol, &desk, &mobile}) {
      phone->on_call = [](InviteSession& call) { call.progress(180); };
    }
  }
  void register_three() {
    enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
    enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4");
    enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5");
  }
  void call() {
    alice.dial("10.77.1.1", "4989123");
    net.settle();
  }
  // Carol's phone and this one are asked, and it rings; the mobile would be the next.
  void ring_before_mobile(RawParty& raw) {
    enroll(kCarol, "sip:raw@10.77.2.6", "10.77.2.6", 900);
    enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
    enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5", 200);
    call();
    raw.respond(raw.invite, "180 Ringing", "r");
    net.settle();
  }
  Endpoint callee_media() {
    const auto peer = flows.begin()->second.peer;
    return flows.at({peer.address, peer.port}).remote;
  }
  static std::string reason(const Phone& phone) {
    return field("\r\n" + phone.last_request, "Reason");
  }
  static void expect_given_up(const nlohmann::json& record,
                              const std::vector<std::pair<std::string, int>>& expected) {
    std::vector<std::pair<std::string, int>> found;
    for (const auto& one : record["given_up"]) {
      EXPECT_EQ(one["callee_account"], "carol@sip.example.net");
      found.emplace_back(one["callee_sent"], one["sip_code"]);
    }
    EXPECT_EQ(found, expected);
  }

  Phone desk{net, "10.77.2.4:5060"};
  Phone mobile{net, "10.77.2.5:5060"};
};

TEST_F(Groups, AllPhonesRingAndOneAnswers) {
  register_three();
  call();
  for (Phone* phone : {&carol, &desk, &mobile}) EXPECT_EQ(phone->events, (Events{"invite"}));
  EXPECT_EQ(alice.heard(), (Events{"180", "180", "180"}));
  desk.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  for (Phone* phone : {&carol, &mobile}) {
    EXPECT_EQ(phone->events.back(), "cancelled");
    EXPECT_EQ(reason(*phone), "SIP;cause=200;text=\"Call completed elsewhere\"");
  }
  EXPECT_EQ(desk.events.back(), "acked");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(desk.events.back(), "bye");
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "sip:desk@10.77.2.4");
  EXPECT_EQ(r["callee_account"], "carol@sip.example.net");
  EXPECT_EQ(r["end_reason"], "NormalClearing");
  expect_given_up(r, {});
  expect_nothing_left();
}

TEST_F(Groups, ABusyPhoneLeavesTheOthersRinging) {
  register_three();
  carol.on_call = [](InviteSession& call) { call.finish(486); };
  call();
  net.run(Seconds{5});
  EXPECT_EQ(alice.heard(), (Events{"180", "180"}));
  mobile.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "sip:mobile@10.77.2.5");
  expect_given_up(r, {{"sip:carol@10.77.2.3", 486}});
  expect_nothing_left();
}

// An INFO of the caller's is for somebody who is still there.
TEST_F(Groups, ARequestFindsAPhoneThatRings) {
  register_three();
  call();
  mobile.leg()->finish(486);
  net.settle();
  ASSERT_TRUE(alice.ask("INFO"));
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 200");
  EXPECT_EQ(desk.events.back(), "INFO");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Groups, ALateAnswerIsHungUp) {
  register_three();
  call();
  carol.leg()->accept("application/sdp", kAnswer);
  desk.leg()->accept("application/sdp", kAnswer);  // both before either is heard
  net.settle();
  EXPECT_EQ(alice.heard().back(), "200");
  EXPECT_EQ(carol.events.back(), "acked");
  EXPECT_EQ(desk.events, (Events{"invite", "acked", "bye"}));
  EXPECT_EQ(mobile.events.back(), "cancelled");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(carol.events.back(), "bye");
}

TEST_F(Groups, TheCallerGivesUp) {
  register_three();
  call();
  carol.leg()->finish(486);
  net.settle();
  alice.leg()->finish(0);
  net.run(Seconds{1});
  for (Phone* phone : {&desk, &mobile}) EXPECT_EQ(phone->events.back(), "cancelled");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "CallerCancelled");
  EXPECT_EQ(r["callee_sent"], "sip:desk@10.77.2.4");
  expect_given_up(r, {{"sip:carol@10.77.2.3", 486}});
  expect_nothing_left();
}

TEST_F(Groups, LowerQFollowsWhenAllHaveRefused) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
  enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4", 900);
  enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5", 200);
  call();
  EXPECT_TRUE(mobile.events.empty());
  carol.leg()->finish(486);
  net.settle();
  EXPECT_TRUE(mobile.events.empty()) << "the desk still rings";
  desk.leg()->finish(480);
  net.settle();
  EXPECT_EQ(mobile.events, (Events{"invite"}));
  mobile.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "sip:mobile@10.77.2.5");
  expect_given_up(r, {{"sip:desk@10.77.2.4", 480}, {"sip:carol@10.77.2.3", 486}});
  expect_nothing_left();
}

TEST_F(Groups, LowerQFollowsWhenNobodyAnswersInTime) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
  enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4", 900);
  enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5", 200);
  call();
  net.run(Seconds{9});
  EXPECT_TRUE(mobile.events.empty());
  net.run(Seconds{2});  // SS_SIP_TIMEOUT_RINGING
  EXPECT_EQ(mobile.events, (Events{"invite"}));
  for (Phone* phone : {&carol, &desk}) {
    EXPECT_EQ(phone->events.back(), "cancelled");
    EXPECT_EQ(reason(*phone), "");
  }
  net.run(Seconds{11});
  EXPECT_EQ(mobile.events.back(), "cancelled");
  EXPECT_EQ(alice.events.back(), "refused 480");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "NoAnswer");
  EXPECT_EQ(r["callee_sent"], "sip:mobile@10.77.2.5");
  expect_given_up(r, {{"sip:desk@10.77.2.4", 408}, {"sip:carol@10.77.2.3", 408}});
  expect_nothing_left();
}

// One that hangs up out of its early dialog has refused, too.
TEST_F(Groups, LowerQFollowsWhenTheLastHangsUp) {
  RawParty raw(net, "10.77.2.6");
  ring_before_mobile(raw);
  carol.leg()->finish(486);
  net.settle();
  raw.request("BYE", "r", 1);
  net.settle();
  EXPECT_EQ(mobile.events, (Events{"invite"}));
  raw.respond(raw.invite, "487 Request Terminated", "r");
  mobile.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  expect_given_up(record(), {{"sip:raw@10.77.2.6", 480}, {"sip:carol@10.77.2.3", 486}});
  expect_nothing_left();
}

TEST_F(Groups, ABusyPhoneIsHeardThoughTheLastHangsUp) {
  RawParty raw(net, "10.77.2.6");
  enroll(kCarol, "sip:raw@10.77.2.6", "10.77.2.6");
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  call();
  raw.respond(raw.invite, "180 Ringing", "r");
  net.settle();
  carol.leg()->finish(486);
  net.settle();
  raw.request("BYE", "r", 1);
  net.settle();
  EXPECT_EQ(raw.count("CANCEL"), 1);
  raw.respond(raw.invite, "487 Request Terminated", "r");
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard().back(), "refused 486");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "UserBusy");
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_given_up(r, {{"sip:raw@10.77.2.6", 480}});
  expect_nothing_left();
}

TEST_F(Groups, WhenAllHangUpTheCallIsRefused) {
  RawParty raw(net, "10.77.2.6");
  RawParty other(net, "10.77.2.7");
  enroll(kCarol, "sip:raw@10.77.2.6", "10.77.2.6");
  enroll(kCarol, "sip:other@10.77.2.7", "10.77.2.7");
  call();
  for (RawParty* party : {&raw, &other}) {
    party->respond(party->invite, "180 Ringing", "r");
    net.settle();
    party->request("BYE", "r", 1);
    net.settle();
    party->respond(party->invite, "487 Request Terminated", "r");
  }
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard().back(), "refused 480");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "EndpointRefused");
  EXPECT_EQ(r["end_direction"], "callee");
  EXPECT_EQ(r["sip_code"], 480);
  expect_nothing_left();
}

// What a phone can't be passed on with says less than a phone that is busy.
TEST_F(Groups, ABusyPhoneIsHeardBesideOneThatRedirects) {
  for (const int odd : {302, 401, 415}) {
    register_three();
    carol.on_call = [odd](InviteSession& call) { call.finish(odd); };
    desk.on_call = [](InviteSession& call) { call.finish(486); };
    mobile.on_call = [odd](InviteSession& call) { call.finish(odd); };
    call();
    net.run(Seconds{1});
    EXPECT_EQ(alice.heard().back(), "refused 486") << odd;
    bindings.with(accounts.key_of(kCarol.user, kCarol.realm), "", [](auto& all) { all.clear(); });
  }
  for (const auto& r : records()) EXPECT_EQ(r["end_reason"], "UserBusy");
  expect_nothing_left();
}

// A 6xx has decided, though another phone doesn't obey its CANCEL in time.
TEST_F(Groups, NobodyIsAskedAfterADecline) {
  RawParty raw(net, "10.77.2.6");
  ring_before_mobile(raw);
  carol.leg()->finish(603);
  net.settle();
  EXPECT_EQ(raw.count("CANCEL"), 1);
  net.run(Seconds{11});  // SS_SIP_TIMEOUT_RINGING
  EXPECT_TRUE(mobile.events.empty());
  EXPECT_EQ(alice.heard().back(), "refused 603");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "EndpointRefused");
  EXPECT_EQ(r["sip_code"], 603);
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_given_up(r, {{"sip:raw@10.77.2.6", 408}});
  expect_nothing_left();
}

// 20 s would be the limit of a 183 alone, 10 s is that of a phone that rings.
TEST_F(Groups, TheLimitOfRingingIsThatOfAll) {
  RawParty raw(net, "10.77.2.6");
  enroll(kCarol, "sip:raw@10.77.2.6", "10.77.2.6");
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  call();
  net.run(Seconds{1});
  raw.respond(raw.invite, "183 Session Progress", "r");
  net.run(Seconds{8});
  EXPECT_EQ(carol.events, (Events{"invite"}));
  net.run(Seconds{2});
  EXPECT_EQ(carol.events.back(), "cancelled");
  EXPECT_EQ(record()["end_reason"], "NoAnswer");
  expect_nothing_left();
}

// The best of what all said; who is silent is waited for as long as for any
// (SS_SIP_TIMEOUT_INVITE).
TEST_F(Groups, NobodyTakesIt) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4");
  enroll(kCarol, "sip:gone@10.77.2.9", "10.77.2.9");
  carol.on_call = [](InviteSession& call) { call.finish(500); };
  desk.on_call = [](InviteSession& call) { call.finish(486, "Q.850;cause=17"); };
  call();
  net.run(Seconds{2});
  EXPECT_TRUE(alice.heard().empty());
  net.run(Seconds{2});
  EXPECT_EQ(alice.heard(), (Events{"refused 486"}));
  EXPECT_EQ(field("\r\n" + alice.last_response, "Reason"), "Q.850;cause=17");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "UserBusy");
  EXPECT_EQ(r["callee_sent"], "sip:desk@10.77.2.4");
  expect_given_up(r, {{"sip:carol@10.77.2.3", 500}, {"sip:gone@10.77.2.9", 408}});
  expect_nothing_left();
}

TEST_F(Groups, ADeclineEndsTheCall) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
  enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4", 900);
  enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5", 200);
  call();
  carol.leg()->finish(603);
  net.settle();
  EXPECT_EQ(desk.events.back(), "cancelled");
  EXPECT_EQ(alice.heard().back(), "refused 603");
  EXPECT_TRUE(mobile.events.empty());
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "EndpointRefused");
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_given_up(r, {{"sip:desk@10.77.2.4", 487}});
  expect_nothing_left();
}

// Each phone that describes media is an early dialog of the caller's, and the winner's media stay.
TEST_F(Groups, EarlyMediaOfSeveral) {
  register_three();
  const auto media_at = [](int port) {
    std::string sdp = kAnswer;
    return sdp.replace(sdp.find("8000"), 4, std::to_string(port));
  };
  const auto early = [&](int port) {
    return
        [sdp = media_at(port)](InviteSession& call) { call.progress(183, "application/sdp", sdp); };
  };
  carol.on_call = early(8100);
  desk.on_call = early(8200);
  call();
  EXPECT_EQ(alice.heard(), (Events{"183", "183", "180"}));
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200")) << "the latest";
  carol.leg()->finish(486);
  net.settle();
  EXPECT_EQ(alice.heard().size(), 3u) << "the others go on";
  desk.leg()->accept("application/sdp", media_at(8200));
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_EQ(alice.last_fork, 2);
  EXPECT_EQ(callee_media(), at("10.77.2.2:8200"));
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(desk.events.back(), "bye");
}

// The phones of one call share its media port, which is of one network.
TEST_F(Groups, PhonesOfAnotherNetworkAreAskedAfterwards) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  enroll(kCarol, "sip:mobile@10.77.2.5", "10.77.2.5");
  Phone home{net, "10.77.1.9:5060"};
  home.on_call = [](InviteSession& call) { call.accept("application/sdp", kAnswer); };
  enroll(kCarol, "sip:home@10.77.1.9", "10.77.1.9").way.local = at("10.77.1.1");
  call();
  EXPECT_EQ(carol.events.size() + mobile.events.size() + home.events.size(), 2u);
  carol.leg()->finish(486);
  mobile.leg()->finish(486);
  net.settle();
  EXPECT_EQ(home.events, (Events{"invite", "acked"}));
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["callee_sent"], "sip:home@10.77.1.9");
}

TEST_F(Groups, WhatCannotBeSentIsAPhoneThatFails) {
  const std::string endless(66'000, 'x');  // longer than any message
  for (const int q : {900, 850}) {
    enroll(kCarol, "sip:" + endless + "@10.77.2.9", "10.77.2.9", static_cast<std::uint16_t>(q))
        .uri_size = 65'000;
  }
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 800);
  call();
  EXPECT_EQ(carol.events, (Events{"invite"}));
  carol.leg()->finish(486);
  net.settle();
  EXPECT_EQ(alice.heard().back(), "refused 486");
  const auto r = record();
  ASSERT_EQ(r["given_up"].size(), 2u);
  for (const auto& one : r["given_up"]) EXPECT_EQ(one["sip_code"], 503);
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_nothing_left();
}

TEST_F(Groups, WhatCannotBeSentIsAGroupThatFails) {
  const std::string endless(66'000, 'x');
  for (const int q : {900, 900, 850, 850}) {
    enroll(kCarol, "sip:" + endless + "@10.77.2.9", "10.77.2.9", static_cast<std::uint16_t>(q))
        .uri_size = 65'000;
  }
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 800);
  call();
  ASSERT_EQ(carol.events, (Events{"invite"}));
  carol.leg()->finish(486);
  net.settle();
  EXPECT_EQ(alice.heard().back(), "refused 486");
  const auto r = record();
  ASSERT_EQ(r["given_up"].size(), 4u);
  for (const auto& one : r["given_up"]) EXPECT_EQ(one["sip_code"], 503);
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_nothing_left();
}

// Two phones, and two of lower q that something keeps from being asked: the call ends as the first
// two have said, and so does its record.
class NextGroup : public Groups {
 protected:
  void ring() {
    enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
    enroll(kCarol, "sip:desk@10.77.2.4", "10.77.2.4", 900);
    for (const char* uri : {"sip:mobile@10.77.2.5", "sip:tablet@10.77.2.5"}) {
      enroll(kCarol, uri, "10.77.2.5", 200).way.local = lower_at;
    }
    call();
    ASSERT_EQ(alice.heard(), (Events{"180", "180"}));
  }
  void expect_end() {
    carol.leg()->finish(486);
    desk.leg()->finish(480);
    net.run(Seconds{2});
    EXPECT_EQ(alice.heard().back(), "refused 486");
    EXPECT_TRUE(mobile.events.empty());
    EXPECT_EQ(calls.live(), 0u);
    const auto r = record();
    EXPECT_EQ(r["end_reason"], "UserBusy");
    EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
    expect_given_up(r, {{"sip:desk@10.77.2.4", 480}});
  }
  Endpoint lower_at = at("10.77.2.1");
};

TEST_F(NextGroup, OfANetworkThatIsGone) {
  lower_at = at("10.77.9.9");
  ring();
  expect_end();
  expect_nothing_left();
}

TEST_F(NextGroup, AfterASinglePhone) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 900);
  for (const char* uri : {"sip:mobile@10.77.2.5", "sip:tablet@10.77.2.5"}) {
    enroll(kCarol, uri, "10.77.2.5", 200).way.local = at("10.77.9.9");
  }
  call();
  carol.leg()->finish(486);
  net.run(Seconds{2});
  EXPECT_EQ(alice.heard().back(), "refused 486");
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_given_up(r, {});
  expect_nothing_left();
}

TEST_F(NextGroup, WithoutMediaPorts) {
  ring();
  while (ports.take_two(0, 1, net.wheel().now())) continue;
  expect_end();
}

TEST_F(NextGroup, WithoutASession) {
  ring();
  std::vector<sip::SessionId> others;
  while (true) {
    const auto [id, made] = agent.make_session({at("10.77.1.1"), at("10.77.1.2")});
    if (made == nullptr) break;
    others.push_back(id);
  }
  expect_end();
  for (const auto id : others) agent.find(id)->finish(0);
  expect_nothing_left();
}

TEST_F(NextGroup, WithoutATransaction) {
  ring();
  env.limits.transactions = 0;  // of INVITEs
  expect_end();
  expect_nothing_left();
}

// Where only one of them can't be sent, the others ring.
TEST_F(Groups, RoomForOneTransactionIsOnePhone) {
  register_three();
  env.limits.transactions = 1;  // of INVITEs
  call();
  EXPECT_EQ(counters.get(Counter::drop_sip_no_memory), 2u);
  EXPECT_EQ(carol.events.size() + desk.events.size() + mobile.events.size(), 1u);
  carol.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.heard().back(), "200");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  expect_given_up(record(), {{"sip:desk@10.77.2.4", 408}, {"sip:mobile@10.77.2.5", 408}});
  expect_nothing_left();
}

TEST_F(Groups, AReplacedDeviceStopsRingingAlone) {
  register_three();
  call();
  sip::Binding lost;
  bindings.look(accounts.key_of(kCarol.user, kCarol.realm),
                [&](const auto&, const auto& all) { lost = all[1]; });
  calls.end_replaced("carol@sip.example.net", lost);
  net.settle();
  EXPECT_EQ(desk.events.back(), "cancelled");
  EXPECT_EQ(calls.live(), 1u);
  mobile.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  // Whose call it isn't any longer can't end it.
  calls.end_replaced("carol@sip.example.net", lost);
  net.run(Seconds{1});
  EXPECT_EQ(calls.live(), 1u);
  alice.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  EXPECT_EQ(r["callee_sent"], "sip:mobile@10.77.2.5");
  expect_given_up(r, {{"sip:desk@10.77.2.4", 408}});
  expect_nothing_left();
}

TEST_F(Groups, AReplacedDeviceThatWasTheLastToRingEndsTheCall) {
  register_three();
  call();
  carol.leg()->finish(486);
  mobile.leg()->finish(486);
  net.settle();
  sip::Binding lost;
  bindings.look(accounts.key_of(kCarol.user, kCarol.realm),
                [&](const auto&, const auto& all) { lost = all[1]; });
  calls.end_replaced("carol@sip.example.net", lost);
  net.run(Seconds{1});
  EXPECT_EQ(desk.events.back(), "cancelled");
  EXPECT_EQ(alice.heard().back(), "refused 480");
  const auto r = record();
  EXPECT_EQ(r["end_reason"], "EndpointReplaced");
  EXPECT_EQ(r["callee_sent"], "sip:desk@10.77.2.4");
  EXPECT_EQ(r["given_up"].size(), 2u);
  expect_nothing_left();
}

// The offer is the callee's: each phone's in a dialog of its own, the answer goes to who won.
TEST_F(Groups, ALateOfferIsAnsweredToTheWinner) {
  register_three();
  alice.dial("10.77.1.1", "4989123", "", true);
  net.settle();
  desk.leg()->accept("application/sdp", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events.back(), "200");
  alice.leg()->ack("application/sdp", kOffer);
  net.settle();
  EXPECT_EQ(desk.events.back(), "acked");
  EXPECT_FALSE(desk.last_body.empty());
  EXPECT_EQ(carol.events.back(), "cancelled");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(desk.events.back(), "bye");
}

}  // namespace
}  // namespace tandem::test
