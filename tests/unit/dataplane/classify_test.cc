#include "dataplane/classify.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;
using Kind = Arrival::Kind;

class ClassifyTest : public ::testing::Test {
 protected:
  ClassifyTest() { flows_.open({0, 20000}, {1, 30000}, 1); }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.workers = 2;
    plan.address_count = 2;
    return plan;
  }
  static Way way(std::uint16_t to_port) {
    return {kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 4000, to_port};
  }
  Arrival look(Frame& frame) { return classify(frame, 0, ports_[0], flows_, signals_); }
  Counter reason(Frame frame) {
    const Arrival arrival = look(frame);
    return arrival.kind == Kind::kDrop ? arrival.reason : Counter::kCount;
  }

  std::vector<LocalPort> ports_ = two_ports();
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  SignalPorts signals_{2};
};

TEST_F(ClassifyTest, TellsMediaSignallingAndForeignMedia) {
  signals_.bind(0, 5060);
  Frame media = udp_frame(way(20000), rtp(1));
  EXPECT_EQ(look(media).kind, Kind::kMedia);
  EXPECT_EQ(look(media).flow, &flows_.at({0, 20000}));
  Frame sip = udp_frame(way(5060), "OPTIONS");
  EXPECT_EQ(look(sip).kind, Kind::kSignal);
  Frame foreign = udp_frame(way(20002), rtp(1));
  EXPECT_EQ(look(foreign).kind, Kind::kForeign);
  EXPECT_EQ(look(foreign).owner, 1u);
  EXPECT_EQ(reason(udp_frame(way(20004), rtp(1))), Counter::drop_udp_port);
  signals_.bind(0, 5062);  // a port whose media another worker would hold
  Frame other_sip = udp_frame(way(5062), "OPTIONS");
  EXPECT_EQ(look(other_sip).kind, Kind::kSignal);
}

TEST_F(ClassifyTest, TellsArpAndIcmp) {
  Frame arp = arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1));
  EXPECT_EQ(look(arp).kind, Kind::kArp);
  Frame echo = echo_frame(way(0), 56);
  EXPECT_EQ(look(echo).kind, Kind::kIcmp);
}

TEST_F(ClassifyTest, AllPiecesOfADatagramMeetAtOneWorker) {
  const Frame whole = udp_frame(way(5060), std::vector<std::uint8_t>(3000));
  int mine = 0;
  for (std::uint16_t id = 0; id < 100; ++id) {
    std::vector<Frame> pieces = pieces_of(whole, id, 1480);
    const Kind first = look(pieces[0]).kind;
    ASSERT_TRUE(first == Kind::kFragment || first == Kind::kForeign);
    mine += first == Kind::kFragment ? 1 : 0;
    for (Frame& piece : pieces) {
      EXPECT_EQ(look(piece).kind, first);
      EXPECT_EQ(look(piece).owner, first == Kind::kFragment ? 0u : 1u);
    }
  }
  EXPECT_EQ(mine, 50) << "half are worker 0's";
}

TEST_F(ClassifyTest, TakesFragmentsOfUdpToOurselvesOnly) {
  EXPECT_EQ(reason(piece_of(echo_frame(way(0), 3000), 1, 0, 1480, true)),
            Counter::drop_fragment_protocol);
  EXPECT_EQ(reason(piece_of(ip_frame(way(0), IPPROTO_TCP, 3000), 1, 1480, 1480, true)),
            Counter::drop_fragment_protocol);
  Way other = way(5060);
  other.to_ip = ip(10, 77, 1, 3);
  EXPECT_EQ(reason(piece_of(udp_frame(other, std::vector<std::uint8_t>(3000)), 1, 0, 1480, true)),
            Counter::drop_not_for_us);
}

TEST_F(ClassifyTest, DropsWhatIsNotForUs) {
  Way other = way(20000);
  other.to_ip = ip(10, 77, 1, 3);
  EXPECT_EQ(reason(udp_frame(other, rtp(1))), Counter::drop_not_for_us);
  other.to_ip = ip(10, 77, 2, 1);
  EXPECT_EQ(reason(udp_frame(other, rtp(1))), Counter::drop_not_for_us)
      << "another port's address isn't ours on this one";
  other = way(20000);
  other.to_mac = kFarMac[1];
  EXPECT_EQ(reason(udp_frame(other, rtp(1))), Counter::drop_not_for_us);
}

TEST_F(ClassifyTest, DropsSourcesThatCannotBe) {
  for (const std::uint32_t source : {ip(10, 77, 1, 1), ip(0, 0, 0, 0), ip(127, 0, 0, 1),
                                     ip(224, 0, 0, 5), ip(255, 255, 255, 255)}) {
    Way bad = way(20000);
    bad.from_ip = source;
    EXPECT_EQ(reason(udp_frame(bad, rtp(1))), Counter::drop_ip_header);
  }
}

TEST_F(ClassifyTest, DropsOtherProtocolsAndStumps) {
  EXPECT_EQ(reason(ip_frame(way(0), IPPROTO_TCP, 20)), Counter::drop_ip_protocol);
  EXPECT_EQ(reason(Frame(13)), Counter::drop_short_frame);
  EXPECT_EQ(reason(Frame()), Counter::drop_short_frame);
  Frame ip6(60);
  ether_of(ip6)->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
  EXPECT_EQ(reason(ip6), Counter::drop_not_ip);
}

}  // namespace
}  // namespace tandem::dataplane
