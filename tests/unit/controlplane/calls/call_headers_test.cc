// What the parties say to each other in the headers and bodies of the call itself: what passes,
// byte by byte, both ways, and what a leg keeps for itself.
#include "controlplane/sip/body.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;

const std::string kIsup("\x01\x11\x00\x4a\x00\x0a\x03\r\n--x\r\n\x80\xff", 17);

// SIP-I: a description and an ISUP message.
std::string sip_i(const std::string& sdp) {
  return "preamble\r\n--b1\r\nContent-Type: application/sdp\r\nContent-Length: " +
         std::to_string(sdp.size()) + "\r\n\r\n" + sdp +
         "\r\n--b1\r\nContent-Type: application/ISUP;version=itu-t92+\r\n"
         "Content-Disposition: signal;handling=optional\r\n\r\n" +
         kIsup + "\r\n--b1--\r\n";
}

class CallHeaders : public SwitchTest {
 protected:
  void hang_up() {
    alice.leg()->finish(0);
    expect_nothing_left();
  }
};

TEST_F(CallHeaders, OfTheInvitePass) {
  alice.invite_headers =
      "X-Tenant: 7 ;q=\"a, b\"\r\nx-tenant: 8\r\nUser-to-User: 3031;encoding=hex\r\n"
      "Diversion: <sip:12@x>;reason=unconditional\r\ns: short\r\nAlert-Info: <urn:x>\r\n"
      "Recv-Info: dtmf\r\nUser-Agent: acme\r\nP-Asserted-Identity: <sip:a@x>\r\n"
      "Privacy: id\r\nSupported: x-ext\r\nAllow-Events: kpml\r\nAccept-Encoding: gzip\r\n"
      "Organization: R\xc3\xa4t\r\n";
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_TRUE(has(bob.last_request,
                  "X-Tenant: 7 ;q=\"a, b\"\r\nx-tenant: 8\r\n"
                  "User-to-User: 3031;encoding=hex\r\n"
                  "Diversion: <sip:12@x>;reason=unconditional\r\ns: short\r\n"
                  "Alert-Info: <urn:x>\r\nRecv-Info: dtmf\r\n"
                  "Organization: R\xc3\xa4t\r\n"))
      << bob.last_request;
  for (const auto* header : {"acme", "P-Asserted", "Privacy", "x-ext", "kpml", "gzip"}) {
    EXPECT_FALSE(has(bob.last_request, header)) << header;
  }
  hang_up();
}

TEST_F(CallHeaders, OfProvisionalAndFinalResponsesPass) {
  bob.on_call = [](InviteSession& call) {
    const Carried ringing("INVITE", "Alert-Info: <urn:alert:service:normal>\r\nX-A: 1\r\n");
    call.progress({.status = 180, .passed = ringing.headers});
    const Carried answer("INVITE", "X-B: 2\r\nServer: bcorp\r\nCall-Info: <sip:x>\r\n");
    call.accept("application/sdp", kAnswer, 0, answer.headers);
  };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_TRUE(has(net.last("SIP/2.0 180"), "Alert-Info: <urn:alert:service:normal>\r\nX-A: 1\r\n"));
  EXPECT_TRUE(has(alice.last_response, "X-B: 2\r\nCall-Info: <sip:x>\r\n"));
  EXPECT_FALSE(has(alice.last_response, "bcorp"));
  hang_up();
}

TEST_F(CallHeaders, OfARefusalPassWithItsReasonAndBody) {
  bob.on_call = [](InviteSession& call) {
    const Carried refusal("INVITE",
                          "Reason: Q.850;cause=1;text=\"unallocated\"\r\nReason: SIP;cause=404\r\n"
                          "Warning: 399 b \"no such\"\r\nRetry-After: 60\r\nX-C: 3\r\n"
                          "Content-Type: application/ISUP;version=x\r\n",
                          kIsup);
    call.finish(404, {}, &refusal.message);
  };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 404");
  EXPECT_TRUE(has(alice.last_response,
                  "Reason: Q.850;cause=1;text=\"unallocated\"\r\nReason: SIP;cause=404\r\n"
                  "Warning: 399 b \"no such\"\r\nRetry-After: 60\r\nX-C: 3\r\n"))
      << alice.last_response;
  EXPECT_FALSE(has(alice.last_response, "cause=21"));  // our own word gives way
  EXPECT_EQ(alice.last_body, kIsup);
  expect_nothing_left();
}

TEST_F(CallHeaders, AGatewayWithoutRoomIsNotTheSwitchWithoutRoom) {
  bob.on_call = [](InviteSession& call) {
    const Carried refusal("INVITE", "Retry-After: 3600\r\nX-C: 3\r\n");
    call.finish(503, {}, &refusal.message);
  };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 500");
  EXPECT_FALSE(has(alice.last_response, "Retry-After"));
  EXPECT_TRUE(has(alice.last_response, "Reason: Q.850;cause=41"));
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "GatewayUnavailable");
}

TEST_F(CallHeaders, AChallengeIsNotTheCallersToAnswer) {
  bob.on_call = [](InviteSession& call) {
    const Carried refusal("INVITE", "Proxy-Authenticate: Digest realm=\"b\"\r\nX-C: 3\r\n");
    call.finish(407, {}, &refusal.message);
  };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 503");
  EXPECT_FALSE(has(alice.last_response, "Authenticate"));
  EXPECT_FALSE(has(alice.last_response, "X-C"));
  expect_nothing_left();
}

TEST_F(CallHeaders, OfAByePassBothWays) {
  for (const bool caller_ends : {true, false}) {
    alice.dial(kSwitch, "491");
    net.run(Seconds{1});
    const Carried words("BYE",
                        "Reason: Q.850;cause=31;text=\"x\"\r\nX-Cost: 0.42\r\n"
                        "Content-Type: application/ISUP\r\n",
                        kIsup);
    Phone& ends = caller_ends ? alice : bob;
    Phone& other = caller_ends ? bob : alice;
    ends.leg()->finish(0, {}, &words.message);
    net.run(Seconds{3});
    EXPECT_EQ(other.events.back(), "bye");
    EXPECT_TRUE(has(other.last_request, "Reason: Q.850;cause=31;text=\"x\"\r\nX-Cost: 0.42\r\n"));
    EXPECT_FALSE(has(other.last_request, "cause=16"));
    EXPECT_EQ(body_of(net.last("BYE")), kIsup);
  }
  expect_nothing_left();
}

TEST_F(CallHeaders, WhyACallerCancelsReachesTheCallee) {
  bob.on_call = [](InviteSession& call) { call.progress(180); };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  alice.leg()->finish(487, "SIP;cause=200;text=\"Call completed elsewhere\"");
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "cancelled");
  EXPECT_TRUE(has(bob.last_request, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
  expect_nothing_left();
}

TEST_F(CallHeaders, OtherPartsOfABodyKeepEveryByte) {
  alice.offer_type = "multipart/mixed;boundary=\"b1\"";
  alice.invite_headers = "MIME-Version: 1.0\r\n";
  bob.on_call = [](InviteSession& call) {
    call.accept("multipart/mixed; boundary=b1", sip_i(kAnswer));
  };
  alice.dial(kSwitch, "491", sip_i(kOffer));
  net.run(Seconds{1});
  EXPECT_TRUE(has(bob.last_request, "MIME-Version: 1.0\r\n"));
  EXPECT_TRUE(has(bob.last_request, "Content-Type: multipart/mixed;boundary=\"b1\"\r\n"));
  const auto there = sip::find_sdp("multipart/mixed;boundary=b1", bob.last_body);
  EXPECT_TRUE(has(std::string(there), "c=IN IP4 10.77.2.1\r\n"));
  EXPECT_EQ(bob.last_body, sip_i(std::string(there)));
  const auto back = sip::find_sdp("multipart/mixed;boundary=b1", alice.last_body);
  EXPECT_TRUE(has(std::string(back), "c=IN IP4 10.77.1.1\r\n"));
  EXPECT_EQ(alice.last_body, sip_i(std::string(back)));
  hang_up();
}

TEST_F(CallHeaders, ABodyWithoutDescriptionIsRefusedWithWhatWeTake) {
  alice.offer_type = "multipart/mixed;boundary=b1";
  alice.dial(kSwitch, "491", "--b1\r\nContent-Type: application/ISUP\r\n\r\nx\r\n--b1--\r\n");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "refused 415");
  EXPECT_TRUE(has(alice.last_response, "Accept: application/sdp, multipart/mixed\r\n"));
  expect_nothing_left();
}

TEST_F(CallHeaders, AnIsupOnlyProvisionalPassesWhole) {
  bob.on_call = [](InviteSession& call) {
    call.progress(183, "application/ISUP;version=x", kIsup);
    call.accept("application/sdp", kAnswer);
  };
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  EXPECT_EQ(body_of(net.last("SIP/2.0 183")), kIsup);
  hang_up();
}

// Changes of a call that is up, by re-INVITE and by UPDATE.
class ChangeHeaders : public CallHeaders, public ::testing::WithParamInterface<sip::Method> {
 protected:
  void connect() {
    alice.dial(kSwitch, "491");
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
  }
  bool ask(Phone& phone, const std::string& headers, const std::string& body = kOffer,
           const std::string& type = "application/sdp") {
    InviteSession& leg = *phone.leg();
    const bool asked = GetParam() == sip::Method::kInvite
                           ? leg.offer(type, body, headers)
                           : leg.update(leg.fork(), type, body, headers);
    net.settle();
    return asked;
  }
};
INSTANTIATE_TEST_SUITE_P(Methods, ChangeHeaders,
                         ::testing::Values(sip::Method::kInvite, sip::Method::kUpdate));

TEST_P(ChangeHeaders, PassBothWays) {
  connect();
  const Carried answer("INVITE", "X-B: 2\r\nServer: other\r\nCall-Info: <sip:x>\r\n");
  const auto on_change = [&](InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kAnswer, "Server: other\r\n" + answer.headers);
  };
  for (const bool caller_asks : {true, false}) {
    Phone& asks = caller_asks ? alice : bob;
    Phone& other = caller_asks ? bob : alice;
    other.on_change = on_change;
    ASSERT_TRUE(ask(asks,
                    "X-Hold: 1 ;q=\"a, b\"\r\nx-hold: 2\r\nUser-Agent: other\r\n"
                    "P-Asserted-Identity: <sip:other@x>\r\nReason: SIP;cause=200\r\n"));
    EXPECT_TRUE(
        has(other.last_request, "X-Hold: 1 ;q=\"a, b\"\r\nx-hold: 2\r\nReason: SIP;cause=200\r\n"))
        << other.last_request;
    EXPECT_FALSE(has(other.last_request, "other"));
    EXPECT_EQ(asks.events.back(), "offer 200");
    EXPECT_TRUE(has(asks.last_response, "X-B: 2\r\nCall-Info: <sip:x>\r\n"));
    EXPECT_FALSE(has(asks.last_response, "other"));
  }
  hang_up();
}

TEST_P(ChangeHeaders, OtherPartsOfABodyKeepEveryByte) {
  connect();
  const std::string type = "multipart/mixed;boundary=b1";
  bob.on_change = [&](InviteSession& leg) { leg.answer_offer(200, type, sip_i(kAnswer)); };
  ASSERT_TRUE(ask(alice, "MIME-Version: 1.0\r\n", sip_i(kOffer), type));
  EXPECT_TRUE(has(bob.last_request, "MIME-Version: 1.0\r\n"));
  EXPECT_TRUE(has(bob.last_request, "Content-Type: " + type + "\r\n"));
  const auto there = sip::find_sdp(type, bob.last_body);
  EXPECT_TRUE(has(std::string(there), "c=IN IP4 10.77.2.1\r\n"));
  EXPECT_EQ(bob.last_body, sip_i(std::string(there)));
  EXPECT_EQ(alice.events.back(), "offer 200");
  const auto back = sip::find_sdp(type, alice.last_body);
  EXPECT_TRUE(has(std::string(back), "c=IN IP4 10.77.1.1\r\n"));
  EXPECT_EQ(alice.last_body, sip_i(std::string(back)));
  hang_up();
}

TEST_P(ChangeHeaders, OfARefusalPassWithItsBody) {
  connect();
  const std::string words =
      "Reason: Q.850;cause=47\r\nWarning: 399 b \"no room\"\r\nRetry-After: 60\r\nX-C: 3\r\n";
  const Carried refusal("INVITE", words + "Content-Type: application/ISUP;version=x\r\n", kIsup);
  struct Case {
    int said;
    int told;
  };
  // A 503 of a gateway's is no word of ours (RFC 3261 §16.7).
  for (const auto& [said, told] :
       {Case{488, 488}, Case{500, 500}, Case{503, 500}, Case{606, 606}, Case{302, 488}}) {
    bob.on_change = [&](InviteSession& leg) { leg.refuse_offer(said, &refusal.message); };
    ASSERT_TRUE(ask(alice, {}));
    EXPECT_EQ(alice.events.back(), "offer refused " + std::to_string(told));
    EXPECT_TRUE(has(alice.last_response, words)) << alice.last_response;
    EXPECT_EQ(alice.last_response.find("Retry-After"), alice.last_response.rfind("Retry-After"));
    EXPECT_EQ(alice.last_body, kIsup);
  }
  hang_up();
}

TEST_P(ChangeHeaders, ADescriptionInARefusalDoesNotPass) {
  connect();
  const Carried refusal("INVITE", "X-C: 3\r\nContent-Type: application/sdp\r\n", kAnswer);
  bob.on_change = [&](InviteSession& leg) { leg.refuse_offer(488, &refusal.message); };
  ASSERT_TRUE(ask(alice, {}));
  EXPECT_EQ(alice.events.back(), "offer refused 488");
  EXPECT_TRUE(has(alice.last_response, "X-C: 3\r\n"));
  EXPECT_EQ(alice.last_body, "");
  hang_up();
}

TEST_P(ChangeHeaders, ARefusalThatNamesNoTimeGetsOne) {
  RawParty gateway{net, "10.77.2.2:5060"};
  alice.dial(kSwitch, "491");
  net.settle();
  gateway.respond(gateway.invite, "200 OK", "b1", kAnswer, "Allow: INVITE, ACK, BYE, UPDATE\r\n");
  net.settle();
  ASSERT_TRUE(ask(alice, {}));
  const std::string change = gateway.got.back();
  ASSERT_TRUE(change.starts_with(sip::method_name(GetParam())));
  gateway.respond(change, "500 No", {}, {}, "X-C: 3\r\n");
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 500");
  EXPECT_TRUE(has(alice.last_response, "X-C: 3\r\n"));
  EXPECT_TRUE(has(alice.last_response, "Retry-After: "));
  hang_up();
}

TEST_F(CallHeaders, OfALateOfferPassBothWays) {
  alice.dial(kSwitch, "491");
  net.run(Seconds{1});
  const std::string type = "multipart/mixed;boundary=b1";
  bob.on_change = [&](InviteSession& leg) {
    leg.answer_offer(200, type, sip_i(kAnswer), "X-B: 2\r\n");
  };
  ASSERT_TRUE(alice.leg()->offer({}, {}, "X-A: 1\r\n"));
  net.settle();
  EXPECT_TRUE(has(bob.last_request, "X-A: 1\r\n"));
  EXPECT_EQ(bob.last_body, "");
  EXPECT_TRUE(has(alice.last_response, "X-B: 2\r\n"));
  const auto offer = sip::find_sdp(type, alice.last_body);
  EXPECT_TRUE(has(std::string(offer), "c=IN IP4 10.77.1.1\r\n"));
  EXPECT_EQ(alice.last_body, sip_i(std::string(offer)));
  alice.leg()->ack_offer("application/sdp", kOffer);
  net.settle();
  EXPECT_EQ(bob.events.back(), "offer acked");
  hang_up();
}

}  // namespace
}  // namespace tandem::test
