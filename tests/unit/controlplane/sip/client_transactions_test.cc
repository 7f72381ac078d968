// How a response finds its request, and what ACK and CANCEL take from their INVITE.
#include "controlplane/sip/client_transactions.h"

#include <gtest/gtest.h>

#include "controlplane/sip/parser.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {
namespace {

using sip::ClientId;
using sip::Method;

class Clients : public ::testing::Test, sip::ClientUser {
 protected:
  ClientId send(Method method) {
    const ClientId id = clients.begin(method, 1, {at("10.77.1.1"), at("10.77.2.2")});
    via = clients.via(id);
    const std::string name(sip::method_name(method));
    EXPECT_TRUE(clients.send(
        id, name + " sip:100@10.77.2.2;x=1 SIP/2.0\r\nVia: " + via +
                "\r\nRoute: <sip:10.77.2.2;lr>\r\nRoute: <sip:10.77.3.3;lr>\r\nMax-Forwards: 9\r\n"
                "From: \"A: B\" <sip:a@10.77.1.1>;tag=f1\r\nTo: <sip:100@10.77.2.2>\r\n"
                "Call-ID: c1@x\r\nCSeq: 7 " +
                name +
                "\r\nContact: <sip:10.77.1.1>\r\nContent-Type: application/sdp\r\n"
                "Content-Length: 17\r\n\r\nTo: <sip:evil@x>\n"));
    return id;
  }
  bool receive(std::string_view status, std::string_view method, std::string_view its_via) {
    bytes = "SIP/2.0 " + std::string(status) + "\r\nVia: " + std::string(its_via) +
            "\r\nFrom: <sip:a@10.77.1.1>;tag=f1\r\nTo: <sip:100@10.77.2.2>;tag=t9\r\n"
            "Call-ID: c1@x\r\nCSeq: 7 " +
            std::string(method) + "\r\nContent-Length: 0\r\n\r\n";
    sip::Message message;
    EXPECT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, message).verdict,
              sip::ParseVerdict::kOk);
    return clients.receive(message);
  }
  void on_response(ClientId, std::uint64_t, const sip::Message& response) override {
    heard.push_back(response.status());
  }
  void on_timeout(ClientId, std::uint64_t) override { heard.push_back(0); }
  void on_failure(ClientId, std::uint64_t) override { heard.push_back(503); }
  void on_client_end(ClientId, std::uint64_t) override { heard.push_back(-1); }

  VirtualNet net;
  VirtualNet::Port port{net};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = net.wheel(), .transport = port, .counters = counters, .random = random};
  sip::ClientTransactions clients{env, *this};
  std::string via;
  std::string bytes;
  std::vector<int> heard;
};

TEST_F(Clients, AResponseFindsItsRequestByBranchAndMethod) {
  send(Method::kInvite);
  EXPECT_FALSE(receive("200 OK", "BYE", via));
  std::string other = via;
  other[other.find(";rport") - 1] ^= 1;  // the secret's last digit
  EXPECT_FALSE(receive("200 OK", "INVITE", other));
  EXPECT_FALSE(receive("200 OK", "INVITE", "SIP/2.0/UDP 10.77.1.1;branch=z9hG4bKs0-1"));
  EXPECT_FALSE(receive("200 OK", "INVITE", "SIP/2.0/UDP 10.77.1.1;branch=z9hG4bK"));
  EXPECT_FALSE(receive("200 OK", "CANCEL", via));  // none was sent
  EXPECT_TRUE(heard.empty());
  EXPECT_TRUE(receive("180 Ringing", "INVITE", via));
  EXPECT_TRUE(receive("200 OK", "INVITE", via));
  EXPECT_EQ(heard, (std::vector{180, 200}));
}

TEST_F(Clients, ARefusalIsAcknowledgedAgainAndAgainWithTheSameAck) {
  send(Method::kInvite);
  receive("486 Busy Here", "INVITE", via);
  EXPECT_EQ(net.last("ACK"),
            "ACK sip:100@10.77.2.2;x=1 SIP/2.0\r\nMax-Forwards: 70\r\nVia: " + via +
                "\r\nRoute: <sip:10.77.2.2;lr>\r\nRoute: <sip:10.77.3.3;lr>\r\n"
                "From: \"A: B\" <sip:a@10.77.1.1>;tag=f1\r\n"
                "To: <sip:100@10.77.2.2>;tag=t9\r\nCall-ID: c1@x\r\n"
                "CSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n");
  const std::string ack = net.last("ACK");
  receive("486 Busy Here", "INVITE", via);
  EXPECT_EQ(net.count("ACK"), 2);
  EXPECT_EQ(net.last("ACK"), ack);
  EXPECT_EQ(heard, (std::vector{486}));
}

TEST_F(Clients, CancelSharesItsInvitesBranch) {
  const ClientId invite = send(Method::kInvite);
  clients.cancel(invite);
  EXPECT_EQ(net.count("CANCEL"), 0);  // §9.1: not before a provisional response
  receive("180 Ringing", "INVITE", via);
  clients.cancel(invite);
  const std::string cancel = net.last("CANCEL");
  EXPECT_NE(cancel.find("\r\nVia: " + via + "\r\n"), std::string::npos);
  EXPECT_NE(cancel.find("\r\nTo: <sip:100@10.77.2.2>\r\n"), std::string::npos);
  EXPECT_NE(cancel.find("\r\nCSeq: 7 CANCEL\r\n"), std::string::npos);
  EXPECT_EQ(clients.live(), 2u);
  EXPECT_TRUE(receive("200 OK", "CANCEL", via));
  net.run(base::Seconds{6});  // timer K
  EXPECT_EQ(clients.live(), 1u);
  EXPECT_FALSE(receive("200 OK", "CANCEL", via));
  EXPECT_TRUE(receive("487 Request Terminated", "INVITE", via));
  EXPECT_EQ(net.count("CANCEL"), 1);  // it was answered before it had to be repeated
  EXPECT_EQ(net.count("ACK"), 1);
  net.run(base::Seconds{40});
  EXPECT_EQ(clients.live(), 0u);
  EXPECT_EQ(heard, (std::vector{180, 487, -1}));
}

// §17.1.2.2: timer E is T2 once a provisional response has come, however short the next gap would
// be; the one that runs already is left as it is.
TEST_F(Clients, AfterAProvisionalResponseARequestIsRepeatedEachT2) {
  env.timers.resend_gaps.assign(10, base::Millis{500});
  send(Method::kBye);
  net.run(base::Millis{1100});
  EXPECT_EQ(net.count("BYE"), 3);
  EXPECT_TRUE(receive("100 Trying", "BYE", via));
  net.run(base::Millis{500});
  EXPECT_EQ(net.count("BYE"), 4);
  for (int i = 0; i < 3; ++i) {
    net.run(base::Millis{3900});
    EXPECT_EQ(net.count("BYE"), 4 + i);
    EXPECT_TRUE(receive("100 Trying", "BYE", via));  // begins nothing again
    net.run(base::Millis{100});
    EXPECT_EQ(net.count("BYE"), 5 + i);
  }
  EXPECT_TRUE(receive("200 OK", "BYE", via));
  net.run(base::Seconds{20});
  EXPECT_EQ(net.count("BYE"), 7);
  EXPECT_EQ(heard, (std::vector{100, 100, 100, 100, 200, -1}));
}

TEST_F(Clients, AProvisionalResponseDoesNotStretchTimerF) {
  env.timers.resend_gaps = {base::Millis{500}, base::Seconds{1}, base::Seconds{2}};
  send(Method::kBye);
  net.run(base::Seconds{20});
  EXPECT_TRUE(receive("100 Trying", "BYE", via));
  net.run(base::Millis{11'900});
  EXPECT_EQ(heard, (std::vector{100}));
  net.run(base::Millis{200});
  EXPECT_EQ(heard, (std::vector{100, 0, -1}));  // 64 T1 after it was sent
  EXPECT_EQ(clients.live(), 0u);
  EXPECT_EQ(net.wheel().live(), 0u);
}

// §17.1.1.2: an INVITE that has one isn't repeated, and may ring for as long as it likes.
TEST_F(Clients, AfterAProvisionalResponseAnInviteIsLeftAlone) {
  env.timers.resend_gaps.assign(10, base::Millis{500});
  send(Method::kInvite);
  EXPECT_TRUE(receive("180 Ringing", "INVITE", via));
  net.run(base::Seconds{100});
  EXPECT_EQ(net.count("INVITE"), 1);
  EXPECT_EQ(heard, (std::vector{180}));
  EXPECT_EQ(clients.live(), 1u);
}

TEST_F(Clients, RepeatedFinalResponsesAreAbsorbed) {
  send(Method::kBye);
  receive("200 OK", "BYE", via);
  for (const auto* late : {"100 Trying", "200 OK", "481 Unknown"}) {
    EXPECT_TRUE(receive(late, "BYE", via));
  }
  EXPECT_EQ(heard, (std::vector{200}));
  EXPECT_EQ(counters.get(wire::Counter::sip_absorbed), 3u);
  net.run(base::Millis{4900});  // timer K: T4
  EXPECT_EQ(clients.live(), 1u);
  net.run(base::Millis{200});
  EXPECT_EQ(clients.live(), 0u);
}

TEST_F(Clients, AnEndedTransactionsBranchIsNobodys) {
  send(Method::kBye);
  EXPECT_TRUE(receive("200 OK", "BYE", via));
  net.run(base::Seconds{6});
  EXPECT_EQ(clients.live(), 0u);
  const std::string old = via;
  send(Method::kBye);  // in the same place
  EXPECT_FALSE(receive("200 OK", "BYE", old));
  EXPECT_EQ(heard, (std::vector{200, -1}));
}

}  // namespace
}  // namespace tandem::test
