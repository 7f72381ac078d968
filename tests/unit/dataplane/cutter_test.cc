#include "dataplane/cutter.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/fragments.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;

const UdpAddresses kAddresses{ip(10, 77, 1, 1), ip(10, 77, 1, 2), rte_cpu_to_be_16(5060),
                              rte_cpu_to_be_16(5070)};

std::vector<std::byte> random_payload(std::size_t octets) {
  std::mt19937 engine(static_cast<unsigned>(octets));
  std::vector<std::byte> out(octets);
  for (auto& octet : out) octet = static_cast<std::byte>(engine());
  return out;
}

std::vector<Frame> cut(const std::vector<std::byte>& payload, std::uint16_t mtu) {
  const Cutter cutter(kAddresses, 0x60, 0xabcd, payload, mtu);
  std::vector<Frame> out;
  for (std::size_t piece = 0; piece < cutter.pieces(); ++piece) {
    out.emplace_back(cutter.frame_bytes(piece));
    cutter.write(piece, out.back());
  }
  return out;
}

TEST(Cutter, MakesFragmentsThatFitAndSaySo) {
  std::vector<Frame> frames = cut(random_payload(3000), 1500);
  ASSERT_EQ(frames.size(), 3u);
  const std::uint16_t offsets[] = {0x2000, 0x2000 | 185, 370};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Frame& frame = frames[i];
    EXPECT_LE(frame.size(), 1514u);
    EXPECT_TRUE(ip_checksum_right(frame));
    EXPECT_EQ(ip_of(frame)->total_length,
              rte_cpu_to_be_16(static_cast<std::uint16_t>(frame.size() - kEtherBytes)));
    EXPECT_EQ(rte_be_to_cpu_16(ip_of(frame)->fragment_offset), offsets[i]) << "DF is off";
    EXPECT_EQ(ip_of(frame)->packet_id, rte_cpu_to_be_16(0xabcd));
    EXPECT_EQ(ip_of(frame)->type_of_service, 0x60);
    EXPECT_EQ(ip_of(frame)->src_addr, kAddresses.from_ip);
    EXPECT_EQ(ip_of(frame)->dst_addr, kAddresses.to_ip);
    EXPECT_EQ(ether_of(frame)->ether_type, rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4));
  }
  EXPECT_EQ(udp_of(frames[0])->src_port, rte_cpu_to_be_16(5060));
  EXPECT_EQ(udp_of(frames[0])->dgram_len, rte_cpu_to_be_16(3008));
}

// Any size on any MTU comes together again, UDP checksum and all.
TEST(Cutter, WhatItCutsComesTogetherAgain) {
  wire::CounterBlock counters;
  Fragments fragments(counters);
  for (const std::uint16_t mtu :
       {std::uint16_t{576}, std::uint16_t{1499}, std::uint16_t{1500}, std::uint16_t{9000}}) {
    for (const std::size_t octets : {mtu - 27u, 9001u, 30000u, 65506u, 65507u}) {
      const auto payload = random_payload(octets);
      std::vector<Frame> frames = cut(payload, mtu);
      ASSERT_LE(frames.size(), Cutter::kPiecesMax);
      Bytes whole;
      for (Frame& frame : frames) {
        ASSERT_LE(frame.size() - kEtherBytes, mtu);
        ASSERT_TRUE(whole.empty());
        Ip4Packet packet;
        ASSERT_FALSE(parse_ip4(frame, packet));
        whole = fragments.add(packet, base::Seconds{1});
      }
      ASSERT_EQ(whole.size(), kUdpFrameBytes + octets) << mtu;
      Frame frame(whole.begin(), whole.end());
      EXPECT_TRUE(ip_checksum_right(frame));
      EXPECT_TRUE(udp_checksum_right(frame));
      EXPECT_EQ(std::memcmp(payload_of(frame), payload.data(), octets), 0);
    }
  }
  EXPECT_EQ(Cutter(kAddresses, 0, 0, random_payload(kUdpPayloadMax), kMtuLeast).pieces(),
            Cutter::kPiecesMax);
}

}  // namespace
}  // namespace tandem::dataplane
