#include "dataplane/headers.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

const Way kWay{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 4000, 20000};

Counter ip_fault(Frame frame) {
  Ip4Packet packet;
  return parse_ip4(frame, packet).reason;
}

TEST(Headers, ParsesASoundPacketAndCutsPadding) {
  Frame frame = udp_frame(kWay, "hello");
  frame.resize(60);
  Ip4Packet packet;
  ASSERT_FALSE(parse_ip4(frame, packet));
  UdpPacket udp;
  ASSERT_FALSE(parse_udp(packet, udp));
  EXPECT_EQ(udp.payload.size(), 5u);
  EXPECT_EQ(udp.frame_bytes(), kUdpFrameBytes + 5);
  EXPECT_TRUE(udp_checksum_holds(udp));
}

TEST(Headers, EveryCutOfAFrameIsRefusedOrSound) {
  const Frame whole = udp_frame(kWay, "some payload of an odd length");
  for (std::size_t length = kEtherBytes; length < whole.size(); ++length) {
    Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(ip_fault(cut), Counter::drop_short_frame) << length;
  }
}

TEST(Headers, NamesWhatIsWrongWithAnIp4Header) {
  const auto with = [](auto&& change, bool sign = true) {
    Frame frame = udp_frame(kWay, "x");
    change(*ip_of(frame));
    if (sign) sign_ip(frame);
    return ip_fault(frame);
  };
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.version_ihl = 0x65; }), Counter::drop_ip_header);
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.version_ihl = 0x44; }), Counter::drop_ip_header);
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.version_ihl = 0x46; }), Counter::drop_ip_options);
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.total_length = rte_cpu_to_be_16(19); }),
            Counter::drop_ip_header);
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.total_length = rte_cpu_to_be_16(1400); }),
            Counter::drop_short_frame);
  EXPECT_EQ(with([](rte_ipv4_hdr& h) { h.time_to_live = 9; }, false), Counter::drop_ip_header);
}

TEST(Headers, TellsFragments) {
  const auto with = [](std::uint16_t word, auto&& look) {
    Frame frame = udp_frame(kWay, "x");
    ip_of(frame)->fragment_offset = rte_cpu_to_be_16(word);
    sign_ip(frame);
    Ip4Packet packet;
    EXPECT_FALSE(parse_ip4(frame, packet));
    look(packet);
  };
  with(0, [](const Ip4Packet& packet) { EXPECT_FALSE(packet.is_fragment()); });
  with(0x4000, [](const Ip4Packet& packet) { EXPECT_FALSE(packet.is_fragment()); });
  with(0x2000, [](const Ip4Packet& packet) {
    EXPECT_TRUE(packet.is_fragment() && packet.more_fragments());
    EXPECT_EQ(packet.fragment_offset(), 0u);
  });
  with(185, [](const Ip4Packet& packet) {
    EXPECT_TRUE(packet.is_fragment() && !packet.more_fragments());
    EXPECT_EQ(packet.fragment_offset(), 1480u);
  });
}

TEST(Headers, UdpLengthsAreComparedWithWhatIsThere) {
  Frame frame = udp_frame(kWay, "abcdef");
  Ip4Packet packet;
  UdpPacket udp;
  ASSERT_FALSE(parse_ip4(frame, packet));
  udp_of(frame)->dgram_len = rte_cpu_to_be_16(15);
  EXPECT_EQ(parse_udp(packet, udp).reason, Counter::drop_short_frame);
  udp_of(frame)->dgram_len = rte_cpu_to_be_16(7);
  EXPECT_EQ(parse_udp(packet, udp).reason, Counter::drop_short_frame);
  udp_of(frame)->dgram_len = rte_cpu_to_be_16(10);
  ASSERT_FALSE(parse_udp(packet, udp));
  EXPECT_EQ(udp.payload.size(), 2u);
  EXPECT_EQ(rte_be_to_cpu_16(ip_of(frame)->total_length), 30);
  EXPECT_TRUE(ip_checksum_right(frame));
}

TEST(Headers, ChecksumsAgreeWithDpdkAtEveryLength) {
  std::mt19937 random(7);
  for (std::size_t length = 0; length < 300; ++length) {
    std::vector<std::uint8_t> payload(length);
    for (auto& octet : payload) octet = static_cast<std::uint8_t>(random());
    Frame frame = udp_frame(kWay, payload);
    Ip4Packet packet;
    UdpPacket udp;
    ASSERT_FALSE(parse_ip4(frame, packet));
    ASSERT_FALSE(parse_udp(packet, udp));
    EXPECT_TRUE(udp_checksum_holds(udp)) << length;
    if (length == 0) continue;
    payload_of(frame)[length - 1] ^= std::byte{0x40};
    EXPECT_FALSE(udp_checksum_holds(udp)) << length;
  }
}

TEST(Headers, AChangeUnderAChecksumEqualsANewOne) {
  std::mt19937 engine(11);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  for (int i = 0; i < 20000; ++i) {
    std::uint32_t words[4] = {random(), random(), i % 7 == 0 ? 0 : random(),
                              i % 5 == 0 ? 0xffffffff : random()};
    const ConstBytes bytes(reinterpret_cast<const std::byte*>(words), sizeof words);
    const std::uint16_t before = checksum_finish(checksum_sum(bytes));
    ChecksumChange change;
    const std::uint32_t fresh = i % 3 == 0 ? 0 : random();
    change.replace32(words[i % 4], fresh);
    words[i % 4] = fresh;
    const std::uint16_t after = checksum_finish(checksum_sum(bytes));
    const std::uint16_t changed = change.apply(before);
    // All-zero data aside, one's complement has two zeros and both verify.
    EXPECT_TRUE(changed == after || (changed ^ after) == 0xffff) << i;
  }
}

TEST(Headers, BuildsDatagramsFromScratch) {
  for (const std::size_t length : {0u, 1u, 2u, 700u}) {
    Frame frame(kUdpFrameBytes + length, std::byte{0x5a});
    build_udp(frame, {kWay.from_ip, kWay.to_ip, rte_cpu_to_be_16(5060), rte_cpu_to_be_16(5062)},
              0x60);
    EXPECT_TRUE(ip_checksum_right(frame));
    EXPECT_TRUE(udp_checksum_right(frame));
    EXPECT_NE(udp_of(frame)->dgram_cksum, 0);
    EXPECT_EQ(ip_of(frame)->type_of_service, 0x60);
    EXPECT_EQ(ip_of(frame)->time_to_live, kFreshTtl);
    EXPECT_EQ(rte_be_to_cpu_16(udp_of(frame)->dgram_len), 8 + length);
  }
}

}  // namespace
}  // namespace tandem::dataplane
