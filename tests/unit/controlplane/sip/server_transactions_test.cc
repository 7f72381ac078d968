// What responses take from their request, which isn't kept.
#include "controlplane/sip/server_transactions.h"

#include <gtest/gtest.h>

#include "controlplane/sip/parser.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {
namespace {

using sip::ServerId;

class Servers : public ::testing::Test, sip::ServerUser {
 protected:
  void receive(const std::string& method, std::string_view branch = "z9hG4bK1",
               std::string_view to = "<sip:b@x>", std::string_view call_id = "c1@x", int cseq = 7) {
    bytes = method +
            " sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a.example;rport;branch=" + std::string(branch) +
            " , SIP/2.0/UDP first;branch=z9hG4bK0\r\nv: SIP/2.0/TCP last\r\n"
            "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nrecord-route: <sip:p0;lr>\r\n"
            "f: <sip:a@x>;tag=f1\r\nTo: " +
            std::string(to) + "\r\ni: " + std::string(call_id) +
            "\r\nCSeq: " + std::to_string(cseq) + " " + method +
            "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    sip::Message message;
    EXPECT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, message).verdict,
              sip::ParseVerdict::kOk);
    servers.receive(message, {at("10.77.2.2"), at("10.77.1.2:41000")});
    bytes.assign(bytes.size(), '?');  // nothing may be read later
  }
  int refuse_at_the_door(const sip::Message&, const sip::Path&) override { return refuse; }
  void on_request(ServerId id, const sip::Message&, const sip::Path&) override { last = id; }
  void on_cancel(ServerId invite, ServerId cancel, const sip::Message&, const sip::Path&) override {
    if (!invite) {
      servers.respond(cancel, {.status = 481, .to_tag = "t1"});
      return;
    }
    cancelled = servers.cookie(invite);
    servers.respond(cancel, {.status = 200, .to_tag = "t1"});
  }
  void on_ack(const sip::Message&, const sip::Path&) override { ++acks; }

  const std::string head =
      "Via: SIP/2.0/UDP a.example;rport=41000;branch=z9hG4bK1;received=10.77.1.2, "
      "SIP/2.0/UDP first;branch=z9hG4bK0\r\nVia: SIP/2.0/TCP last\r\nFrom: <sip:a@x>;tag=f1\r\n";
  VirtualNet net;
  VirtualNet::Port port{net};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = net.wheel(), .transport = port, .counters = counters, .random = random};
  sip::ServerTransactions servers{env, *this};
  std::string bytes;
  ServerId last;
  std::uint64_t cancelled = 0;
  int acks = 0;
  int refuse = 0;
};

TEST_F(Servers, ResponsesTakeWhatTheyNeedFromTheirRequest) {
  receive("INVITE");
  servers.respond(last, {.status = 100});
  EXPECT_EQ(net.last("SIP/2.0 100"), "SIP/2.0 100 Trying\r\n" + head +
                                         "To: <sip:b@x>\r\nCall-ID: c1@x\r\nCSeq: 7 INVITE\r\n"
                                         "Content-Length: 0\r\n\r\n");
  const sip::HeaderLine lines[] = {{sip::HeaderId::kContact, "<sip:us>"}};
  servers.respond(last, {.status = 180, .reason = "Ja", .to_tag = "t1", .headers = lines});
  EXPECT_EQ(net.last("SIP/2.0 180"),
            "SIP/2.0 180 Ja\r\n" + head +
                "To: <sip:b@x>;tag=t1\r\nCall-ID: c1@x\r\nCSeq: 7 INVITE\r\n"
                "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: <sip:p0;lr>\r\n"
                "Contact: <sip:us>\r\nContent-Length: 0\r\n\r\n");
  servers.respond(last, {.status = 486, .to_tag = "t1"});
  EXPECT_EQ(net.last("SIP/2.0 486").find("Record-Route"), std::string::npos);
  EXPECT_EQ(net.log().back().path.remote, at("10.77.1.2:41000"));
}

TEST_F(Servers, ATagThatIsThereStays) {
  receive("BYE", "z9hG4bK1", "<sip:b@x>;tag=t1");
  servers.respond(last, {.status = 200, .to_tag = "another"});
  EXPECT_NE(net.last("SIP/2.0 200").find("\r\nTo: <sip:b@x>;tag=t1\r\n"), std::string::npos);
  EXPECT_EQ(net.last("SIP/2.0 200").find("Record-Route"), std::string::npos);
}

TEST_F(Servers, LineEndsInAReplyBecomeA500) {
  receive("INVITE");
  const sip::HeaderLine lines[] = {{sip::HeaderId::kContact, "<sip:us>\r\nEvil: 1"}};
  EXPECT_FALSE(servers.respond(last, {.status = 200, .to_tag = "t1", .headers = lines}));
  EXPECT_EQ(net.count("SIP/2.0 200"), 0);
  EXPECT_EQ(net.count("SIP/2.0 500"), 1);
}

TEST_F(Servers, WhatIsTheSameRequest) {
  receive("OPTIONS", "z9hG4bK1");
  const ServerId first = last;
  receive("OPTIONS", "z9hG4bK1");
  EXPECT_EQ(last, first);
  EXPECT_EQ(counters.get(wire::Counter::sip_absorbed), 1u);
  receive("OPTIONS", "z9hG4bK2");
  EXPECT_NE(last, first);
  receive("INFO", "z9hG4bK1");
  EXPECT_EQ(servers.live_count(), 3u);
  receive("OPTIONS", "old");  // RFC 2543: more than the branch is compared
  receive("OPTIONS", "old", "<sip:b@x>;tag=1");
  EXPECT_EQ(servers.live_count(), 4u);
}

// RFC 4475 §3.2.1: the bare magic cookie is no branch. What RFC 2543 compares parts the requests of
// all who send it, whose hosts behind one name would otherwise be one.
TEST_F(Servers, RequestsWithTheBareMagicCookieStayApart) {
  for (const auto* bare : {"z9hG4bK", "z9hg4bk"}) {
    receive("OPTIONS", bare);
    const ServerId first = last;
    const auto before = servers.live_count();
    receive("OPTIONS", bare, "<sip:b@x>", "c2@x");  // another's
    EXPECT_NE(last, first);
    receive("OPTIONS", bare, "<sip:b@x>", "c1@x", 8);  // the next one's
    EXPECT_NE(last, first);
    EXPECT_EQ(servers.live_count(), before + 2) << bare;
    // Each is still known when it comes again, and gets its own answer.
    servers.respond(first, {.status = 200, .to_tag = "t1"});
    const auto answered = net.log().size();
    receive("OPTIONS", bare);
    EXPECT_EQ(servers.live_count(), before + 2) << bare;
    ASSERT_EQ(net.log().size(), answered + 1);
    EXPECT_NE(net.log().back().bytes.find("\r\nCSeq: 7 OPTIONS\r\n"), std::string::npos);
    EXPECT_NE(net.log().back().bytes.find("\r\nCall-ID: c1@x\r\n"), std::string::npos);
  }
}

// And what belongs to an INVITE with such a Via still finds it, not the other's.
TEST_F(Servers, TheBareMagicCookiesAckAndCancelFindTheirInvite) {
  receive("INVITE", "z9hG4bK");
  const ServerId first = last;
  servers.tie(first, 41);
  receive("INVITE", "z9hG4bK", "<sip:b@x>", "c2@x");
  servers.tie(last, 42);
  receive("CANCEL", "z9hG4bK", "<sip:b@x>", "c2@x");
  EXPECT_EQ(cancelled, 42u);
  receive("CANCEL", "z9hG4bK");
  EXPECT_EQ(cancelled, 41u);
  servers.respond(first, {.status = 486, .to_tag = "t1"});
  receive("ACK", "z9hG4bK", "<sip:b@x>;tag=t1");
  net.run(base::Seconds{20});
  EXPECT_EQ(net.count("SIP/2.0 486"), 1);  // it isn't repeated any more
  EXPECT_EQ(acks, 0);                      // and the ACK was nobody else's
}

// Figure 8.
TEST_F(Servers, ARepeatedRequestIsAbsorbedAndItsAnswerRepeated) {
  receive("BYE");
  const ServerId bye = last;
  last = {};
  receive("BYE");
  EXPECT_FALSE(last.handle);       // nobody hears of it again
  EXPECT_TRUE(net.log().empty());  // there is nothing to say yet
  servers.respond(bye, {.status = 100});
  receive("BYE");
  EXPECT_EQ(net.count("SIP/2.0 100"), 2);
  servers.respond(bye, {.status = 200, .to_tag = "t1"});
  net.run(base::Seconds{20});
  EXPECT_EQ(net.count("SIP/2.0 200"), 1);  // it has no timer G
  receive("BYE");
  EXPECT_EQ(net.count("SIP/2.0 200"), 2);
  EXPECT_EQ(net.log().back().bytes, net.last("SIP/2.0 200"));
  // There is one final response; what would be another is not sent.
  servers.respond(bye, {.status = 481, .to_tag = "t1"});
  receive("BYE");
  EXPECT_EQ(net.count("SIP/2.0 481"), 0);
  EXPECT_EQ(net.count("SIP/2.0 200"), 3);
  EXPECT_EQ(counters.get(wire::Counter::sip_absorbed), 4u);
  EXPECT_FALSE(last.handle);
}

TEST_F(Servers, TimerJKeepsTheAnswerFor64T1) {
  receive("BYE");
  net.run(base::Seconds{100});  // nothing ends it before it is answered
  EXPECT_EQ(servers.live_count(), 1u);
  servers.respond(last, {.status = 200, .to_tag = "t1"});
  net.run(base::Millis{31'900});
  receive("BYE");  // repeated: J isn't begun again
  EXPECT_EQ(servers.live_count(), 1u);
  EXPECT_EQ(net.count("SIP/2.0 200"), 2);
  net.run(base::Millis{200});
  EXPECT_EQ(servers.live_count(), 0u);
  EXPECT_EQ(net.wheel().live(), 0u);
  receive("BYE");  // new to us now
  EXPECT_EQ(servers.live_count(), 1u);
  EXPECT_EQ(net.count("SIP/2.0 200"), 2);
}

TEST_F(Servers, CancelFindsItsInviteAndWhatItWasTiedTo) {
  receive("INVITE");
  servers.tie(last, 42);
  receive("CANCEL");
  EXPECT_EQ(cancelled, 42u);
  receive("CANCEL", "z9hG4bK2");
  EXPECT_EQ(net.count("SIP/2.0 481"), 1);
}

TEST_F(Servers, AnAcknowledged2xxIsNotKept) {
  receive("INVITE");
  const ServerId invite = last;
  servers.respond(invite, {.status = 200, .to_tag = "t1"});
  EXPECT_TRUE(servers.resend(invite));
  EXPECT_EQ(net.count("SIP/2.0 200"), 2);
  servers.acknowledged(invite);
  EXPECT_FALSE(servers.resend(invite));
  servers.respond(invite, {.status = 200, .to_tag = "t1"});
  receive("INVITE");  // still the same one, and absorbed (RFC 6026 §7.1)
  EXPECT_EQ(last, invite);
  EXPECT_EQ(net.count("SIP/2.0 200"), 2);
  net.run(base::Seconds{33});
  EXPECT_EQ(servers.live_count(), 0u);
}

TEST_F(Servers, AStatelessAnswerHasTheSameTagEachTime) {
  refuse = 403;
  receive("INVITE");
  receive("INVITE");
  EXPECT_EQ(net.count("SIP/2.0 403"), 2);
  EXPECT_EQ(net.log()[0].bytes, net.log()[1].bytes);
  EXPECT_NE(net.log()[0].bytes.find("\r\nTo: <sip:b@x>;tag="), std::string::npos);
  EXPECT_EQ(servers.live_count(), 0u);
}

}  // namespace
}  // namespace tandem::test
