// Frames for the tests, made and checked with DPDK's own checksum functions: a second opinion on
// ours.
#pragma once

#include <netinet/in.h>
#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "dataplane/local_port.h"
#include "drivers/base/endpoint.h"

namespace tandem::dataplane::testing {

using Frame = std::vector<std::byte>;

inline std::uint32_t ip(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return base::IpAddress::ip4(a, b, c, d).ip4_network_order();
}

inline base::Endpoint endpoint(const char* text) { return *base::Endpoint::parse(text, 0); }

inline constexpr rte_ether_addr kOurMac[2] = {{{2, 0, 0, 0, 1, 1}}, {{2, 0, 0, 0, 2, 1}}};
inline constexpr rte_ether_addr kFarMac[2] = {{{2, 0, 0, 0, 1, 2}}, {{2, 0, 0, 0, 2, 2}}};

// Port 0: 10.77.1.1/24, gateway 10.77.1.254; port 1: 10.77.2.1/24 without one.
inline std::vector<LocalPort> two_ports() {
  std::vector<LocalPort> out(2);
  for (std::uint8_t i = 0; i < 2; ++i) {
    out[i].device = i;
    out[i].mac = kOurMac[i];
    out[i].network = {ip(10, 77, static_cast<std::uint8_t>(i + 1), 1), 24};
  }
  out[0].gateway = ip(10, 77, 1, 254);
  return out;
}

struct Way {
  rte_ether_addr from_mac{};
  rte_ether_addr to_mac{};
  std::uint32_t from_ip = 0;
  std::uint32_t to_ip = 0;
  std::uint16_t from_port = 0;  // host order
  std::uint16_t to_port = 0;
};

inline rte_ether_hdr* ether_of(Frame& frame) {
  return reinterpret_cast<rte_ether_hdr*>(frame.data());
}
inline rte_ipv4_hdr* ip_of(Frame& frame) {
  return reinterpret_cast<rte_ipv4_hdr*>(frame.data() + sizeof(rte_ether_hdr));
}
inline rte_udp_hdr* udp_of(Frame& frame) {
  return reinterpret_cast<rte_udp_hdr*>(ip_of(frame) + 1);
}
inline std::byte* payload_of(Frame& frame) {
  return reinterpret_cast<std::byte*>(udp_of(frame) + 1);
}

inline void sign_ip(Frame& frame) {
  ip_of(frame)->hdr_checksum = 0;
  ip_of(frame)->hdr_checksum = rte_ipv4_cksum(ip_of(frame));
}

inline Frame ip_frame(const Way& way, std::uint8_t protocol, std::size_t payload_bytes) {
  Frame frame(sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + payload_bytes);
  ether_of(frame)->src_addr = way.from_mac;
  ether_of(frame)->dst_addr = way.to_mac;
  ether_of(frame)->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  rte_ipv4_hdr* head = ip_of(frame);
  head->version_ihl = 0x45;
  head->total_length =
      rte_cpu_to_be_16(static_cast<std::uint16_t>(frame.size() - sizeof(rte_ether_hdr)));
  head->time_to_live = 64;
  head->next_proto_id = protocol;
  head->src_addr = way.from_ip;
  head->dst_addr = way.to_ip;
  sign_ip(frame);
  return frame;
}

inline Frame udp_frame(const Way& way, const std::vector<std::uint8_t>& payload,
                       bool with_checksum = true) {
  Frame frame = ip_frame(way, IPPROTO_UDP, sizeof(rte_udp_hdr) + payload.size());
  rte_udp_hdr* head = udp_of(frame);
  head->src_port = rte_cpu_to_be_16(way.from_port);
  head->dst_port = rte_cpu_to_be_16(way.to_port);
  head->dgram_len =
      rte_cpu_to_be_16(static_cast<std::uint16_t>(sizeof(rte_udp_hdr) + payload.size()));
  if (!payload.empty()) std::memcpy(payload_of(frame), payload.data(), payload.size());
  if (with_checksum) head->dgram_cksum = rte_ipv4_udptcp_cksum(ip_of(frame), head);
  return frame;
}

inline Frame udp_frame(const Way& way, std::string_view payload) {
  return udp_frame(way, std::vector<std::uint8_t>(payload.begin(), payload.end()));
}

// One piece of an IPv4 packet: `octets` of its payload from `begin` on.
inline Frame piece_of(const Frame& whole, std::uint16_t id, std::size_t begin, std::size_t octets,
                      bool more) {
  const auto head = whole.begin() + sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr);
  Frame piece(whole.begin(), head);
  const auto from = head + static_cast<std::ptrdiff_t>(begin);
  piece.insert(piece.end(), from, from + static_cast<std::ptrdiff_t>(octets));
  ip_of(piece)->total_length =
      rte_cpu_to_be_16(static_cast<std::uint16_t>(sizeof(rte_ipv4_hdr) + octets));
  ip_of(piece)->packet_id = rte_cpu_to_be_16(id);
  ip_of(piece)->fragment_offset =
      rte_cpu_to_be_16(static_cast<std::uint16_t>(begin / 8 | (more ? 0x2000 : 0)));
  sign_ip(piece);
  return piece;
}

// All pieces, of `octets` each but the last.
inline std::vector<Frame> pieces_of(const Frame& whole, std::uint16_t id, std::size_t octets) {
  const std::size_t total = whole.size() - sizeof(rte_ether_hdr) - sizeof(rte_ipv4_hdr);
  std::vector<Frame> out;
  for (std::size_t begin = 0; begin < total; begin += octets) {
    const bool more = begin + octets < total;
    out.push_back(piece_of(whole, id, begin, more ? octets : total - begin, more));
  }
  return out;
}

inline bool ip_checksum_right(Frame& frame) {
  const std::uint16_t there = ip_of(frame)->hdr_checksum;
  ip_of(frame)->hdr_checksum = 0;
  const std::uint16_t right = rte_ipv4_cksum(ip_of(frame));
  ip_of(frame)->hdr_checksum = there;
  return there == right;
}

inline bool udp_checksum_right(Frame& frame) {
  return rte_ipv4_udptcp_cksum_verify(ip_of(frame), udp_of(frame)) == 0;
}

inline std::vector<std::uint8_t> rtp(std::uint16_t sequence, std::uint32_t timestamp = 0,
                                     std::uint32_t ssrc = 0x11223344, std::size_t octets = 160) {
  std::vector<std::uint8_t> out(12 + octets);
  out[0] = 0x80;
  out[1] = 8;
  out[2] = static_cast<std::uint8_t>(sequence >> 8);
  out[3] = static_cast<std::uint8_t>(sequence);
  for (int i = 0; i < 4; ++i) {
    out[static_cast<std::size_t>(4 + i)] = static_cast<std::uint8_t>(timestamp >> (24 - 8 * i));
    out[static_cast<std::size_t>(8 + i)] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * i));
  }
  for (std::size_t i = 12; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(sequence * 31 + i);
  return out;
}

inline Frame arp_frame(std::uint16_t opcode, const rte_ether_addr& sender_mac,
                       std::uint32_t sender_ip, std::uint32_t target_ip) {
  Frame frame(60);  // as short as Ethernet allows, padding included
  ether_of(frame)->src_addr = sender_mac;
  ether_of(frame)->dst_addr = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  ether_of(frame)->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
  auto* arp = reinterpret_cast<rte_arp_hdr*>(frame.data() + sizeof(rte_ether_hdr));
  arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
  arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  arp->arp_hlen = 6;
  arp->arp_plen = 4;
  arp->arp_opcode = rte_cpu_to_be_16(opcode);
  arp->arp_data.arp_sha = sender_mac;
  arp->arp_data.arp_sip = sender_ip;
  arp->arp_data.arp_tip = target_ip;
  return frame;
}

inline rte_arp_hdr* arp_of(Frame& frame) {
  return reinterpret_cast<rte_arp_hdr*>(frame.data() + sizeof(rte_ether_hdr));
}

inline Frame echo_frame(const Way& way, std::size_t octets) {
  Frame frame = ip_frame(way, IPPROTO_ICMP, sizeof(rte_icmp_hdr) + octets);
  auto* icmp = reinterpret_cast<rte_icmp_hdr*>(ip_of(frame) + 1);
  icmp->icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
  icmp->icmp_ident = rte_cpu_to_be_16(77);
  icmp->icmp_seq_nb = rte_cpu_to_be_16(3);
  auto* data = reinterpret_cast<std::byte*>(icmp + 1);
  for (std::size_t i = 0; i < octets; ++i) data[i] = static_cast<std::byte>(i);
  icmp->icmp_cksum = static_cast<std::uint16_t>(~rte_raw_cksum(icmp, sizeof *icmp + octets));
  return frame;
}

inline bool icmp_checksum_right(Frame& frame) {
  const auto* icmp = reinterpret_cast<rte_icmp_hdr*>(ip_of(frame) + 1);
  const std::size_t octets = frame.size() - sizeof(rte_ether_hdr) - sizeof(rte_ipv4_hdr);
  return rte_raw_cksum(icmp, octets) == 0xffff;
}

}  // namespace tandem::dataplane::testing
