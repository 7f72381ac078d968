#include "dataplane/echo.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

const Way kWay{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 0, 0};

Fault answer(Frame& frame) {
  Ip4Packet packet;
  EXPECT_FALSE(parse_ip4(frame, packet));
  return answer_echo(packet);
}

TEST(Echo, AnswersAnyLength) {
  for (const std::size_t octets : {0u, 1u, 56u, 57u, 1472u}) {
    Frame frame = echo_frame(kWay, octets);
    const Frame request = frame;
    ASSERT_FALSE(answer(frame));
    const auto* icmp = reinterpret_cast<rte_icmp_hdr*>(ip_of(frame) + 1);
    EXPECT_EQ(icmp->icmp_type, RTE_IP_ICMP_ECHO_REPLY);
    EXPECT_TRUE(icmp_checksum_right(frame)) << octets;
    EXPECT_TRUE(ip_checksum_right(frame));
    EXPECT_EQ(ip_of(frame)->src_addr, kWay.to_ip);
    EXPECT_EQ(ip_of(frame)->dst_addr, kWay.from_ip);
    EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(frame)->dst_addr, &kFarMac[0]));
    EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(frame)->src_addr, &kOurMac[0]));
    EXPECT_EQ(std::memcmp(frame.data() + 38, request.data() + 38, frame.size() - 38), 0);
  }
}

TEST(Echo, AnswersNothingElse) {
  Frame broken = echo_frame(kWay, 56);
  broken.back() ^= std::byte{1};
  EXPECT_EQ(answer(broken).reason, Counter::drop_icmp_other);
  Frame reply = echo_frame(kWay, 56);
  reinterpret_cast<rte_icmp_hdr*>(ip_of(reply) + 1)->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
  EXPECT_EQ(answer(reply).reason, Counter::drop_icmp_other);
  Frame stump = ip_frame(kWay, IPPROTO_ICMP, 7);
  EXPECT_EQ(answer(stump).reason, Counter::drop_short_frame);
}

}  // namespace
}  // namespace tandem::dataplane
