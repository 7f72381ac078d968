// Where RTCP goes, by what each party has agreed to (RFC 5761): by ports of its own, by RTP's, or
// nowhere.
#include <gtest/gtest.h>

#include "dataplane/flow_table.h"
#include "dataplane/latch.h"
#include "dataplane/relay.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;
using wire::RtcpWay;

constexpr std::size_t kA = 0;
constexpr std::size_t kB = 1;
constexpr std::uint16_t kBoth[] = {0, 1};  // RTP, RTCP

// Side 0 is 10.77.1.2:4000 by 20000, side 1 is 10.77.2.2:6000 by 30000; RTCP on the ports behind.
class RtcpWayTest : public ::testing::Test {
 protected:
  RtcpWayTest() {
    for (const std::size_t side : {kA, kB}) {
      for (const std::uint16_t rtcp : kBoth) {
        Flow& flow = flow_of(side, rtcp);
        flow.latch = wire::LatchRule::kSignalledIp;
        flow.kind = rtcp != 0 ? wire::FlowKind::kRtcp : wire::FlowKind::kRtp;
        flow.cookie = 7;
        latch_signal(flow, far_ip(side),
                     rte_cpu_to_be_16(static_cast<std::uint16_t>(far_port(side) + rtcp)));
        flow.next_hop = far_ip(side);
      }
    }
  }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.address_count = 2;
    return plan;
  }
  static std::uint32_t far_ip(std::size_t side) {
    return ip(10, 77, static_cast<std::uint8_t>(side + 1), 2);
  }
  static std::uint16_t far_port(std::size_t side) { return side == kA ? 4000 : 6000; }
  Flow& flow_of(std::size_t side, std::size_t rtcp) { return *flows_of_[side][rtcp]; }

  // A receiver report of this side, on its RTP port or the next one.
  Relayed report(std::size_t side, std::uint16_t rtcp) {
    const std::uint16_t port = static_cast<std::uint16_t>((side == kA ? 20000 : 30000) + rtcp);
    frame_ = udp_frame({kFarMac[side], kOurMac[side], far_ip(side),
                        ip(10, 77, static_cast<std::uint8_t>(side + 1), 1),
                        static_cast<std::uint16_t>(far_port(side) + rtcp), port},
                       std::vector<std::uint8_t>{0x80, 201, 0, 1, 0, 0, 0, 9});
    Ip4Packet packet;
    UdpPacket udp;
    EXPECT_FALSE(parse_ip4(frame_, packet));
    EXPECT_FALSE(parse_udp(packet, udp));
    return relay(udp, flow_of(side, rtcp), ports_, base::Seconds{50});
  }
  // It left by this port of ours for this one of the other side's.
  void expect_left(std::uint16_t from, std::uint16_t to) {
    EXPECT_EQ(udp_of(frame_)->src_port, rte_cpu_to_be_16(from));
    EXPECT_EQ(udp_of(frame_)->dst_port, rte_cpu_to_be_16(to));
    EXPECT_TRUE(udp_checksum_right(frame_));
  }

  Frame frame_;
  std::vector<LocalPort> ports_ = two_ports();
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  std::array<std::array<Flow*, 2>, 2> flows_of_{
      {{&flows_.open({0, 20000}, {1, 30000}, 1), &flows_.open({0, 20001}, {1, 30001}, 2)},
       {&flows_.open({1, 30000}, {0, 20000}, 3), &flows_.open({1, 30001}, {0, 20001}, 4)}}};
};

TEST_F(RtcpWayTest, ByPortsOfItsOwn) {
  ASSERT_FALSE(report(kA, 1).fault);
  expect_left(30001, 6001);
  ASSERT_FALSE(report(kB, 1).fault);
  expect_left(20001, 4001);
}

TEST_F(RtcpWayTest, ByRtpsPortOnBothSides) {
  flow_of(kA, 0).rtcp_way = flow_of(kB, 0).rtcp_way = RtcpWay::kRtpPort;
  ASSERT_FALSE(report(kA, 0).fault);
  expect_left(30000, 6000);
  ASSERT_FALSE(report(kB, 0).fault);
  expect_left(20000, 4000);
}

TEST_F(RtcpWayTest, ByRtpsPortOnOneSideOnly) {
  flow_of(kA, 0).rtcp_way = RtcpWay::kRtpPort;
  const Relayed there = report(kA, 0);
  ASSERT_FALSE(there.fault);
  EXPECT_EQ(there.to, &flow_of(kB, 1));
  expect_left(30001, 6001);
  const Relayed back = report(kB, 1);
  ASSERT_FALSE(back.fault);
  EXPECT_EQ(back.to, &flow_of(kA, 0));
  expect_left(20000, 4000);
}

TEST_F(RtcpWayTest, WhoSendsOnRtpsPortUnaskedIsUnderstood) {
  ASSERT_FALSE(report(kA, 0).fault);
  expect_left(30001, 6001);
}

TEST_F(RtcpWayTest, NowhereIsCounted) {
  flow_of(kB, 0).rtcp_way = RtcpWay::kNone;
  EXPECT_EQ(report(kA, 0).fault.reason, Counter::drop_rtcp_unwanted);
  flows_.close(flow_of(kB, 1));
  EXPECT_EQ(report(kA, 0).fault.reason, Counter::drop_rtcp_unwanted);
  ASSERT_FALSE(report(kB, 0).fault) << "what comes from there is another matter";
}

TEST_F(RtcpWayTest, AnotherCallsPortIsNoWay) {
  flow_of(kB, 1).cookie = 8;
  EXPECT_EQ(report(kA, 0).fault.reason, Counter::drop_media_peer_closed);
}

TEST_F(RtcpWayTest, WhatAPartyReportsIsKeptWithItsRtp) {
  ASSERT_FALSE(report(kA, 1).fault);
  ASSERT_FALSE(report(kA, 0).fault);
  EXPECT_EQ(flow_of(kA, 1).figures().packets, 1u);
  EXPECT_EQ(flow_of(kA, 0).figures().packets, 1u);
}

}  // namespace
}  // namespace tandem::dataplane
