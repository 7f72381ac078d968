// RFC 3261 §10.3, step by step, with a clock of our own.
#include "controlplane/sip/registration.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

class Registration : public ::testing::Test {
 protected:
  struct Sent {
    std::string contacts;  // header lines, LF ends
    std::string call_id = "c1";
    int cseq = 0;  // 0: the next
    bool nat = false;
  };
  std::string request(const Sent& sent) {
    cseq = sent.cseq != 0 ? sent.cseq : cseq + 1;
    return crlf(
        "REGISTER sip:example.net SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n"
        "Max-Forwards: 70\nFrom: <sip:alice@example.net>;tag=1\n"
        "To: <sip:alice@example.net>\nCall-ID: " +
        sent.call_id + "\nCSeq: " + std::to_string(cseq) + " REGISTER\n" + sent.contacts +
        "Content-Length: 0\n\n");
  }
  int send(const Sent& sent) {
    Parsed parsed(request(sent));
    EXPECT_EQ(parsed.outcome.verdict, ParseVerdict::kOk) << parsed.outcome.reason;
    RegisterWish wish;
    if (const auto fault = read_register(parsed.message, {1, 2}, wish)) {
      reason = fault->reason;
      return fault->status;
    }
    outcome = apply_register(bindings, wish, policy, way, sent.nat, now);
    return outcome.status;
  }
  int send(const std::string& contacts) { return send(Sent{.contacts = contacts}); }
  std::vector<std::string> listed() const {
    std::vector<std::string> out;
    for (const auto& binding : bindings) out.push_back(contact_value(binding, now));
    return out;
  }
  using Lines = std::vector<std::string>;

  RegistrationPolicy policy{.least = Seconds{300}, .most = Seconds{3600}};
  Path way{{}, *base::Endpoint::parse("192.0.2.1:5060", 0)};
  Nanos now = Seconds{1000};
  int cseq = 0;
  std::vector<Binding> bindings;
  RegisterOutcome outcome;
  std::string reason;
};

// There are millions of them, but nothing that leads back is lost.
TEST_F(Registration, KeepsTheWayItCame) {
  way = {.local = *base::Endpoint::parse("[2001:db8::1]:5061", 0),
         .remote = *base::Endpoint::parse("192.0.2.77:40123", 0),
         .protocol = Protocol::kTls,
         .flow = 0x1234'5678'9abc'def0};
  EXPECT_EQ(send("Contact: <sip:a@192.0.2.1>\n"), 200);
  const Path kept = bindings[0].way;
  EXPECT_EQ(kept.local, way.local);
  EXPECT_EQ(kept.remote, way.remote);
  EXPECT_EQ(kept.protocol, way.protocol);
  EXPECT_EQ(kept.flow, way.flow);
  EXPECT_EQ(bindings[0].way.remote.text(), "192.0.2.77:40123");
}

TEST_F(Registration, BindsRefreshesAndRunsOut) {
  EXPECT_EQ(send("Contact: <sip:a@192.0.2.1>;expires=600;audio\n"), 200);
  EXPECT_EQ(outcome.added, 1u);
  EXPECT_EQ(listed(), (Lines{"<sip:a@192.0.2.1>;audio;expires=600"}));
  EXPECT_EQ(bindings[0].way.remote, way.remote);
  now += Seconds{500};
  EXPECT_EQ(listed(), (Lines{"<sip:a@192.0.2.1>;audio;expires=100"}));
  way.remote.port = 1234;
  EXPECT_EQ(send("Contact: <sip:a@192.0.2.1>\nExpires: 900\n"), 200);
  EXPECT_EQ(outcome.added, 0u);
  EXPECT_EQ(listed(), (Lines{"<sip:a@192.0.2.1>;expires=900"}));
  EXPECT_EQ(bindings[0].way.remote.port, 1234);
  now += Seconds{900};
  EXPECT_EQ(send(""), 200);
  EXPECT_EQ(outcome.removed, 1u);
  EXPECT_EQ(listed(), Lines{});
}

TEST_F(Registration, GrantsWithinBounds) {
  EXPECT_EQ(send("Contact: <sip:a@x>;expires=299\n"), 423);
  EXPECT_EQ(send("Contact: <sip:a@x>\nExpires: 1\n"), 423);
  EXPECT_TRUE(bindings.empty());
  for (const auto& [said, granted] : {std::pair{"Contact: <sip:a@x>;expires=300\n", 300},
                                      {"Contact: <sip:a@x>\n", 3600},
                                      {"Contact: <sip:a@x>;expires=99999999999\n", 3600},
                                      {"Contact: <sip:a@x>;expires=abc\n", 3600},
                                      {"Contact: <sip:a@x>\nExpires: -5\n", 3600},
                                      {"Contact: <sip:a@x>;expires=400\nExpires: 500\n", 400}}) {
    EXPECT_EQ(send(said), 200);
    EXPECT_EQ(bindings.at(0).expires, now + Seconds{granted}) << said;
  }
  // Refused as a whole.
  EXPECT_EQ(send("Contact: <sip:a@x>;expires=500, <sip:b@x>;expires=5\n"), 423);
  EXPECT_EQ(bindings.at(0).expires, now + Seconds{400});
}

TEST_F(Registration, SeveralContactsWithQ) {
  EXPECT_EQ(send("Contact: <sip:a@x>;q=0.5, \"B\" <sip:b@x>;q=1.0\nContact: sip:c@x;q=0.25\n"),
            200);
  EXPECT_EQ(listed(), (Lines{"<sip:a@x>;expires=3600;q=0.500", "<sip:b@x>;expires=3600",
                             "<sip:c@x>;expires=3600;q=0.250"}));
  EXPECT_EQ(send("Contact: <sip:b@x>;expires=0\n"), 200);
  EXPECT_EQ(outcome.removed, 1u);
  EXPECT_EQ(bindings.size(), 2u);
  EXPECT_EQ(send("Contact: <sip:nobody@x>;expires=0\n"), 200);
  EXPECT_EQ(bindings.size(), 2u);
  for (const auto* q : {"1.1", "2", "0.1234", "x", "-0.1", "0.-1", "0.."}) {
    EXPECT_EQ(send("Contact: <sip:a@x>;q=" + std::string(q) + "\n"), 400) << q;
  }
}

TEST_F(Registration, RemovesAll) {
  send("Contact: <sip:a@x>, <sip:b@x>\n");
  EXPECT_EQ(send("Contact: *\n"), 400);
  EXPECT_EQ(send("Contact: *\nExpires: 10\n"), 400);
  EXPECT_EQ(send("Contact: *, <sip:a@x>\nExpires: 0\n"), 400);
  EXPECT_EQ(bindings.size(), 2u);
  EXPECT_EQ(send(Sent{.contacts = "Contact: *\nExpires: 0\n", .cseq = 1}), 500);  // out of order
  EXPECT_EQ(bindings.size(), 2u);
  EXPECT_EQ(send(Sent{.contacts = "Contact: *\nExpires: 0\n", .cseq = 90}), 200);
  EXPECT_EQ(outcome.removed, 2u);
  EXPECT_TRUE(bindings.empty());
  // Of whoever asks.
  send("Contact: <sip:a@x>\n");
  EXPECT_EQ(send(Sent{.contacts = "Contact: *\nExpires: 0\n", .call_id = "c2", .cseq = 1}), 200);
  EXPECT_TRUE(bindings.empty());
}

TEST_F(Registration, WhatComesLateChangesNothing) {
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:a@x>;expires=600\n", .cseq = 5}), 200);
  for (const int late : {5, 4}) {
    EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:a@x>;expires=0\n", .cseq = late}), 500);
  }
  // As a whole: not the other contact either.
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:b@x>, <sip:a@x>\n", .cseq = 5}), 500);
  EXPECT_EQ(listed(), (Lines{"<sip:a@x>;expires=600"}));
  // After a restart of the phone: another Call-ID begins anew.
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:a@x>\n", .call_id = "c2", .cseq = 1}), 200);
  EXPECT_EQ(bindings.size(), 1u);
}

TEST_F(Registration, AnotherDeviceKicksTheOldOne) {
  send("Contact: <sip:a@x>, <sip:a2@x>\n");
  now += Seconds{1};
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:b@y>\n", .call_id = "c2"}), 200);
  EXPECT_EQ(outcome.kicked.size(), 2u);
  EXPECT_EQ(outcome.added, 1u);
  EXPECT_EQ(listed(), (Lines{"<sip:b@y>;expires=3600"}));
  // A query and a removal kick nobody; a refresh neither, whatever its Call-ID.
  EXPECT_EQ(send(Sent{.contacts = "", .call_id = "c3"}), 200);
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:c@z>;expires=0\n", .call_id = "c3"}), 200);
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:b@y>\n", .call_id = "c4"}), 200);
  EXPECT_EQ(outcome.kicked.size(), 0u);
  EXPECT_EQ(bindings.size(), 1u);
}

TEST_F(Registration, OrItIsRefused) {
  policy.replace = false;
  send("Contact: <sip:a@x>;expires=400\n");
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:b@y>\n", .call_id = "c2"}), 403);
  EXPECT_EQ(listed(), (Lines{"<sip:a@x>;expires=400"}));
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:a@x>;expires=400\n", .call_id = "c9"}), 200);
  now += Seconds{400};  // the old one is unexpired no longer
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:b@y>\n", .call_id = "c2"}), 200);
  EXPECT_EQ(bindings.size(), 1u);
}

TEST_F(Registration, SeveralDevicesWhereTheAccountHasThem) {
  policy.devices = 2;
  for (const auto* id : {"1", "2", "3"}) {
    now += Seconds{1};
    const std::string contact = "Contact: <sip:a@x" + std::string(id) + ">\n";
    EXPECT_EQ(send(Sent{.contacts = contact, .call_id = id}), 200);
  }
  EXPECT_EQ(outcome.kicked.size(), 1u);
  EXPECT_EQ(bindings.at(0).uri(), "sip:a@x2");  // the oldest one went
  EXPECT_EQ(bindings.at(1).uri(), "sip:a@x3");
}

// RFC 5626: the same instance at another place is the same phone.
TEST_F(Registration, ADeviceThatMoves) {
  policy.replace = false;
  const std::string instance = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1\n";
  EXPECT_EQ(send("Contact: <sip:a@x:1>" + instance), 200);
  EXPECT_EQ(send(Sent{.contacts = "Contact: <sip:a@x:2>" + instance, .call_id = "c2"}), 200);
  EXPECT_EQ(outcome.kicked.size(), 0u);
  EXPECT_EQ(outcome.removed, 1u);
  EXPECT_EQ(listed(), (Lines{"<sip:a@x:2>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=3600"}));
}

TEST_F(Registration, TheSameUriHoweverItIsWritten) {
  send("Contact: <sip:al%69ce@EXAMPLE.net:5060;transport=udp;lr>\n");
  EXPECT_EQ(send("Contact: <sip:alice@example.NET:5060;TRANSPORT=UDP>\n"), 200);
  EXPECT_EQ(bindings.size(), 1u);
  for (const auto* other :
       {"sip:Alice@example.net:5060;transport=udp", "sip:alice@example.net;transport=udp",
        "sip:alice@example.net:5060", "sips:alice@example.net:5060;transport=udp",
        "sip:alice@example.net:5060;transport=tcp", "sip:example.net:5060;transport=udp",
        "sip:alice@example.net:5060;transport=udp?a=b"}) {
    bindings.resize(1);
    EXPECT_EQ(send("Contact: <" + std::string(other) + ">\n"), 200);
    EXPECT_EQ(bindings.size(), 2u) << other;
  }
}

TEST_F(Registration, KeepsThePath) {
  EXPECT_EQ(
      send("Contact: <sip:a@x>;expires=600\nPath: <sip:p1;lr>, <sip:p2;lr>\nPath: <sip:p3;lr>\n"),
      200);
  EXPECT_EQ(bindings.at(0).path(), "<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>");
  EXPECT_EQ(bindings.at(0).uri(), "sip:a@x");
}

TEST_F(Registration, LimitsOnWhatIsHeld) {
  std::string many = "Contact: <sip:a0@x>";
  for (int i = 1; i < 17; ++i) many += ", <sip:a" + std::to_string(i) + "@x>";
  EXPECT_EQ(send(many + "\n"), 403);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(send("Contact: <sip:a" + std::to_string(i) + "@x>\n"), 200);
  }
  EXPECT_EQ(send("Contact: <sip:a16@x>\n"), 403);
  EXPECT_EQ(bindings.size(), 16u);
  EXPECT_EQ(send("Contact: <sip:" + std::string(600, 'a') + "@x>\n"), 400);
  EXPECT_EQ(send("Contact: <sip:a@x>\nPath: <sip:" + std::string(1100, 'a') + "@x>\n"), 400);
  EXPECT_EQ(send("Contact: <tel:+49301>\n"), 400);
}

}  // namespace
}  // namespace tandem::sip
