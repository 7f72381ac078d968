#include "dataplane/arp.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;
using Kind = NeighborReport::Kind;

const std::uint32_t kFar = ip(10, 77, 1, 2);
const std::uint32_t kOur = ip(10, 77, 1, 1);

class ArpTest : public ::testing::Test {
 protected:
  ArpHeard hear(Frame& frame) { return hear_arp(frame, 0, ports_[0]); }
  std::vector<LocalPort> ports_ = two_ports();
};

TEST_F(ArpTest, AnswersForOurAddressAndLearnsTheAsker) {
  Frame frame = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar, kOur);
  const ArpHeard heard = hear(frame);
  ASSERT_TRUE(heard.answer);
  ASSERT_TRUE(heard.learned);
  EXPECT_EQ(heard.report.kind, Kind::kTold);
  EXPECT_EQ(heard.report.ip, kFar);
  EXPECT_TRUE(rte_is_same_ether_addr(&heard.report.mac, &kFarMac[0]));
  arp_answer(frame, ports_[0]);
  const rte_arp_hdr& arp = *arp_of(frame);
  EXPECT_EQ(arp.arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REPLY));
  EXPECT_EQ(arp.arp_data.arp_sip, kOur);
  EXPECT_EQ(arp.arp_data.arp_tip, kFar);
  EXPECT_EQ(std::memcmp(&arp.arp_data.arp_sha, &kOurMac[0], 6), 0);
  EXPECT_EQ(std::memcmp(&arp.arp_data.arp_tha, &kFarMac[0], 6), 0);
  EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(frame)->dst_addr, &kFarMac[0]));
  EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(frame)->src_addr, &kOurMac[0]));
}

TEST_F(ArpTest, LearnsFromAnswersAndOverhearsOthers) {
  Frame reply = arp_frame(RTE_ARP_OP_REPLY, kFarMac[0], kFar, kOur);
  EXPECT_FALSE(hear(reply).answer);
  EXPECT_EQ(hear(reply).report.kind, Kind::kTold);
  Frame gratuitous = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar, kFar);
  EXPECT_FALSE(hear(gratuitous).answer);
  EXPECT_EQ(hear(gratuitous).report.kind, Kind::kMoved);
}

TEST_F(ArpTest, AProbeIsAnsweredAndTeachesNothing) {
  Frame probe = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], 0, kOur);
  EXPECT_TRUE(hear(probe).answer);
  EXPECT_FALSE(hear(probe).learned);
}

TEST_F(ArpTest, WhoIsNotInTheNetworkIsNoNeighbour) {
  Frame frame = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], ip(192, 0, 2, 1), kOur);
  EXPECT_TRUE(hear(frame).answer);
  EXPECT_FALSE(hear(frame).learned);
}

TEST_F(ArpTest, RefusesLiesAndMalformedOnes) {
  Frame conflict = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kOur, kOur);
  EXPECT_EQ(hear(conflict).fault.reason, Counter::drop_arp_conflict);
  EXPECT_FALSE(hear(conflict).answer);
  const auto malformed = [&](auto&& change) {
    Frame frame = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar, kOur);
    change(*arp_of(frame));
    return hear(frame).fault.reason;
  };
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_hardware = 0; }), Counter::drop_arp_malformed);
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_protocol = 0; }), Counter::drop_arp_malformed);
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_hlen = 8; }), Counter::drop_arp_malformed);
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_plen = 16; }), Counter::drop_arp_malformed);
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_opcode = 0; }), Counter::drop_arp_malformed);
  EXPECT_EQ(malformed([](rte_arp_hdr& a) {
              a.arp_data.arp_sha = {{1, 2, 3, 4, 5, 6}};
            }),
            Counter::drop_arp_malformed)
      << "a group address is nobody's";
  EXPECT_EQ(malformed([](rte_arp_hdr& a) { a.arp_data.arp_sha = {}; }),
            Counter::drop_arp_malformed);
  Frame cut = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar, kOur);
  cut.resize(kArpFrameBytes - 1);
  EXPECT_EQ(hear(cut).fault.reason, Counter::drop_short_frame);
}

TEST_F(ArpTest, BuildsRequests) {
  Frame frame(kArpFrameBytes);
  NeighborOrder order;
  order.ip = kFar;
  order.mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  build_arp_request(frame, order, ports_[0]);
  const rte_arp_hdr& arp = *arp_of(frame);
  EXPECT_EQ(arp.arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REQUEST));
  EXPECT_EQ(arp.arp_data.arp_sip, kOur);
  EXPECT_EQ(arp.arp_data.arp_tip, kFar);
  EXPECT_TRUE(rte_is_broadcast_ether_addr(&ether_of(frame)->dst_addr));
  EXPECT_EQ(ether_of(frame)->ether_type, rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP));
}

}  // namespace
}  // namespace tandem::dataplane
