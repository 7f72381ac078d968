// Transactions over connections: nothing is repeated, nothing lingers (RFC 3261 §17, table 4), and
// a connection's loss is told instead of waited for.
#include <gtest/gtest.h>

#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/dialog.h"
#include "controlplane/sip/parser.h"
#include "controlplane/sip/server_transactions.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::ClientId;
using sip::Method;
using sip::Path;
using sip::Protocol;
using sip::ServerId;

// Notes what is sent; speaks TCP from the same address when asked to.
class Wire final : public sip::Transport {
 public:
  bool send(const Path& path, std::string_view message) override {
    paths.push_back(path);
    sent.emplace_back(message);
    return works;
  }
  Path settle(const Path& wanted, const Path& known) const override {
    return has_tcp ? wanted : known;
  }
  std::vector<Path> paths;
  std::vector<std::string> sent;
  bool works = true;
  bool has_tcp = true;
};

class Stream : public ::testing::Test, sip::ClientUser, sip::ServerUser {
 protected:
  static Path path(Protocol protocol = Protocol::kTcp, std::uint64_t flow = 0) {
    Path out{at("10.77.1.1"), at("10.77.2.2")};
    out.protocol = protocol;
    out.flow = flow;
    return out;
  }
  ClientId send(Method method, const Path& by, std::size_t filler = 0) {
    const ClientId id = clients.begin(method, 1, by);
    via = clients.via(id);
    const std::string name(sip::method_name(method));
    EXPECT_TRUE(clients.send(
        id, name + " sip:100@10.77.2.2 SIP/2.0\r\nVia: " + via +
                "\r\nFrom: <sip:a@x>;tag=f1\r\nTo: <sip:b@x>\r\nX: " + std::string(filler, 'x') +
                "\r\nCall-ID: c1@x\r\nCSeq: 7 " + name + "\r\nContent-Length: 0\r\n\r\n"));
    return id;
  }
  bool answer(std::string_view status, std::string_view method) {
    bytes = "SIP/2.0 " + std::string(status) + "\r\nVia: " + via +
            "\r\nFrom: <sip:a@x>;tag=f1\r\nTo: <sip:b@x>;tag=t9\r\nCall-ID: c1@x\r\nCSeq: 7 " +
            std::string(method) + "\r\nContent-Length: 0\r\n\r\n";
    return clients.receive(parsed());
  }
  void receive(const std::string& method, std::uint64_t flow = 77) {
    bytes = method +
            " sip:b@x SIP/2.0\r\nVia: SIP/2.0/TCP a.example:5090;rport;branch=z9hG4bK1\r\n" +
            "f: <sip:a@x>;tag=f1\r\nTo: <sip:b@x>\r\ni: c1@x\r\nCSeq: 7 " + method +
            "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    Path by{at("10.77.1.1:5060"), at("10.77.2.2:41000")};
    by.protocol = Protocol::kTcp;
    by.flow = flow;
    servers.receive(parsed(), by);
  }
  const sip::Message& parsed() {
    EXPECT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, message).verdict,
              sip::ParseVerdict::kOk);
    return message;
  }
  void run(base::Nanos time) { wheel.advance(wheel.now() + time); }
  int sent(std::string_view start) const {
    int sum = 0;
    for (const auto& text : wire.sent) sum += text.starts_with(start) ? 1 : 0;
    return sum;
  }

  void on_response(ClientId id, std::uint64_t, const sip::Message& response) override {
    heard.push_back(response.status());
    if (response.status() != 401) return;
    clients.begin_again(id);
    const auto method = std::string(sip::method_name(response.cseq().method));
    via = clients.via(id);
    EXPECT_TRUE(clients.send(id, method + " sip:100@10.77.2.2 SIP/2.0\r\nVia: " + via +
                                     "\r\nCSeq: 8 " + method + "\r\n\r\n"));
  }
  void on_timeout(ClientId, std::uint64_t) override { heard.push_back(408); }
  void on_failure(ClientId, std::uint64_t) override { heard.push_back(503); }
  void on_client_end(ClientId, std::uint64_t) override { heard.push_back(-1); }
  int refuse_at_the_door(const sip::Message&, const Path&) override { return 0; }
  void on_request(ServerId id, const sip::Message&, const Path&) override { last = id; }
  void on_cancel(ServerId, ServerId, const sip::Message&, const Path&) override {}
  void on_ack(const sip::Message&, const Path&) override {}

  loop::TimerWheel wheel{base::Millis{8}, 8192, Seconds{1000}};
  Wire wire;
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = wheel,
      .transport = wire,
      .counters = counters,
      .random = random,
      .timers = {.resend_gaps = {Seconds{1}, Seconds{1}, Seconds{1}, Seconds{1}, Seconds{1}}}};
  sip::ClientTransactions clients{env, *this};
  sip::ServerTransactions servers{env, *this};
  std::string via;
  std::string bytes;
  sip::Message message;
  ServerId last;
  std::vector<int> heard;
};

TEST_F(Stream, ARequestIsSentOnceAndItsViaSaysByWhat) {
  send(Method::kInvite, path());
  EXPECT_TRUE(via.starts_with("SIP/2.0/TCP 10.77.1.1:5060;branch=z9hG4bK")) << via;
  run(Seconds{20});
  EXPECT_EQ(wire.sent.size(), 1u);
  EXPECT_EQ(wire.paths[0].protocol, Protocol::kTcp);
  run(Seconds{20});
  EXPECT_EQ(heard, (std::vector{408, -1}));  // timer B all the same
  send(Method::kBye, path(Protocol::kTls));
  EXPECT_TRUE(via.starts_with("SIP/2.0/TLS 10.77.1.1:5060;")) << via;
}

TEST_F(Stream, TimersDAndKAreZero) {
  send(Method::kBye, path());
  EXPECT_TRUE(answer("200 OK", "BYE"));
  EXPECT_EQ(clients.live(), 0u);
  send(Method::kInvite, path());
  EXPECT_TRUE(answer("486 Busy Here", "INVITE"));
  EXPECT_EQ(clients.live(), 0u);
  EXPECT_EQ(sent("ACK"), 1);
  EXPECT_EQ(heard, (std::vector{200, -1, 486, -1}));
  send(Method::kInvite, path());  // RFC 6026's M stays: other forks may answer
  EXPECT_TRUE(answer("200 OK", "INVITE"));
  EXPECT_EQ(clients.live(), 1u);
}

// Its end is that of the last one, though the former ones linger for no time.
TEST_F(Stream, AChallengedRequestBeginsAgain) {
  for (const auto method : {Method::kInvite, Method::kBye}) {
    heard.clear();
    send(method, path());
    const std::string former = via;
    const std::string name(sip::method_name(method));
    EXPECT_TRUE(answer("401 Unauthorized", name));
    EXPECT_NE(via, former);
    EXPECT_EQ(clients.live(), 1u);
    const std::string again = std::exchange(via, former);
    EXPECT_FALSE(answer("401 Unauthorized", name));
    via = again;
    EXPECT_TRUE(answer("486 Busy Here", name));
    EXPECT_EQ(clients.live(), 0u);
    EXPECT_EQ(heard, (std::vector{401, 486, -1}));
  }
  EXPECT_EQ(sent("ACK"), 2);
}

// One that went by TCP for its size is measured anew.
TEST_F(Stream, ALargeOneThatIsChallengedBeginsAgainAsADatagram) {
  Path by = path(Protocol::kUdp);
  by.large_by_tcp = true;
  send(Method::kInvite, by, 1300);
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kTcp);
  via.replace(0, std::string_view("SIP/2.0/UDP").size(), "SIP/2.0/TCP");
  EXPECT_TRUE(answer("401 Unauthorized", "INVITE"));
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kUdp);
  EXPECT_TRUE(via.starts_with("SIP/2.0/UDP "));
  EXPECT_TRUE(answer("486 Busy Here", "INVITE"));
  run(Seconds{40});
  EXPECT_EQ(clients.live(), 0u);
  EXPECT_EQ(wheel.live(), 0u);
}

TEST_F(Stream, TimersGIAndJAreZero) {
  receive("INVITE");
  servers.respond(last, {.status = 486, .to_tag = "t"});
  run(Seconds{10});
  EXPECT_EQ(sent("SIP/2.0 486"), 1);
  EXPECT_EQ(servers.live_count(), 1u);  // H: the ACK is awaited
  receive("ACK");
  EXPECT_EQ(servers.live_count(), 0u);
  receive("BYE");
  servers.respond(last, {.status = 200, .to_tag = "t"});
  EXPECT_EQ(servers.live_count(), 0u);
}

TEST_F(Stream, ResponsesGoBackByTheFlowAndElseToTheSentBy) {
  receive("BYE");
  servers.respond(last, {.status = 200, .to_tag = "t"});
  ASSERT_EQ(wire.paths.size(), 1u);
  EXPECT_EQ(wire.paths[0].flow, 77u);
  EXPECT_EQ(wire.paths[0].protocol, Protocol::kTcp);
  EXPECT_EQ(wire.paths[0].remote, at("10.77.2.2:5090"));  // source's address, sent-by's port
}

TEST_F(Stream, ARepeatedRequestIsAnsweredOnTheConnectionThatItCameOn) {
  receive("INVITE", 77);
  servers.respond(last, {.status = 180, .to_tag = "t"});
  receive("INVITE", 78);  // its sender has lost the first connection
  servers.respond(last, {.status = 200, .to_tag = "t"});
  ASSERT_EQ(wire.paths.size(), 3u);
  EXPECT_EQ(wire.paths[1].flow, 78u);
  EXPECT_EQ(wire.paths[2].flow, 78u);
}

TEST_F(Stream, WhatCantLeaveIsTold) {
  wire.works = false;
  send(Method::kInvite, path());
  EXPECT_TRUE(heard.empty());  // not within send()
  run(base::Millis{20});
  EXPECT_EQ(heard, (std::vector{503, -1}));
}

TEST_F(Stream, AfterALossARequestGoesOutOnceMoreAndThenItIsTold) {
  send(Method::kInvite, path(Protocol::kTcp, 5));
  answer("180 Ringing", "INVITE");
  clients.connection_lost(path(Protocol::kTcp, 5), true);
  ASSERT_EQ(wire.sent.size(), 2u);
  EXPECT_EQ(wire.sent[1], wire.sent[0]);
  EXPECT_EQ(wire.paths[1].flow, 0u);
  EXPECT_EQ(heard, (std::vector{180}));
  clients.connection_lost(path(Protocol::kTcp, 6), false);  // the new one never came to be
  EXPECT_EQ(heard, (std::vector{180, 503, -1}));
  EXPECT_EQ(clients.live(), 0u);
}

// The transport tells of a loss in the turn in which a send failed.
TEST_F(Stream, WhatLeavesByANewConnectionHasNotFailed) {
  wire.works = false;
  send(Method::kInvite, path(Protocol::kTcp, 5));
  wire.works = true;
  clients.connection_lost(path(Protocol::kTcp, 5), true);
  run(Seconds{1});
  EXPECT_EQ(sent("INVITE"), 2);
  EXPECT_TRUE(heard.empty());
  EXPECT_TRUE(answer("200 OK", "INVITE"));
  EXPECT_EQ(heard, (std::vector{200}));
}

// Neither who is cancelled nor who was never heard must ring again.
TEST_F(Stream, AfterALossAnUnwantedInviteDoesNotGoOutAgain) {
  const ClientId cancelled = send(Method::kInvite, path(Protocol::kTcp, 5));
  answer("180 Ringing", "INVITE");
  clients.cancel(cancelled);
  const ClientId unheard = send(Method::kInvite, path(Protocol::kTcp, 5));
  clients.stop_retransmitting(unheard);
  wire.sent.clear();
  clients.connection_lost(path(Protocol::kTcp, 5), true);
  EXPECT_EQ(sent("INVITE"), 0);
  EXPECT_EQ(sent("CANCEL"), 1);
  EXPECT_EQ(heard, (std::vector{180, 503, -1, 503, -1}));
  run(Seconds{40});
  EXPECT_EQ(clients.live(), 0u);
}

TEST_F(Stream, ALossConcernsThoseAloneThatWaitOnIt) {
  send(Method::kBye, path(Protocol::kUdp));
  Path other = path();
  other.remote = at("10.77.2.3");
  send(Method::kBye, other);
  send(Method::kInvite, path());
  answer("200 OK", "INVITE");  // answered: waits for nothing
  wire.sent.clear();
  clients.connection_lost(path(Protocol::kTcp, 9), true);
  EXPECT_TRUE(wire.sent.empty());
  EXPECT_EQ(heard, (std::vector{200}));
}

TEST_F(Stream, ALargeRequestGoesByTcpWhereThePeerTakesIt) {
  Path by = path(Protocol::kUdp);
  by.large_by_tcp = true;
  send(Method::kInvite, by, 100);
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kUdp);
  send(Method::kInvite, by, 1300);
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kTcp);
  EXPECT_NE(wire.sent.back().find("Via: SIP/2.0/TCP 10.77.1.1:5060;branch="), std::string::npos);
  send(Method::kInvite, path(Protocol::kUdp), 1300);  // a peer that doesn't
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kUdp);
  wire.has_tcp = false;
  send(Method::kInvite, by, 1300);
  EXPECT_EQ(wire.paths.back().protocol, Protocol::kUdp);
}

TEST_F(Stream, ALargeRequestFallsBackToUdpWhenTcpFails) {
  Path by = path(Protocol::kUdp);
  by.large_by_tcp = true;
  send(Method::kInvite, by, 1300);
  Path tcp = path();
  tcp.large_by_tcp = true;
  clients.connection_lost(tcp, false);
  ASSERT_EQ(wire.sent.size(), 2u);
  EXPECT_EQ(wire.paths[1].protocol, Protocol::kUdp);
  EXPECT_NE(wire.sent[1].find("Via: SIP/2.0/UDP 10.77.1.1:5060;branch="), std::string::npos);
  run(Seconds{2});
  EXPECT_GT(wire.sent.size(), 2u);  // and is repeated as over UDP
  EXPECT_TRUE(answer("200 OK", "INVITE"));
  EXPECT_EQ(heard, (std::vector{200}));
}

TEST_F(Stream, WhatFallsBackToUdpHasNotFailed) {
  Path by = path(Protocol::kUdp);
  by.large_by_tcp = true;
  wire.works = false;
  send(Method::kInvite, by, 1300);
  wire.works = true;
  clients.connection_lost(path(), false);
  ASSERT_EQ(wire.paths.back().protocol, Protocol::kUdp);
  run(base::Millis{500});
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(wire.sent.size(), 2u);
  EXPECT_TRUE(answer("200 OK", "INVITE"));
  run(Seconds{40});
  EXPECT_EQ(heard, (std::vector{200, -1}));
  EXPECT_EQ(wheel.live(), 0u);
}

TEST_F(Stream, AnUnwantedInviteDoesNotFallBackToUdp) {
  Path by = path(Protocol::kUdp);
  by.large_by_tcp = true;
  clients.stop_retransmitting(send(Method::kInvite, by, 1300));
  clients.connection_lost(path(), false);
  run(Seconds{5});
  EXPECT_EQ(wire.sent.size(), 1u);
  EXPECT_EQ(heard, (std::vector{503, -1}));
  EXPECT_EQ(wheel.live(), 0u);
}

class Ways : public ::testing::Test {
 protected:
  static sip::Dialog dialog(std::string target, std::vector<std::string> routes = {}) {
    sip::Dialog out;
    out.remote_target = std::move(target);
    out.route_set = std::move(routes);
    out.path = {at("10.77.1.1"), at("10.77.2.2:41000")};
    out.path.protocol = Protocol::kTcp;
    out.path.flow = 7;
    return out;
  }
};

TEST_F(Ways, TheFlowOfTheDialogIsKeptWhateverTheContactSays) {
  const auto way = dialog("sip:bob@192.168.1.9:5070").request_path();
  EXPECT_EQ(way.flow, 7u);
  EXPECT_EQ(way.protocol, Protocol::kTcp);
  EXPECT_EQ(way.remote, at("192.168.1.9:5070"));  // where to go when it is gone
  EXPECT_EQ(dialog("sip:bob@home.example").request_path().remote, at("10.77.2.2:41000"));
}

TEST_F(Ways, ATransportThatTheContactNamesIsHonoured) {
  const auto udp = dialog("sip:bob@10.77.2.2;transport=UDP").request_path();
  EXPECT_EQ(udp.protocol, Protocol::kUdp);
  EXPECT_EQ(udp.flow, 0u);
  const auto tls = dialog("sips:bob@10.77.2.2").request_path();
  EXPECT_EQ(tls.protocol, Protocol::kTls);
  EXPECT_EQ(tls.remote, at("10.77.2.2:5061"));
  EXPECT_EQ(dialog("sip:bob@10.77.2.2;transport=tcp").request_path().flow, 7u);
}

TEST_F(Ways, AnotherProxyIsReachedByAConnectionOfItsOwn) {
  EXPECT_EQ(dialog("sip:b@x", {"<sip:10.77.2.2;lr;transport=tcp>"}).request_path().flow, 7u);
  const auto way = dialog("sip:b@x", {"<sip:10.77.9.9;lr>"}).request_path();
  EXPECT_EQ(way.flow, 0u);
  EXPECT_EQ(way.remote, at("10.77.9.9:5060"));
}

}  // namespace
}  // namespace tandem::test
