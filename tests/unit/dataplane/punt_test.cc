#include "dataplane/punt.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/channel_home.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

const Way kWay{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 5070, 5060};

UdpPacket parse(Frame& frame) {
  Ip4Packet packet;
  UdpPacket udp;
  EXPECT_FALSE(parse_ip4(frame, packet));
  EXPECT_FALSE(parse_udp(packet, udp));
  return udp;
}

class PuntTest : public ::testing::Test {
 protected:
  Fault up(Frame frame) { return punt(parse(frame), workers_, base::Nanos{77}); }

  ChannelHome homes_[2];
  std::vector<wire::WorkerEnd> workers_{homes_[0].worker, homes_[1].worker};
};

TEST_F(PuntTest, BringsTheDatagramToItsShard) {
  ASSERT_FALSE(up(udp_frame(kWay, "BYE sip:x SIP/2.0\r\nCall-ID: s1-abc\r\n\r\n")));
  wire::ByteRing::View view;
  EXPECT_FALSE(homes_[0].control.punt.front(view));
  ASSERT_TRUE(homes_[1].control.punt.front(view));
  EXPECT_EQ(view.head.local, endpoint("10.77.1.1:5060"));
  EXPECT_EQ(view.head.remote, endpoint("10.77.1.2:5070"));
  EXPECT_EQ(view.head.at_ns, 77);
  EXPECT_EQ(view.payload.size(), 38u);
  EXPECT_EQ(std::memcmp(view.payload.data(), "BYE sip:x", 9), 0);
}

TEST_F(PuntTest, AnEmptyKeepaliveGoesUpToo) {
  ASSERT_FALSE(up(udp_frame(kWay, "")));
  wire::ByteRing::View view;
  ASSERT_TRUE(homes_[0].control.punt.front(view));
  EXPECT_TRUE(view.payload.empty());
}

TEST_F(PuntTest, BelievesAChecksumOnlyWhenItHolds) {
  Frame broken = udp_frame(kWay, "OPTIONS");
  payload_of(broken)[0] ^= std::byte{1};
  EXPECT_EQ(up(broken).reason, Counter::drop_udp_checksum);
  udp_of(broken)->dgram_cksum = 0;
  EXPECT_FALSE(up(broken)) << "none given, none to compare";
}

TEST_F(PuntTest, AFullRingDropsAndSaysSo) {
  const Frame frame = udp_frame(kWay, std::vector<std::uint8_t>(1400));
  int taken = 0;
  while (!up(frame)) ++taken;
  EXPECT_GT(taken, 2000);
  EXPECT_EQ(up(frame).reason, Counter::drop_punt_full);
}

TEST(Injection, FindsPortAndNextHop) {
  const auto ports = two_ports();
  wire::DatagramHead head;
  head.local = endpoint("10.77.1.1:5060");
  head.remote = endpoint("192.0.2.9:5070");
  const Injection way = plan_injection(head, 500, ports);
  ASSERT_FALSE(way.fault);
  EXPECT_EQ(way.port, 0);
  EXPECT_EQ(way.next_hop, ip(10, 77, 1, 254));
  EXPECT_EQ(way.frame_bytes, 542u);
  EXPECT_EQ(way.addresses.to_port, rte_cpu_to_be_16(5070));
}

TEST(Injection, RefusesWhatCannotBeSent) {
  const auto ports = two_ports();
  const auto fault = [&](const char* local, const char* remote, std::size_t octets = 100) {
    wire::DatagramHead head;
    head.local = endpoint(local);
    head.remote = endpoint(remote);
    return plan_injection(head, octets, ports).fault.reason;
  };
  EXPECT_EQ(fault("10.77.3.1:5060", "10.77.1.2:5060"), Counter::drop_inject_address);
  EXPECT_EQ(fault("10.77.1.1", "10.77.1.2:5060"), Counter::drop_inject_address);
  EXPECT_EQ(fault("10.77.1.1:5060", "10.77.1.2"), Counter::drop_inject_address);
  EXPECT_EQ(fault("[2001:db8::1]:5060", "10.77.1.2:5060"), Counter::drop_inject_address);
  EXPECT_EQ(fault("10.77.1.1:5060", "[2001:db8::1]:5060"), Counter::drop_inject_address);
  EXPECT_EQ(fault("10.77.1.1:5060", "10.77.1.2:5060", 65507), Counter::kCount);
  EXPECT_EQ(fault("10.77.1.1:5060", "10.77.1.2:5060", 65508), Counter::drop_inject_size);
  EXPECT_EQ(fault("10.77.2.1:5060", "192.0.2.9:5060"), Counter::drop_no_route);
  EXPECT_EQ(fault("10.77.2.1:5060", "224.0.0.1:5060"), Counter::drop_no_route);
  const wire::DatagramHead unset;
  EXPECT_EQ(plan_injection(unset, 1, ports).fault.reason, Counter::drop_inject_address);
}

}  // namespace
}  // namespace tandem::dataplane
