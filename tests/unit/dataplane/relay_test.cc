#include "dataplane/relay.h"

#include <gtest/gtest.h>

#include "dataplane/flow_table.h"
#include "dataplane/latch.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

constexpr base::Nanos kNow = base::Seconds{50};

// a: what 10.77.1.2:4000 sends to 10.77.1.1:20000, relayed from 10.77.2.1:30000 to 10.77.2.2:6000.
class RelayTest : public ::testing::Test {
 protected:
  RelayTest() {
    for (Flow* flow : {&a_, &b_}) flow->latch = wire::LatchRule::kSignalledIp;
    latch_signal(a_, ip(10, 77, 1, 2), rte_cpu_to_be_16(4000));
    latch_signal(b_, ip(10, 77, 2, 2), rte_cpu_to_be_16(6000));
    b_.next_hop = ip(10, 77, 2, 2);
    b_.tos = 0xb8;
  }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.address_count = 2;
    return plan;
  }

  Relayed pass(Frame& frame) {
    Ip4Packet packet;
    UdpPacket udp;
    EXPECT_FALSE(parse_ip4(frame, packet));
    EXPECT_FALSE(parse_udp(packet, udp));
    return relay(udp, a_, ports_, kNow);
  }

  const Way way_{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 4000, 20000};
  std::vector<LocalPort> ports_ = two_ports();
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  Flow& a_ = flows_.open({0, 20000}, {1, 30000}, 1);
  Flow& b_ = flows_.open({1, 30000}, {0, 20000}, 2);
};

TEST_F(RelayTest, RewritesAndKeepsEveryChecksumRight) {
  for (std::uint16_t i = 0; i < 2000; ++i) {
    Frame frame = udp_frame(way_, rtp(i, i * 160u, 5, i % 200));
    const Relayed relayed = pass(frame);
    ASSERT_FALSE(relayed.fault);
    EXPECT_EQ(relayed.latched, i == 0);
    EXPECT_EQ(relayed.port, 1);
    EXPECT_EQ(relayed.next_hop, ip(10, 77, 2, 2));
    ASSERT_TRUE(ip_checksum_right(frame));
    ASSERT_TRUE(udp_checksum_right(frame));
    ASSERT_NE(udp_of(frame)->dgram_cksum, 0);
  }
  EXPECT_EQ(a_.relayed, 2000u);
  EXPECT_EQ(a_.figures().packets, 2000u);
  EXPECT_EQ(a_.figures().lost, 0u);
  EXPECT_EQ(a_.last_packet_ns, kNow.count());
}

TEST_F(RelayTest, TheHeadersAreThePeersAndThePayloadUntouched) {
  const auto payload = rtp(7);
  Frame frame = udp_frame(way_, payload);
  ASSERT_FALSE(pass(frame).fault);
  EXPECT_EQ(ip_of(frame)->src_addr, ip(10, 77, 2, 1));
  EXPECT_EQ(ip_of(frame)->dst_addr, ip(10, 77, 2, 2));
  EXPECT_EQ(ip_of(frame)->type_of_service, 0xb8);
  EXPECT_EQ(ip_of(frame)->time_to_live, 63);
  EXPECT_EQ(udp_of(frame)->src_port, rte_cpu_to_be_16(30000));
  EXPECT_EQ(udp_of(frame)->dst_port, rte_cpu_to_be_16(6000));
  EXPECT_EQ(std::memcmp(payload_of(frame), payload.data(), payload.size()), 0);
}

TEST_F(RelayTest, NoUdpChecksumStaysNone) {
  Frame frame = udp_frame(way_, rtp(7), false);
  ASSERT_FALSE(pass(frame).fault);
  EXPECT_EQ(udp_of(frame)->dgram_cksum, 0);
  EXPECT_TRUE(ip_checksum_right(frame));
}

TEST_F(RelayTest, ABrokenPayloadStaysVisiblyBroken) {
  Frame frame = udp_frame(way_, rtp(7));
  payload_of(frame)[20] ^= std::byte{1};
  ASSERT_FALSE(pass(frame).fault);
  EXPECT_FALSE(udp_checksum_right(frame));
}

TEST_F(RelayTest, SendsWhereThePeerLatched) {
  b_.latch_state = LatchState::kSettled;
  b_.remote_port = rte_cpu_to_be_16(6666);
  Frame frame = udp_frame(way_, rtp(7));
  ASSERT_FALSE(pass(frame).fault);
  EXPECT_EQ(udp_of(frame)->dst_port, rte_cpu_to_be_16(6666));
}

TEST_F(RelayTest, StrangersAndNoiseAreRefusedAndNotMeasured) {
  Frame first = udp_frame(way_, rtp(1));
  ASSERT_FALSE(pass(first).fault);
  Way stranger = way_;
  stranger.from_port = 4001;
  Frame other_port = udp_frame(stranger, rtp(2));
  EXPECT_EQ(pass(other_port).fault.reason, Counter::drop_media_unproven);
  Frame noise = udp_frame(way_, "not RTP at all");
  EXPECT_EQ(pass(noise).fault.reason, Counter::drop_media_not_rtp);
  EXPECT_EQ(a_.figures().refused, 2u);
  EXPECT_EQ(a_.figures().packets, 1u);
}

TEST_F(RelayTest, NoiseLocksNothing) {
  Frame noise = udp_frame(way_, "not RTP at all");
  EXPECT_FALSE(pass(noise).latched);
  EXPECT_EQ(a_.latch_state, LatchState::kOpen);
}

TEST_F(RelayTest, RtcpOnTheRtpPortPassesUnmeasured) {
  b_.rtcp_way = wire::RtcpWay::kRtpPort;
  auto report = rtp(0, 0, 5, 16);
  report[1] = 200;
  Frame frame = udp_frame(way_, report);
  ASSERT_FALSE(pass(frame).fault);
  EXPECT_EQ(a_.figures().packets, 1u);
  EXPECT_EQ(a_.figures().ssrc, 0u);
}

TEST_F(RelayTest, AnRtcpFlowTakesOnlyRtcp) {
  a_.kind = b_.kind = wire::FlowKind::kRtcp;
  Frame media = udp_frame(way_, rtp(1));
  EXPECT_EQ(pass(media).fault.reason, Counter::drop_media_not_rtp);
  auto report = rtp(0, 0, 5, 16);
  report[1] = 201;
  Frame frame = udp_frame(way_, report);
  EXPECT_FALSE(pass(frame).fault);
}

TEST_F(RelayTest, RtcpIsReadOnEitherPortAndRelayedWhateverItSays) {
  std::vector<std::uint8_t> report(32);
  report[0] = 0x81;  // one block
  report[1] = 201;
  report[3] = 7;
  report[12] = 64;  // a quarter lost …
  report[15] = 5;   // … which are 5
  for (const auto kind : {wire::FlowKind::kRtcp, wire::FlowKind::kRtp}) {
    a_.kind = b_.kind = kind;
    b_.rtcp_way = wire::RtcpWay::kRtpPort;
    Frame frame = udp_frame(way_, report);
    const Relayed relayed = pass(frame);
    EXPECT_FALSE(relayed.fault);
    EXPECT_FALSE(relayed.unread);
    EXPECT_EQ(std::memcmp(payload_of(frame), report.data(), report.size()), 0);
  }
  EXPECT_EQ(a_.report().reports, 2u);
  EXPECT_EQ(a_.report().lost, 5);
  EXPECT_EQ(a_.record().report.fraction_lost, 64);
  report[3] = 6;
  Frame broken = udp_frame(way_, report);
  const Relayed relayed = pass(broken);
  EXPECT_FALSE(relayed.fault);
  EXPECT_TRUE(relayed.unread);
  EXPECT_EQ(a_.report().reports, 2u);
  EXPECT_EQ(a_.relayed, 3u);
  a_.kind = wire::FlowKind::kOpaque;
  Frame fax = udp_frame(way_, report);
  EXPECT_FALSE(pass(fax).unread) << "nobody reads that";
}

TEST_F(RelayTest, AnOpaqueFlowTakesAnythingFromItsSourceOnly) {
  a_.kind = wire::FlowKind::kOpaque;
  const std::vector<std::uint8_t> packets[] = {
      {0, 1, 2}, {}, rtp(7), std::vector<std::uint8_t>(900)};
  for (const auto& payload : packets) {
    Frame frame = udp_frame(way_, payload);
    const Relayed relayed = pass(frame);
    ASSERT_FALSE(relayed.fault);
    EXPECT_TRUE(udp_checksum_right(frame));
    EXPECT_EQ(ip_of(frame)->dst_addr, ip(10, 77, 2, 2));
    EXPECT_TRUE(payload.empty() ||
                std::memcmp(payload_of(frame), payload.data(), payload.size()) == 0);
  }
  Way stranger = way_;
  stranger.from_ip = ip(10, 77, 1, 66);
  Frame bad = udp_frame(stranger, packets[0]);
  EXPECT_EQ(pass(bad).fault.reason, Counter::drop_media_stranger);
  stranger = way_;
  stranger.from_port = 4001;
  Frame late = udp_frame(stranger, packets[0]);
  EXPECT_EQ(pass(late).fault.reason, Counter::drop_media_stranger) << "once it is proven";
  const wire::FlowFigures figures = a_.figures();
  EXPECT_EQ(figures.packets, 4u);
  EXPECT_EQ(figures.opaque, 4u);
  EXPECT_EQ(figures.relayed, 4u);
  EXPECT_EQ(figures.refused, 2u);
  EXPECT_EQ(figures.ssrc, 0u) << "unread";
  a_.kind = wire::FlowKind::kRtp;
  Frame fax = udp_frame(way_, packets[0]);
  EXPECT_EQ(pass(fax).fault.reason, Counter::drop_media_not_rtp);
}

TEST_F(RelayTest, MeasuresButDropsWithoutAnOtherSide) {
  latch_signal(b_, 0, 0);
  Frame unknown = udp_frame(way_, rtp(1));
  const Relayed relayed = pass(unknown);
  EXPECT_EQ(relayed.fault.reason, Counter::drop_media_peer_closed);
  EXPECT_TRUE(relayed.latched);
  flows_.close(b_);
  Frame closed = udp_frame(way_, rtp(2));
  EXPECT_EQ(pass(closed).fault.reason, Counter::drop_media_peer_closed);
  EXPECT_EQ(a_.figures().packets, 2u);
  EXPECT_EQ(a_.figures().relayed, 0u);
}

TEST_F(RelayTest, EndsWhatCannotGoOn) {
  Frame tired = udp_frame(way_, rtp(1));
  ip_of(tired)->time_to_live = 1;
  sign_ip(tired);
  EXPECT_EQ(pass(tired).fault.reason, Counter::drop_ttl);
  Frame large = udp_frame(way_, rtp(2, 0, 5, 1473));
  EXPECT_EQ(pass(large).fault.reason, Counter::drop_media_size);
  b_.next_hop = 0;
  Frame lost = udp_frame(way_, rtp(3));
  EXPECT_EQ(pass(lost).fault.reason, Counter::drop_no_route);
  EXPECT_EQ(a_.relayed, 0u);
}

TEST_F(RelayTest, ALatchBehindTheGatewayIsReachedThroughIt) {
  latch_signal(a_, ip(192, 0, 2, 7), rte_cpu_to_be_16(4000));
  Way way = way_;
  way.from_ip = ip(192, 0, 2, 7);
  Frame frame = udp_frame(way, rtp(1));
  ASSERT_TRUE(pass(frame).latched);
  EXPECT_EQ(a_.next_hop, ip(10, 77, 1, 254));
}

}  // namespace
}  // namespace tandem::dataplane
