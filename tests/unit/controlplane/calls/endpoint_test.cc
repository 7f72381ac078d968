// Calls of phones and to phones: who proves an account may call, as that account; a registered
// account is called where it is registered.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/controlplane/calls/endpoint_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::calls {
namespace {

using base::Seconds;
using test::at;
using test::Endpoints;
using test::field;
using test::kAnswer;
using test::kCarol;
using test::kDave;
using test::kOffer;
using test::kRealms;
using test::Login;
using test::Phone;
using test::RawParty;
using wire::Counter;

TEST_F(Endpoints, APhoneCallsAPhone) {
  enroll(kCarol, "sip:carol@10.77.2.3:5060;line=7", "10.77.2.3");
  dial("carol");
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"180", "200"}));
  EXPECT_EQ(carol.last_uri, "sip:carol@10.77.2.3:5060;line=7");
  // Whatever it calls itself ("alice"), it is the account that has proven itself.
  const std::string from = field("\r\n" + carol.last_request, "From");
  EXPECT_TRUE(from.starts_with("\"Alice\" <sip:dave@10.77.2.1>;tag=")) << from;
  EXPECT_EQ(carol.last_request.find("Proxy-Authorization"), std::string::npos);
  EXPECT_EQ(carol.last_body.find("10.77.1.2"), std::string::npos) << "media not through us";
  dave.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "bye");
  const auto r = record();
  EXPECT_EQ(r["caller_account"], "dave@sip.example.net");
  EXPECT_EQ(r["callee_account"], "carol@sip.example.net");
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3:5060;line=7");
  EXPECT_EQ(r["mapping_gateway"], "");
  EXPECT_EQ(r["routing_gateway"], "");
  EXPECT_EQ(r["end_reason"], "NormalClearing");
  expect_nothing_left();
}

TEST_F(Endpoints, ANumberOfItsOwnMayStandInFrom) {
  put(kDave, true, {"4930555"});
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  const auto caller_of = [&](const std::string& from_user) {
    const std::string from = "<sip:" + from_user + "@x>;tag=" + from_user;
    raw.send("INVITE", from, "<sip:carol@x>", "c-" + from_user, 1, {}, kOffer);
    net.settle();
    raw.send("ACK", from, field(raw.got.back(), "To"), "c-" + from_user, 1);
    raw.send("INVITE", from, "<sip:491@x>", "c-" + from_user, 2,
             test::credentials(kDave, "INVITE", test::challenge_param(raw.last("SIP"), "nonce"), 1,
                               "Proxy-Authorization"),
             kOffer);
    net.settle();
    raw.send("ACK", from, field(raw.last("SIP"), "To"), "c-" + from_user, 2);
    net.settle();
    bob.leg()->finish(0);
    net.run(Seconds{1});
    return field(bob.last_request, "From");
  };
  EXPECT_TRUE(caller_of("4930555").starts_with("<sip:4930555@")) << bob.last_request;
  EXPECT_TRUE(caller_of("4989123").starts_with("<sip:dave@")) << "carol's number";
  expect_nothing_left();
}

// A CANCEL can't be asked for a password (RFC 3261 §22.1): it is let in for the INVITE's sake.
TEST_F(Endpoints, ACallingPhoneHangsUpBeforeTheAnswer) {
  carol.on_call = [](sip::InviteSession& call) { call.progress(180); };
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  dial("carol");
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"180"}));
  dave.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(carol.events.back(), "cancelled");
  EXPECT_EQ(record()["end_reason"], "CallerCancelled");
  // Nobody's CANCEL for nothing is still refused at the door.
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  raw.send("CANCEL", "<sip:dave@x>;tag=1", "<sip:carol@x>", "none", 1);
  net.settle();
  EXPECT_TRUE(raw.last("SIP").starts_with("SIP/2.0 403 ")) << raw.last("SIP");
  expect_nothing_left();
}

// What networks tell one another of a caller is no phone's to say.
TEST_F(Endpoints, APhoneSaysOfItselfOnlyWhatIsItsOwn) {
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  const auto call_with = [&](const std::string& from, const std::string& id) {
    const std::string lines = "Diversion: <sip:110@x>\r\nHistory-Info: <sip:110@x>\r\nX-Own: 1\r\n";
    raw.send("INVITE", from, "<sip:491@x>", id, 1, lines, kOffer);
    net.settle();
    const std::string nonce = test::challenge_param(raw.last("SIP"), "nonce");
    raw.send("INVITE", from, "<sip:491@x>", id, 2,
             lines + test::credentials(kDave, "INVITE", nonce, 1, "Proxy-Authorization"), kOffer);
    net.settle();
    raw.send("ACK", from, field(raw.last("SIP"), "To"), id, 2);
    net.settle();
    const std::string invite = bob.last_request;
    bob.leg()->finish(0);
    net.run(Seconds{1});
    return invite;
  };
  const std::string invite = call_with("\"+49 110\" <sip:dave@x>;tag=1", "c1");
  EXPECT_TRUE(field(invite, "From").starts_with("<sip:dave@")) << invite;
  EXPECT_TRUE(field(invite, "Diversion").empty() && field(invite, "History-Info").empty());
  EXPECT_EQ(field(invite, "X-Own"), "1");
  const std::string hidden =
      call_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=2", "c2");
  EXPECT_TRUE(field(hidden, "From").starts_with("\"Anonymous\" <sip:anonymous@")) << hidden;
  for (const auto& r : records()) EXPECT_EQ(r["caller_account"], "dave@sip.example.net");
  expect_nothing_left();
}

// Neither a route nor a Contact of a phone's sends our requests to others.
TEST_F(Endpoints, APhoneCannotSendOurRequestsElsewhere) {
  RawParty third(net, "10.77.1.9");
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  raw.contact = "<sip:dave@10.77.1.9>";
  const std::string from = "<sip:dave@x>;tag=1";
  const std::string route = "Record-Route: <sip:10.77.1.9;lr>\r\n";
  raw.send("INVITE", from, "<sip:491@x>", "c1", 1, route, kOffer);
  net.settle();
  const std::string nonce = test::challenge_param(raw.last("SIP"), "nonce");
  raw.send("INVITE", from, "<sip:491@x>", "c1", 2,
           route + test::credentials(kDave, "INVITE", nonce, 1, "Proxy-Authorization"), kOffer);
  net.settle();
  raw.send("ACK", from, field(raw.last("SIP"), "To"), "c1", 2);
  net.settle();
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(raw.count("BYE"), 1);
  EXPECT_TRUE(third.got.empty());
  expect_nothing_left();
}

TEST_F(Endpoints, WhoHasThePasswordWrongGetsNoCallAndNoRecord) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  dial("carol", {"dave", "guess", kRealms[0]});
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"refused 407"}));
  dial("carol", {"nobody", "guess", kRealms[0]});
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"refused 407"}));
  EXPECT_EQ(counters.get(Counter::invite_wrong), 2u);
  EXPECT_EQ(counters.get(Counter::invite_challenged), 4u);
  EXPECT_TRUE(carol.events.empty());
  EXPECT_TRUE(records().empty());
  expect_nothing_left();
}

// INVITEs count as REGISTERs do.
TEST_F(Endpoints, WrongPasswordsOfInvitesSuspendTheirSource) {
  const auto source = at("10.77.1.3").address;
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(lockout.suspended(source, net.wheel().now()));
    dial("carol", {"dave", "guess" + std::to_string(i), kRealms[0]});
  }
  EXPECT_TRUE(lockout.suspended(source, net.wheel().now()));
  EXPECT_EQ(counters.get(Counter::sources_suspended), 1u);
  EXPECT_EQ(counters.get(Counter::pairs_suspended), 1u);
  // Even its password is of no use there any more; another account's is.
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  dial("carol");
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"refused 403"}));
  EXPECT_EQ(counters.get(Counter::account_suspended), 1u);
  dial("carol", kCarol);
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"180", "200"}));
  dave.leg()->finish(0);
  expect_nothing_left();
}

// SS_REPLY_UNAUTHORIZED = off.
class HiddenSwitch : public Endpoints {
 protected:
  HiddenSwitch() : Endpoints({{"SS_REPLY_UNAUTHORIZED", "off"}}) {}
};

TEST_F(HiddenSwitch, StrangersGetNoAnswerUntilTheyHaveProvenAPassword) {
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  const std::string from = "<sip:dave@x>;tag=1";
  for (const auto* method : {"INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "CANCEL", "REGISTER"}) {
    raw.send(method, from, "<sip:carol@x>", std::string("c-") + method, 1);
    net.settle();
  }
  raw.send("BYE", from, "<sip:carol@x>;tag=none", "c-bye", 1);
  net.settle();
  EXPECT_TRUE(raw.got.empty()) << raw.got.front();
  EXPECT_EQ(counters.get(Counter::drop_sip_unanswered), 7u);
  EXPECT_EQ(counters.get(Counter::sip_unknown_source), 0u);
  // As by a REGISTER.
  lockout.succeeded(at("10.77.1.7").address, accounts.key_of("dave", kRealms[0]));
  raw.send("INVITE", from, "<sip:carol@x>", "c-2", 1, {}, kOffer);
  net.settle();
  EXPECT_TRUE(raw.last("SIP").starts_with("SIP/2.0 407 ")) << raw.last("SIP");
  // A gateway is no stranger.
  alice.dial("10.77.1.1", "491234");
  net.settle();
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"180", "200"}));
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Endpoints, ADisabledAccountNeitherCallsNorIsCalled) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  put(kDave, false);
  put(kCarol, false, {"4989123"});
  dial("carol");
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"refused 403"}));
  EXPECT_EQ(counters.get(Counter::invite_forbidden), 1u);
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"refused 480"}));
  expect_nothing_left();
}

// An account's number goes before a route that would lead to a gateway.
TEST_F(Endpoints, AGatewayCallsAPhoneByNumber) {
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  alice.dial("10.77.1.1", "+49-89-123");
  net.settle();
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"180", "200"}));
  EXPECT_TRUE(bob.events.empty());
  alice.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  EXPECT_EQ(r["mapping_gateway"], "acme");
  EXPECT_EQ(r["callee_account"], "carol@sip.example.net");
  expect_nothing_left();
}

TEST_F(Endpoints, APhoneCallsThroughAGateway) {
  dial("491");
  EXPECT_EQ(dave.heard(), (std::vector<std::string>{"180", "200"}));
  bob.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  EXPECT_EQ(r["caller_account"], "dave@sip.example.net");
  EXPECT_EQ(r["callee_account"], "");
  EXPECT_EQ(r["routing_gateway"], "bcorp");
  expect_nothing_left();
}

TEST_F(Endpoints, NobodyIsRegistered) {
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"refused 480"}));
  auto& old = enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  old.expires = net.wheel().now();
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  EXPECT_EQ(alice.heard().back(), "refused 480");
  EXPECT_TRUE(carol.events.empty());
  const auto all = records();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["end_reason"], "NotRegistered");
  expect_nothing_left();
}

// A user name is its caller's realm's, as long as the URI names none of ours.
TEST_F(Endpoints, ANameIsOfItsCallersRealm) {
  const Login eve{"eve", "3ve", kRealms[1]};
  const Login namesake{"carol", "other", kRealms[1]};
  put(eve);
  put(namesake);
  enroll(kCarol, "sip:first@10.77.2.3", "10.77.2.3");
  enroll(namesake, "sip:second@10.77.2.3", "10.77.2.3");
  carol.on_call = [](sip::InviteSession& call) { call.finish(486); };
  RawParty raw(net, "10.77.1.7");
  raw.towards("10.77.1.1");
  const auto called = [&](const Login& login, const std::string& host) {
    const std::string from = "<sip:" + login.user + "@" + login.realm + ">;tag=" + host;
    const auto send = [&](int cseq, const std::string& proof) {
      raw.request_uri = "sip:carol@" + host;
      raw.send("INVITE", from, "<sip:carol@" + host + ">", login.user + host, cseq, proof, kOffer);
      net.settle();
    };
    send(1, {});
    const std::string nonce = test::challenge_param(raw.last("SIP"), "nonce");
    send(2, test::credentials(login, "INVITE", nonce, 1, "Proxy-Authorization"));
    return carol.last_uri;
  };
  EXPECT_EQ(called(eve, "10.77.1.1"), "sip:second@10.77.2.3");
  EXPECT_EQ(called(eve, kRealms[0]), "sip:first@10.77.2.3");
  EXPECT_EQ(called(kDave, "10.77.1.1"), "sip:first@10.77.2.3");
  EXPECT_EQ(called(kDave, kRealms[1]), "sip:second@10.77.2.3");
}

TEST_F(Endpoints, ContactsAreAskedByTheirQ) {
  Phone mobile{net, "10.77.2.4:5060"};
  mobile.on_call = [](sip::InviteSession& call) { call.finish(486); };
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3", 500);
  enroll(kCarol, "sip:mobile@10.77.2.4", "10.77.2.4", 900);
  enroll(kCarol, "sip:silent@10.77.2.9", "10.77.2.9", 700);
  alice.dial("10.77.1.1", "4989123");
  net.run(Seconds{5});
  EXPECT_EQ(mobile.count(Counter::sip_received), 2u) << "INVITE and ACK";
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"180", "200"}));
  alice.leg()->finish(0);
  net.run(Seconds{1});
  const auto r = record();
  ASSERT_EQ(r["given_up"].size(), 2u);
  EXPECT_EQ(r["given_up"][0]["callee_sent"], "sip:mobile@10.77.2.4");
  EXPECT_EQ(r["given_up"][0]["callee_account"], "carol@sip.example.net");
  EXPECT_EQ(r["given_up"][0]["sip_code"], 486);
  EXPECT_EQ(r["given_up"][1]["sip_code"], 408);
  EXPECT_EQ(r["callee_sent"], "sip:carol@10.77.2.3");
  expect_nothing_left();
}

TEST_F(Endpoints, APhonesRefusalPasses) {
  const auto refused = [&](std::function<void(sip::InviteSession&)> on_call) {
    carol.on_call = std::move(on_call);
    alice.dial("10.77.1.1", "4989123");
    net.run(Seconds{5});
    return alice.heard().back();
  };
  enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  EXPECT_EQ(refused([](auto& call) { call.finish(486); }), "refused 486");
  EXPECT_EQ(refused([](auto& call) { call.finish(603); }), "refused 603");
  EXPECT_EQ(refused([](auto& call) { call.finish(401); }), "refused 480");
  net.lose([](const auto& d) { return d.path.remote.address.text() == "10.77.2.3"; });
  EXPECT_EQ(refused([](auto&) {}), "refused 480");
  std::vector<std::string> reasons;
  for (const auto& r : records()) reasons.push_back(r["end_reason"]);
  EXPECT_EQ(reasons, (std::vector<std::string>{"UserBusy", "EndpointRefused", "EndpointFault",
                                               "EndpointUnreachable"}));
  expect_nothing_left();
}

// Another device has registered: who had the place hangs up, and the other party does.
TEST_F(Endpoints, WhoLosesItsPlaceLosesItsCalls) {
  const sip::Binding lost = enroll(kCarol, "sip:carol@10.77.2.3", "10.77.2.3");
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  sip::Binding other = lost;
  other.texts = "sip:other@10.77.2.3";
  other.uri_size = static_cast<std::uint16_t>(other.texts.size());
  calls.end_replaced("carol@sip.example.net", other);
  calls.end_replaced("dave@sip.example.net", lost);
  net.run(Seconds{1});
  EXPECT_EQ(calls.live(), 1u);
  calls.end_replaced("carol@sip.example.net", lost);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  EXPECT_EQ(carol.events.back(), "bye");
  // A call that it makes itself is known by where it comes from.
  dial("491");
  sip::Binding caller = lost;
  caller.way.remote = at("10.77.1.3");
  calls.end_replaced("dave@sip.example.net", caller);
  net.run(Seconds{1});
  EXPECT_EQ(dave.events.back(), "bye");
  EXPECT_EQ(bob.events.back(), "bye");
  for (const auto& r : records()) {
    EXPECT_EQ(r["end_reason"], "EndpointReplaced");
    EXPECT_EQ(r["end_direction"], "switch");
  }
  expect_nothing_left();
  calls.end_replaced("carol@sip.example.net", lost);  // nothing is remembered of them
}

// Behind NAT, a phone's own address leads nowhere: all goes where its packets came from.
TEST_F(Endpoints, ACalledPhoneBehindNatIsReachedWhereItIsSeen) {
  RawParty hidden(net, "10.77.2.5");
  hidden.contact = "<sip:carol@192.168.0.9:5060>";
  enroll(kCarol, "sip:carol@192.168.0.9:5060", "10.77.2.5").behind_nat = true;
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  ASSERT_TRUE(hidden.invite.starts_with("INVITE sip:carol@192.168.0.9:5060 SIP/2.0"))
      << hidden.invite;
  hidden.respond(hidden.invite, "200 OK", "h", kAnswer);
  net.settle();
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"200"}));
  EXPECT_TRUE(hidden.last("ACK").starts_with("ACK sip:carol@192.168.0.9:5060 "));
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(hidden.count("BYE"), 1);
  expect_nothing_left();
}

TEST_F(Endpoints, ACallingPhoneBehindNatIsReachedWhereItIsSeen) {
  RawParty hidden(net, "10.77.1.5");
  hidden.contact = "<sip:dave@192.168.0.9>";
  hidden.towards("10.77.1.1");
  const std::string from = "<sip:dave@sip.example.net>;tag=d";
  hidden.send("INVITE", from, "<sip:491@x>", "n", 1, {}, kOffer);
  net.settle();
  hidden.send("INVITE", from, "<sip:491@x>", "n", 2,
              test::credentials(kDave, "INVITE", test::challenge_param(hidden.last("SIP"), "nonce"),
                                1, "Proxy-Authorization"),
              kOffer);
  net.settle();
  ASSERT_TRUE(hidden.last("SIP").starts_with("SIP/2.0 200 ")) << hidden.last("SIP");
  hidden.send("ACK", from, field(hidden.last("SIP"), "To"), "n", 2);
  net.settle();
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(hidden.count("BYE sip:dave@192.168.0.9 "), 1);
  expect_nothing_left();
}

TEST_F(Endpoints, HeadersOfAContactAreNoneOfTheRequestUri) {
  auto& binding = enroll(kCarol, "sip:carol@10.77.2.3?Route=%3Csip:x%3E", "10.77.2.3");
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  EXPECT_EQ(carol.last_uri, "sip:carol@10.77.2.3");
  calls.end_replaced("carol@sip.example.net", binding);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
}

// RFC 3327: by way of the proxies that the REGISTER came through.
TEST_F(Endpoints, APathIsTheRoute) {
  RawParty proxy(net, "10.77.2.6");
  enroll(kCarol, "sip:carol@192.168.0.9", "10.77.2.6", 1000, "<sip:10.77.2.6;lr;ob>");
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  ASSERT_TRUE(proxy.invite.starts_with("INVITE sip:carol@192.168.0.9 SIP/2.0")) << proxy.invite;
  EXPECT_EQ(field(proxy.invite, "Route"), "<sip:10.77.2.6;lr;ob>");
  proxy.respond(proxy.invite, "486 Busy Here", "p");
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"refused 486"}));
  expect_nothing_left();
}

class FollowingEndpoints : public Endpoints {
 protected:
  FollowingEndpoints() : Endpoints({{"TD_SIP_REDIRECT", "follow"}}) {}
};

// Its caller, or its caller's customer, would pay for what a phone points at.
TEST_F(FollowingEndpoints, APhonesRedirectIsNotFollowed) {
  RawParty phone(net, "10.77.2.5");
  enroll(kCarol, "sip:carol@10.77.2.5", "10.77.2.5");
  phone.contact = "<sip:491@10.77.2.2>";
  alice.dial("10.77.1.1", "4989123");
  net.settle();
  phone.respond(phone.invite, "302 Moved Temporarily", "p");
  net.run(Seconds{1});
  EXPECT_EQ(alice.heard(), (std::vector<std::string>{"refused 480"}));
  EXPECT_TRUE(bob.events.empty());
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::calls
