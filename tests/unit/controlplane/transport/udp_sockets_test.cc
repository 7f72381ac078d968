#include "controlplane/transport/udp_sockets.h"

#include "tests/unit/controlplane/transport/loopback.h"

namespace tandem::transport {
namespace {

using test::free_endpoint;
using test::readable;
using wire::Counter;

class Udp : public test::LoopbackTest {
 protected:
  Udp() {
    EXPECT_TRUE(sockets.open(here, 0xa0, false).ok());
    far = socket(AF_INET, SOCK_DGRAM, 0);
    const auto at = to_kernel(there);
    EXPECT_EQ(bind(far, at.get(), at.length), 0);
    const int on = 1;
    setsockopt(far, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  }
  ~Udp() override { close(far); }

  void send_from_far(const std::string& bytes) {
    const auto to = to_kernel(here);
    EXPECT_EQ(sendto(far, bytes.data(), bytes.size(), 0, to.get(), to.length),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string receive_at_far() {
    if (!readable(far)) return "nothing came";
    std::string out(65536, 0);
    out.resize(static_cast<std::size_t>(recv(far, out.data(), out.size(), 0)));
    return out;
  }

  const base::Endpoint here = free_endpoint(SOCK_DGRAM);
  const base::Endpoint there = free_endpoint(SOCK_DGRAM);
  UdpSockets sockets{loop.sockets(), counters, heard};
  int far = -1;
};

TEST_F(Udp, DatagramsComeInWithBothAddresses) {
  for (int i = 0; i < 100; ++i) send_from_far("datagram " + std::to_string(i));
  ASSERT_TRUE(turn_until([&] { return heard.all.size() == 100; }));
  EXPECT_EQ(heard.all[99].bytes, "datagram 99");
  EXPECT_EQ(heard.all[0].path.local, here);
  EXPECT_EQ(heard.all[0].path.remote, there);
  EXPECT_EQ(heard.all[0].path.protocol, sip::Protocol::kUdp);
}

TEST_F(Udp, WhatATurnSendsLeavesAtItsEndInOrder) {
  // More than a batch, so that some leave before the end.
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(sockets.send({here, there}, "message " + std::to_string(i)));
  }
  EXPECT_EQ(receive_at_far(), "message 0");
  for (int i = 1; i < 32; ++i) EXPECT_EQ(receive_at_far(), "message " + std::to_string(i));
  EXPECT_FALSE(readable(far, 0));
  sockets.flush();
  for (int i = 32; i < 40; ++i) EXPECT_EQ(receive_at_far(), "message " + std::to_string(i));
  EXPECT_EQ(counters.get(Counter::drop_socket_send), 0u);
}

TEST_F(Udp, TheLargestDatagramLeavesAndALargerOneIsRefused) {
  const std::string largest(65507, 'x');
  EXPECT_TRUE(sockets.send({here, there}, "before"));
  EXPECT_TRUE(sockets.send({here, there}, largest));
  EXPECT_TRUE(sockets.send({here, there}, largest));  // two fill the room
  EXPECT_FALSE(sockets.send({here, there}, largest + "x"));
  sockets.flush();
  EXPECT_EQ(receive_at_far(), "before");
  EXPECT_EQ(receive_at_far(), largest);
  EXPECT_EQ(receive_at_far(), largest);
}

TEST_F(Udp, OneThatTheKernelRefusesIsCountedAndTheOthersLeave) {
  EXPECT_TRUE(sockets.send({here, there}, "first"));
  EXPECT_TRUE(sockets.send({here, *base::Endpoint::parse("255.255.255.255:5060", 0)}, "lost"));
  EXPECT_TRUE(sockets.send({here, there}, "last"));
  sockets.flush();
  EXPECT_EQ(receive_at_far(), "first");
  EXPECT_EQ(receive_at_far(), "last");
  EXPECT_EQ(counters.get(Counter::drop_socket_send), 1u);
}

TEST_F(Udp, SendsWithTheTypeOfServiceAsked) {
  sockets.send({here, there}, "x");
  sockets.flush();
  ASSERT_TRUE(readable(far));
  char byte, control[64];
  iovec piece{&byte, 1};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ASSERT_EQ(recvmsg(far, &header, 0), 1);
  const cmsghdr* option = CMSG_FIRSTHDR(&header);
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(*CMSG_DATA(option), 0xa0);
}

TEST_F(Udp, OwnsItsAddressesAndNoOthers) {
  EXPECT_TRUE(sockets.owns(here));
  EXPECT_FALSE(sockets.owns(there));
  EXPECT_FALSE(sockets.send({there, here}, "x"));
}

TEST_F(Udp, AnAddressInUseIsAFaultAndASharedOneIsNot) {
  UdpSockets second{loop.sockets(), counters, heard};
  const auto refused = second.open(here, 0, false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error_text(), "UDP " + here.text() + ": Address already in use");
  const auto common = free_endpoint(SOCK_DGRAM);
  EXPECT_TRUE(sockets.open(common, 0, true).ok());
  EXPECT_TRUE(second.open(common, 0, true).ok());
}

}  // namespace
}  // namespace tandem::transport
