#include "controlplane/transport/streams.h"

#include "tests/unit/controlplane/transport/streams_fixture.h"

namespace tandem::transport {
namespace {

using base::Millis;
using base::Seconds;
using test::sip_message;
using test::TcpHost;
using test::TcpPeer;
using wire::Counter;

class Tcp : public test::StreamsTest {
 protected:
  Tcp() { listen(); }
};

TEST_F(Tcp, MessagesComeInAndAnswersGoBackOnTheSameConnection) {
  TcpPeer peer(here);
  peer.send(sip_message("1") + sip_message("2", "body"));
  ASSERT_TRUE(hears(2));
  EXPECT_EQ(heard.messages[1], sip_message("2", "body"));
  EXPECT_EQ(heard.paths[0].local, here);
  EXPECT_EQ(heard.paths[0].protocol, base::Protocol::kTcp);
  EXPECT_NE(heard.paths[0].flow, 0u);
  // The response's path names the port of the Via, where nobody listens: the flow decides.
  sip::Path back = heard.paths[0];
  back.remote.port = 5060;
  EXPECT_TRUE(streams->send(back, "SIP/2.0 200 OK\r\n\r\n"));
  EXPECT_TRUE(streams->send(back, "SIP/2.0 200 OK again\r\n\r\n"));
  EXPECT_TRUE(peer.silent());  // not before the turn's end
  turn();
  EXPECT_EQ(peer.receive(), "SIP/2.0 200 OK\r\n\r\nSIP/2.0 200 OK again\r\n\r\n");
  EXPECT_EQ(streams->live(), 1u);
}

TEST_F(Tcp, TheSuspendedLoseTheirConnectionsAndGetNoOthers) {
  TcpPeer peer(here);
  ASSERT_TRUE(comes_to(1));
  streams->close_all_of(base::IpAddress::ip4(192, 0, 2, 1));  // another's
  turn();
  EXPECT_EQ(streams->live(), 1u);
  suspended = true;
  streams->close_all_of(here.address);
  ASSERT_TRUE(comes_to(0));
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(count(Counter::drop_stream_suspended), 1u);
  TcpPeer again(here);
  ASSERT_TRUE(turn_until([&] { return count(Counter::drop_stream_suspended) == 2; }));
  EXPECT_EQ(again.receive(), "");
  suspended = false;
  TcpPeer later(here);
  EXPECT_TRUE(comes_to(1));
}

TEST_F(Tcp, AConnectionIsOpenedOnceAndUsedAgain) {
  TcpHost host;
  EXPECT_TRUE(streams->send(to(host.at), sip_message("1")));
  EXPECT_TRUE(streams->send(to(host.at), sip_message("2")));
  ASSERT_TRUE(turn_until([&] { return host.has_caller(); }));
  TcpPeer peer = host.accept();
  ASSERT_TRUE(turn_until([&] { return !peer.silent(); }));
  EXPECT_EQ(peer.receive(), sip_message("1") + sip_message("2"));
  EXPECT_TRUE(streams->send(to(host.at), sip_message("3")));
  turn();
  EXPECT_EQ(peer.receive(), sip_message("3"));
  EXPECT_FALSE(host.has_caller());
  peer.send("SIP/2.0 200 OK\r\nl: 0\r\n\r\n");
  ASSERT_TRUE(hears(1));
  EXPECT_EQ(heard.paths[0].remote, host.at);
  EXPECT_EQ(count(Counter::stream_connected), 1u);
}

TEST_F(Tcp, AfterALossTheListenerHearsAndTheNextMessageOpensANewOne) {
  TcpHost host;
  streams->send(to(host.at), sip_message("1"));
  ASSERT_TRUE(turn_until([&] { return host.has_caller(); }));
  {
    TcpPeer peer = host.accept();
    ASSERT_TRUE(turn_until([&] { return !peer.silent(); }));
    peer.reset();
  }
  ASSERT_TRUE(comes_to(0));
  ASSERT_EQ(heard.lost.size(), 1u);
  EXPECT_EQ(heard.lost[0].path.remote, host.at);
  EXPECT_TRUE(heard.lost[0].was_open);
  streams->send(to(host.at), sip_message("2"));
  ASSERT_TRUE(turn_until([&] { return host.has_caller(); }));
  TcpPeer again = host.accept();
  ASSERT_TRUE(turn_until([&] { return !again.silent(); }));
  EXPECT_EQ(again.receive(), sip_message("2"));
}

TEST_F(Tcp, ARefusedConnectionIsTold) {
  EXPECT_TRUE(streams->send(to(test::free_endpoint(SOCK_STREAM)), sip_message("1")));
  ASSERT_TRUE(comes_to(0));
  ASSERT_EQ(heard.lost.size(), 1u);
  EXPECT_FALSE(heard.lost[0].was_open);
  EXPECT_EQ(count(Counter::drop_stream_connect), 1u);
}

TEST_F(Tcp, AConnectionThatNeverComesToBeIsGivenUp) {
  // A host whose queue of callers is full answers no further one.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const auto at = test::free_endpoint(SOCK_STREAM);
  const auto address = to_kernel(at);
  ASSERT_EQ(bind(fd, address.get(), address.length), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  std::vector<std::unique_ptr<TcpPeer>> callers;
  callers.push_back(std::make_unique<TcpPeer>(at));
  streams->send(to(at), sip_message("1"));
  turn();
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{4});
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 0u);
  ASSERT_EQ(heard.lost.size(), 1u);
  EXPECT_FALSE(heard.lost[0].was_open);
  close(fd);
}

TEST_F(Tcp, ADeadFlowFallsBackToTheRemoteEnd) {
  TcpHost host;
  sip::Path path = to(host.at);
  path.flow = 0x500000007;  // long gone
  EXPECT_TRUE(streams->send(path, sip_message("1")));
  ASSERT_TRUE(turn_until([&] { return host.has_caller(); }));
}

// Behind a NAT nobody takes a connection of ours, and another phone may have that port by now.
TEST_F(Tcp, WithoutItsOwnFlowThereIsNoWayToAPhoneBehindNat) {
  TcpHost host;
  sip::Path path = to(host.at);
  EXPECT_TRUE(streams->send(path, sip_message("1")));
  ASSERT_TRUE(turn_until([&] { return host.has_caller(); }));
  TcpPeer other = host.accept();
  path.flow = 0x500000007;
  path.own_flow_only = true;
  EXPECT_FALSE(streams->send(path, sip_message("2")));
  path.flow = 0;
  EXPECT_FALSE(streams->send(path, sip_message("3")));
  ASSERT_TRUE(turn_until([&] { return !other.silent(); }));
  turn();
  EXPECT_EQ(other.receive(), sip_message("1"));
  EXPECT_FALSE(host.has_caller());
}

TEST_F(Tcp, AMessageMustBeWholeInTime) {
  TcpPeer slow(here);
  const std::string bytes = sip_message("1", "body");
  slow.send(bytes.substr(0, 10));
  ASSERT_TRUE(turn_until([&] { return streams->live() == 1; }));
  ASSERT_TRUE(turn_until([&] {
    bool midway = false;
    streams->each([&](const Connection& c) { midway = c.framer.midway(); });
    return midway;
  }));
  // A byte now and then doesn't help: the message as a whole is late.
  for (int i = 0; i < 4; ++i) {
    slow.send(bytes.substr(10 + static_cast<std::size_t>(i), 1));
    pass(Seconds{2});
  }
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{3});
  EXPECT_EQ(streams->live(), 0u);
  EXPECT_EQ(count(Counter::drop_stream_slow), 1u);
  EXPECT_TRUE(heard.lost.empty());  // nobody waited for an answer there
}

// The cheapest way to hold memory of ours: heads and bodies that never end, on every connection
// that there is. Each holds no more than a message's limits, none longer than a message may take.
TEST_F(Tcp, ManyUnfinishedMessagesAreGoneInTime) {
  constexpr std::size_t kMost = 6;  // of one address, in this fixture
  // Heads without an end, and a message without the last byte of its body.
  const std::string head = "INFO sip:a@b SIP/2.0\r\nSubject: " + std::string(15'000, 's');
  std::string body = sip_message("1", std::string(40'000, 'b'));
  body.pop_back();
  std::vector<std::unique_ptr<TcpPeer>> peers;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < kMost; ++i) {
    const std::string& half = i % 2 == 0 ? head : body;
    peers.push_back(std::make_unique<TcpPeer>(here));
    peers.back()->send(half);
    sent += half.size();
  }
  const auto all_read = [&] {
    std::size_t read = 0;
    streams->each([&](const Connection& c) { read += c.octets_in; });
    return read == sent;
  };
  ASSERT_TRUE(turn_until(all_read));
  EXPECT_EQ(streams->live(), kMost);
  std::size_t held = 0;
  streams->each([&](const Connection& c) {
    EXPECT_TRUE(c.framer.midway());
    EXPECT_LE(c.framer.held(), 2 * StreamFramer::kMessageMax);
    EXPECT_LE(c.out.capacity(), 4096u);
    held += c.framer.held();
  });
  EXPECT_GE(held, sent);
  // One makes it in time, and holds nothing any more.
  peers.back()->send("b");
  ASSERT_TRUE(hears(1));
  pass(Seconds{9});
  EXPECT_EQ(streams->live(), kMost);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 1u);
  EXPECT_EQ(count(Counter::drop_stream_slow), kMost - 1);
  streams->each([](const Connection& c) { EXPECT_EQ(c.framer.held(), 0u); });
  for (std::size_t i = 0; i + 1 < kMost; ++i) EXPECT_EQ(peers[i]->receive(), "") << i;
  peers.back()->close_now();
  ASSERT_TRUE(comes_to(0));
  // Their places are free again.
  for (auto& peer : peers) peer = std::make_unique<TcpPeer>(here);
  EXPECT_TRUE(comes_to(kMost));
  EXPECT_EQ(count(Counter::drop_stream_per_source), 0u);
}

// A head may be sent in ever smaller pieces, but not for ever: past its limit it is garbage at
// once.
TEST_F(Tcp, AHeadWithoutEndIsCutOffAtItsLimit) {
  TcpPeer peer(here);
  peer.send("INFO sip:a@b SIP/2.0\r\nSubject: " + std::string(StreamFramer::kHeadMax, 's'));
  ASSERT_TRUE(comes_to(1));
  ASSERT_TRUE(comes_to(0));
  EXPECT_EQ(count(Counter::drop_stream_too_large), 1u);
  EXPECT_TRUE(heard.messages.empty());
}

TEST_F(Tcp, AnIdleConnectionGoesAndPingsKeepIt) {
  TcpPeer peer(here);
  ASSERT_TRUE(comes_to(1));
  for (int i = 0; i < 3; ++i) {
    pass(Seconds{50});
    peer.send("\r\n\r\n");
    ASSERT_TRUE(turn_until([&] { return !peer.silent(); }));
    EXPECT_EQ(peer.receive(), "\r\n");
  }
  EXPECT_EQ(streams->live(), 1u);
  EXPECT_EQ(count(Counter::sip_keepalive), 3u);
  pass(Seconds{59});
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 0u);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(count(Counter::stream_idle), 1u);
}

TEST_F(Tcp, NoMoreConnectionsThanAllowed) {
  std::vector<std::unique_ptr<TcpPeer>> peers;
  for (int i = 0; i < 7; ++i) peers.push_back(std::make_unique<TcpPeer>(here));
  ASSERT_TRUE(turn_until([&] { return count(Counter::drop_stream_per_source) == 1; }));
  EXPECT_EQ(streams->live(), 6u);
  EXPECT_EQ(peers.back()->receive(), "");
  // A place that is given back is free again.
  peers.front()->close_now();
  ASSERT_TRUE(comes_to(5));
  TcpPeer next(here);
  ASSERT_TRUE(comes_to(6));
}

TEST_F(Tcp, StrangersGetLittleForAShortTime) {
  knows = false;
  std::vector<std::unique_ptr<TcpPeer>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(std::make_unique<TcpPeer>(here));
  ASSERT_TRUE(turn_until([&] { return count(Counter::drop_stream_per_source) == 1; }));
  EXPECT_EQ(streams->live(), Streams::kPerStranger);
  // Pings don't buy them time.
  pass(Seconds{9});
  peers.front()->send("\r\n\r\n");
  ASSERT_TRUE(turn_until([&] { return !peers.front()->silent(); }));
  EXPECT_EQ(streams->live(), Streams::kPerStranger);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 0u);
}

// A phone that has registered.
TEST_F(Tcp, WhoHasProvenItselfIsNoStranger) {
  // More than a stranger gets, fewer than all connections of this fixture.
  constexpr std::uint32_t kProven = Streams::kPerStranger + 2;
  knows = false;
  std::vector<std::unique_ptr<TcpPeer>> peers;
  for (std::uint32_t i = 0; i < kProven; ++i) {
    peers.push_back(std::make_unique<TcpPeer>(here));
    peers.back()->send(sip_message(std::to_string(i)));
    ASSERT_TRUE(hears(i + 1)) << i;
    streams->trust(heard.paths[i].flow);
    streams->trust(heard.paths[i].flow);  // once is enough
  }
  TcpPeer stranger(here);
  ASSERT_TRUE(comes_to(kProven + 1));
  pass(Seconds{11});
  EXPECT_EQ(streams->live(), kProven);
  EXPECT_EQ(stranger.receive(), "");
  // What they leave behind are places for others.
  for (auto& peer : peers) peer->close_now();
  ASSERT_TRUE(comes_to(0));
  for (std::uint32_t i = 0; i < Streams::kPerStranger; ++i) {
    peers[i] = std::make_unique<TcpPeer>(here);
  }
  EXPECT_TRUE(comes_to(Streams::kPerStranger));
  streams->trust(12345);  // a connection that is gone
}

// Whoever holds an account must not take all connections: 6 of one address are this fixture's most.
TEST_F(Tcp, WhoHasProvenItselfIsHeldToWhatOneAddressMayHave) {
  knows = false;
  std::vector<std::unique_ptr<TcpPeer>> peers;
  for (std::uint32_t i = 0; i < 7; ++i) {
    peers.push_back(std::make_unique<TcpPeer>(here));
    peers.back()->send(sip_message(std::to_string(i)));
    ASSERT_TRUE(hears(i + 1)) << i;
    EXPECT_EQ(count(Counter::drop_stream_per_source), 0u) << i;
    streams->trust(heard.paths[i].flow);
  }
  EXPECT_EQ(count(Counter::drop_stream_per_source), 1u);
  EXPECT_TRUE(streams->send(heard.paths[6], sip_message("answer")));  // it still gets its answer
  pass(Seconds{11});
  EXPECT_EQ(streams->live(), 6u);
  // A place that is given back is another's.
  peers[0]->close_now();
  ASSERT_TRUE(comes_to(5));
  TcpPeer next(here);
  next.send(sip_message("next"));
  ASSERT_TRUE(hears(8));
  streams->trust(heard.paths[7].flow);
  pass(Seconds{11});
  EXPECT_EQ(streams->live(), 6u);
}

TEST_F(Tcp, APeerThatNeverReadsIsCutOffAndHoldsNoMoreThanItsQueue) {
  TcpPeer peer(here, 4096);
  peer.send(sip_message("1"));
  ASSERT_TRUE(hears(1));
  const std::string large = sip_message("x", std::string(30'000, 'b'));
  bool taken = true;
  int sent = 0;
  for (; taken && sent < 1000; ++sent) {
    taken = streams->send(heard.paths[0], large);
    turn();
  }
  EXPECT_FALSE(taken);
  EXPECT_EQ(count(Counter::drop_stream_queue_full), 1u);
  EXPECT_EQ(streams->live(), 0u);
  ASSERT_EQ(heard.lost.size(), 1u);  // requests were on their way
}

TEST_F(Tcp, APeerThatStopsReadingIsCutOffInTime) {
  TcpPeer peer(here, 4096);
  peer.send(sip_message("1"));
  ASSERT_TRUE(hears(1));
  std::uint64_t queued = 0;
  for (int i = 0; i < 1000 && queued == 0; ++i) {
    streams->send(heard.paths[0], sip_message("x", std::string(30'000, 'b')));
    turn();
    streams->each([&](const Connection& c) { queued = c.queued(); });
  }
  ASSERT_NE(queued, 0u);
  pass(Seconds{9});
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 0u);
  EXPECT_EQ(count(Counter::drop_stream_stuck), 1u);
}

TEST_F(Tcp, WithoutALengthTheAnswerIs400AndTheConnectionCloses) {
  TcpPeer peer(here);
  const std::string head = "INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n";
  peer.send(head + "more");
  ASSERT_TRUE(comes_to(1));
  ASSERT_TRUE(comes_to(0));
  ASSERT_EQ(heard.unframed.size(), 1u);
  EXPECT_EQ(heard.unframed[0], std::pair(400, head));
  EXPECT_EQ(peer.receive(), "SIP/2.0 400 x\r\n\r\n");
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(count(Counter::drop_stream_no_length), 1u);
}

TEST_F(Tcp, ATooLargeMessageIs413AndGarbageIsNothing) {
  TcpPeer large(here);
  large.send("INFO sip:a@b SIP/2.0\r\nl: 70000\r\n\r\n");
  ASSERT_TRUE(turn_until([&] { return !large.silent(); }));
  EXPECT_EQ(large.receive(), "SIP/2.0 413 x\r\n\r\n");
  TcpPeer garbage(here);
  garbage.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(turn_until([&] { return count(Counter::drop_stream_garbage) == 1; }));
  EXPECT_EQ(garbage.receive(), "");
  EXPECT_EQ(count(Counter::drop_stream_too_large), 1u);
  EXPECT_TRUE(comes_to(0));
}

TEST_F(Tcp, WhoHasSaidAllStillGetsTheAnswer) {
  heard.answer = "SIP/2.0 200 OK\r\n\r\n";
  TcpPeer peer(here);
  peer.send(sip_message("1"));
  shutdown(peer.fd(), SHUT_WR);
  ASSERT_TRUE(comes_to(1));
  ASSERT_TRUE(comes_to(0));
  EXPECT_EQ(peer.receive(), heard.answer);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(count(Counter::stream_closed_by_peer), 1u);
}

TEST_F(Tcp, IdleConnectionsHoldNoBuffers) {
  TcpPeer peer(here);
  peer.send(sip_message("1", std::string(20'000, 'x')));
  ASSERT_TRUE(hears(1));
  streams->send(heard.paths[0], std::string(20'000, 'y'));
  turn();
  std::string got;
  while (got.size() < 20'000) got += peer.receive();
  streams->each([](const Connection& c) {
    EXPECT_EQ(c.framer.held(), 0u);
    EXPECT_LE(c.out.capacity(), 4096u);
  });
}

}  // namespace
}  // namespace tandem::transport
