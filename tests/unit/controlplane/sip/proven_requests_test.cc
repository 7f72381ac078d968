// Calls to a vendor who asks for a password: whatever it challenges goes out again with a proof,
// and nobody above notices.
#include "controlplane/sip/proven_requests.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/sip/digest.h"
#include "tests/unit/controlplane/phone.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Seconds;
using Events = std::vector<std::string>;

class ProvenCalls : public ::testing::Test {
 protected:
  ProvenCalls() {
    alice.credentials = std::make_shared<sip::DigestClient>(
        sip::DigestClient::Identity{"4930", "s3cret"}, 6u, random);
    alice.contact_user = "4930";
  }
  // Whether its proof is right, for this nonce.
  static bool proves(const std::string& request, const std::string& nonce,
                     const std::string& header = "Authorization") {
    const auto value = field(request, header);
    const auto said = sip::parse_credentials(value);
    if (!said || said->nonce != nonce) return false;
    const auto method = request.substr(0, request.find(' '));
    const sip::Hex ha1(sip::ha1_of(said->algorithm, "4930", "b", "s3cret"));
    const sip::Hex ha2(sip::digest_of(said->algorithm, {method, ":", said->uri}));
    const sip::Hex wanted(sip::digest_of(
        said->algorithm, {ha1, ":", nonce, ":", said->count, ":", said->cnonce, ":auth:", ha2}));
    return said->response == std::string_view(wanted);
  }
  void challenge(const std::string& request, const std::string& nonce, const char* more = "") {
    vendor.respond(request, "401 Unauthorized", "t0", {},
                   fmt::format("WWW-Authenticate: Digest realm=\"b\", nonce=\"{}\", "
                               "qop=\"auth\", algorithm=SHA-256{}\r\n",
                               nonce, more));
    net.settle();
  }
  // The last request that came, which has to be another one than before.
  std::string next(const std::string& method) {
    EXPECT_GT(vendor.got.size(), seen) << method;
    seen = vendor.got.size();
    return vendor.last(method);
  }
  // Up, by its second INVITE.
  void call() {
    alice.dial("10.77.2.2:5060", "100");
    net.settle();
    challenge(next("INVITE"), "n1");
    vendor.respond(next("INVITE"), "200 OK", "t1", kAnswer);
    net.settle();
    next("ACK");
  }
  void expect_nothing_left() {
    net.run(Seconds{70});
    EXPECT_EQ(alice.agent().live_sessions(), 0u);
    EXPECT_EQ(alice.agent().live_transactions(), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }

  VirtualNet net;
  base::SeededRandom random{5};
  Phone alice{net, "10.77.1.2:5060"};
  RawParty vendor{net, "10.77.2.2:5060"};
  std::size_t seen = 0;
};

TEST_F(ProvenCalls, AnInviteGoesOutAgain) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  const auto first = next("INVITE");
  EXPECT_EQ(field(first, "Authorization"), "");
  EXPECT_EQ(field(first, "Contact"), "<sip:4930@10.77.1.2:5060>");
  challenge(first, "n1");
  const auto ack = vendor.last("ACK");
  EXPECT_EQ(field(ack, "CSeq"), "1 ACK");
  EXPECT_EQ(field(ack, "Via"), field(first, "Via"));
  const auto second = next("INVITE");
  EXPECT_EQ(field(second, "CSeq"), "2 INVITE");
  EXPECT_NE(field(second, "Via"), field(first, "Via"));
  for (const auto* same : {"Call-ID", "From", "To", "Contact", "Content-Type"}) {
    EXPECT_EQ(field(second, same), field(first, same)) << same;
  }
  EXPECT_EQ(body_of(second), kOffer);
  EXPECT_TRUE(proves(second, "n1"));
  vendor.respond(second, "180 Ringing", "t1");
  vendor.respond(second, "200 OK", "t1", kAnswer);
  net.settle();
  EXPECT_EQ(alice.events, (Events{"180", "200"}));
  const auto confirmed = next("ACK");
  EXPECT_EQ(field(confirmed, "CSeq"), "2 ACK");
  EXPECT_EQ(field(confirmed, "Authorization"), field(second, "Authorization"))
      << "the INVITE's own (RFC 3261 section 13.2.2.4)";
  vendor.respond(second, "200 OK", "t1", kAnswer);
  net.settle();
  EXPECT_EQ(next("ACK"), confirmed);
  alice.leg()->finish(0);
  net.settle();
  const auto bye = next("BYE");
  EXPECT_EQ(field(bye, "CSeq"), "3 BYE");
  EXPECT_TRUE(proves(bye, "n1"));
  EXPECT_NE(field(bye, "Authorization").find("nc=00000002"), std::string::npos);
  EXPECT_EQ(alice.count(wire::Counter::sip_proven), 1u);
  expect_nothing_left();
}

TEST_F(ProvenCalls, TheNextCallHasItsProofAtOnce) {
  call();
  alice.leg()->finish(0);
  net.settle();
  alice.dial("10.77.2.2:5060", "101");
  net.settle();
  const auto invite = next("INVITE");
  EXPECT_TRUE(proves(invite, "n1"));
  EXPECT_EQ(field(invite, "CSeq"), "1 INVITE");
  challenge(invite, "n2", ", stale=true");
  EXPECT_TRUE(proves(next("INVITE"), "n2"));
  vendor.respond(vendor.last("INVITE"), "486 Busy Here", "t2");
  net.settle();
  EXPECT_EQ(alice.events.back(), "refused 486");
  EXPECT_EQ(field(vendor.last("ACK"), "CSeq"), "2 ACK");
  expect_nothing_left();
}

TEST_F(ProvenCalls, AWrongPasswordIsARefusal) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  challenge(next("INVITE"), "n1");
  challenge(next("INVITE"), "n2");
  EXPECT_EQ(alice.events, (Events{"refused 401"}));
  EXPECT_EQ(vendor.count("INVITE"), 2);
  EXPECT_EQ(vendor.count("ACK"), 2);
  expect_nothing_left();
}

TEST_F(ProvenCalls, ChallengesAreBounded) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  for (int i = 0; i < 7; ++i) challenge(next("INVITE"), fmt::format("n{}", i), ", stale=true");
  EXPECT_EQ(alice.events, (Events{"refused 401"}));
  EXPECT_EQ(field(vendor.last("INVITE"), "CSeq"), "7 INVITE");
  expect_nothing_left();
}

TEST_F(ProvenCalls, WithoutCredentialsAsBefore) {
  alice.credentials.reset();
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  challenge(next("INVITE"), "n1");
  EXPECT_EQ(alice.events, (Events{"refused 401"}));
  EXPECT_EQ(vendor.count("INVITE"), 1);
  expect_nothing_left();
}

// Its ACK was lost: the former INVITE's refusal is known again, and the new one goes on.
TEST_F(ProvenCalls, ARepeatedChallengeIsAcknowledgedAgain) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  const auto first = next("INVITE");
  challenge(first, "n1");
  const auto ack = vendor.last("ACK");
  challenge(vendor.last("INVITE"), "n2", ", stale=true");
  seen = vendor.got.size();
  challenge(first, "n1");
  EXPECT_EQ(next("ACK"), ack);
  EXPECT_EQ(vendor.count("INVITE"), 3);
  EXPECT_EQ(alice.count(wire::Counter::drop_sip_response_stray), 0u);
  vendor.respond(vendor.last("INVITE"), "486 Busy Here", "t3");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"refused 486"}));
  expect_nothing_left();
}

TEST_F(ProvenCalls, ACancelWaitsForTheNewOnesAnswer) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  vendor.respond(next("INVITE"), "100 Trying", "");
  net.settle();
  challenge(vendor.last("INVITE"), "n1");
  const auto second = next("INVITE");
  alice.leg()->finish(487);
  net.settle();
  EXPECT_EQ(vendor.count("CANCEL"), 0);
  vendor.respond(second, "180 Ringing", "t1");
  net.settle();
  const auto cancel = next("CANCEL");
  EXPECT_EQ(field(cancel, "Via"), field(second, "Via"));
  EXPECT_EQ(field(cancel, "CSeq"), "2 CANCEL");
  vendor.respond(cancel, "200 OK", "t1");
  vendor.respond(second, "487 Request Terminated", "t1");
  net.settle();
  expect_nothing_left();
}

TEST_F(ProvenCalls, NobodyWaitsForItAnyLonger) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  vendor.respond(next("INVITE"), "180 Ringing", "t1");
  net.settle();
  const auto invite = vendor.last("INVITE");
  alice.leg()->finish(487);
  net.settle();
  challenge(invite, "n1");
  EXPECT_EQ(vendor.count("INVITE"), 1);
  expect_nothing_left();
}

// A proxy that rings before it asks; then reliably.
TEST_F(ProvenCalls, EarlyDialogsEndWithTheirInvite) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  const auto first = next("INVITE");
  vendor.respond(first, "180 Ringing", "t1");
  net.settle();
  challenge(first, "n1");
  const auto second = next("INVITE");
  vendor.respond(second, "183 Session Progress", "t2", kAnswer, "Require: 100rel\r\nRSeq: 9\r\n");
  net.settle();
  const auto prack = next("PRACK");
  EXPECT_EQ(field(prack, "RAck"), "9 2 INVITE");
  EXPECT_TRUE(proves(prack, "n1"));
  vendor.respond(second, "200 OK", "t2");
  net.settle();
  EXPECT_EQ(alice.events, (Events{"180", "183", "200"}));
  vendor.request("BYE", "t1", 1);
  net.settle();
  EXPECT_EQ(vendor.count("SIP/2.0 481"), 1) << "of the early dialog that is over";
  vendor.request("BYE", "t2", 2);
  net.settle();
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
}

TEST_F(ProvenCalls, AChangeIsProven) {
  call();
  EXPECT_TRUE(alice.leg()->offer("application/sdp", kOffer));
  net.settle();
  const auto first = next("INVITE");
  EXPECT_EQ(field(first, "CSeq"), "3 INVITE");
  challenge(first, "n2", ", stale=true");
  const auto second = next("INVITE");
  EXPECT_EQ(field(second, "CSeq"), "4 INVITE");
  EXPECT_EQ(field(second, "Contact"), "<sip:4930@10.77.1.2:5060>");
  EXPECT_TRUE(proves(second, "n2"));
  vendor.respond(second, "200 OK", "", kAnswer);
  net.settle();
  const auto ack = next("ACK");
  EXPECT_EQ(field(ack, "CSeq"), "4 ACK");
  EXPECT_EQ(field(ack, "Authorization"), field(second, "Authorization"));
  vendor.respond(second, "200 OK", "", kAnswer);
  net.settle();
  EXPECT_EQ(next("ACK"), ack);
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(ProvenCalls, ThePartiesOwnRequestsAreProven) {
  call();
  EXPECT_TRUE(alice.ask("INFO", "X-Mine: 1\r\n", "hello"));
  net.settle();
  const auto first = next("INFO");
  challenge(first, "n2", ", stale=true");
  const auto second = next("INFO");
  EXPECT_EQ(field(second, "X-Mine"), "1");
  EXPECT_EQ(body_of(second), "hello");
  EXPECT_TRUE(proves(second, "n2"));
  vendor.respond(second, "200 OK", "");
  net.settle();
  EXPECT_EQ(alice.events.back(), "answer 200");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(ProvenCalls, AByeIsProven) {
  call();
  vendor.answers_bye = false;
  alice.leg()->finish(0);
  net.settle();
  const auto first = next("BYE");
  vendor.respond(first, "407 Proxy Authentication Required", "", {},
                 "Proxy-Authenticate: Digest realm=\"b\", nonce=\"p1\", qop=\"auth\"\r\n");
  net.settle();
  const auto second = next("BYE");
  EXPECT_EQ(field(second, "CSeq"), "4 BYE");
  EXPECT_TRUE(proves(second, "p1", "Proxy-Authorization"));
  EXPECT_EQ(alice.agent().open_sessions(), 1u);
  vendor.respond(second, "200 OK", "");
  net.settle();
  EXPECT_EQ(alice.agent().open_sessions(), 0u);
  expect_nothing_left();
}

// A call that came in: what we send in its dialog is proven as well.
TEST_F(ProvenCalls, AsTheCalledSide) {
  alice.on_call = [&](sip::InviteSession& leg) {
    leg.prove_with(alice.credentials, "4930");
    leg.accept("application/sdp", kAnswer);
  };
  vendor.towards("10.77.1.2:5060");
  vendor.answers_bye = false;
  vendor.send("INVITE", "<sip:b@10.77.2.2>;tag=f1", "<sip:4930@10.77.1.2>", "c1", 1, {}, kOffer);
  net.settle();
  const auto answer = next("SIP/2.0 200");
  EXPECT_EQ(field(answer, "Contact"), "<sip:4930@10.77.1.2:5060>");
  vendor.send("ACK", "<sip:b@10.77.2.2>;tag=f1", field(answer, "To"), "c1", 1);
  net.settle();
  alice.leg()->finish(0);
  net.settle();
  challenge(next("BYE"), "n1");
  const auto bye = next("BYE");
  EXPECT_TRUE(proves(bye, "n1"));
  vendor.respond(bye, "200 OK", "");
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
