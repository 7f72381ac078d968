#include "dataplane/headers.h"

#include <netinet/in.h>
#include <rte_byteorder.h>

#include <cstring>

namespace tandem::dataplane {
namespace {

using wire::Counter;

constexpr std::uint8_t kVersion4 = 4;
constexpr std::uint8_t kWordsWithoutOptions = 5;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;

ConstBytes bytes_of(const rte_ipv4_hdr& ip) {
  return {reinterpret_cast<const std::byte*>(&ip), kIp4Bytes};
}

}  // namespace

Fault parse_ip4(Bytes frame, Ip4Packet& out) {
  if (frame.size() < kEtherBytes + kIp4Bytes) return {Counter::drop_short_frame};
  out.ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  out.ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + kEtherBytes);
  const std::uint8_t words = out.ip->version_ihl & 15;
  if (out.ip->version_ihl >> 4 != kVersion4 || words < kWordsWithoutOptions) {
    return {Counter::drop_ip_header};
  }
  if (words > kWordsWithoutOptions) return {Counter::drop_ip_options};
  const std::size_t total = rte_be_to_cpu_16(out.ip->total_length);
  if (total < kIp4Bytes) return {Counter::drop_ip_header};
  if (total > frame.size() - kEtherBytes) return {Counter::drop_short_frame};
  if (checksum_finish(checksum_sum(bytes_of(*out.ip))) != 0) return {Counter::drop_ip_header};
  if (rte_be_to_cpu_16(out.ip->fragment_offset) & kMoreFragmentsOrOffset) {
    return {Counter::drop_ip_fragment};
  }
  out.payload = frame.subspan(kEtherBytes + kIp4Bytes, total - kIp4Bytes);
  return {};
}

Fault parse_udp(const Ip4Packet& packet, UdpPacket& out) {
  if (packet.payload.size() < kUdpBytes) return {Counter::drop_short_frame};
  out.ether = packet.ether;
  out.ip = packet.ip;
  out.udp = reinterpret_cast<rte_udp_hdr*>(packet.payload.data());
  const std::size_t length = rte_be_to_cpu_16(out.udp->dgram_len);
  if (length < kUdpBytes || length > packet.payload.size()) return {Counter::drop_short_frame};
  if (length < packet.payload.size()) {
    out.ip->total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(kIp4Bytes + length));
    set_ip4_checksum(*out.ip);
  }
  out.payload = packet.payload.subspan(kUdpBytes, length - kUdpBytes);
  return {};
}

std::uint64_t checksum_sum(ConstBytes bytes, std::uint64_t sum) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= sizeof(std::uint32_t); left -= sizeof(std::uint32_t)) {
    std::uint32_t words;
    std::memcpy(&words, at, sizeof words);
    sum += words;
    at += sizeof words;
  }
  if (left >= sizeof(std::uint16_t)) {
    std::uint16_t word;
    std::memcpy(&word, at, sizeof word);
    sum += word;
    at += sizeof word;
    left -= sizeof word;
  }
  if (left != 0) {  // the missing octet counts as zero, behind this one
    std::uint16_t word = 0;
    std::memcpy(&word, at, 1);
    sum += word;
  }
  return sum;
}

std::uint16_t checksum_finish(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void set_ip4_checksum(rte_ipv4_hdr& ip) {
  ip.hdr_checksum = 0;
  ip.hdr_checksum = checksum_finish(checksum_sum(bytes_of(ip)));
}

std::uint16_t udp_checksum(const UdpPacket& packet) {
  std::uint64_t sum = std::uint64_t{packet.ip->src_addr} + packet.ip->dst_addr;  // pseudo-header
  sum += rte_cpu_to_be_16(IPPROTO_UDP);
  sum += packet.udp->dgram_len;
  const ConstBytes segment(reinterpret_cast<const std::byte*>(packet.udp),
                           kUdpBytes + packet.payload.size());
  return checksum_finish(checksum_sum(segment, sum));
}

bool udp_checksum_holds(const UdpPacket& packet) {
  return packet.udp->dgram_cksum == 0 || udp_checksum(packet) == 0;
}

void build_udp(Bytes frame, const UdpAddresses& addresses, std::uint8_t tos) {
  UdpPacket packet;
  packet.ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  packet.ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + kEtherBytes);
  packet.udp = reinterpret_cast<rte_udp_hdr*>(frame.data() + kEtherBytes + kIp4Bytes);
  packet.payload = frame.subspan(kUdpFrameBytes);
  packet.ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  const auto ip_bytes = static_cast<std::uint16_t>(frame.size() - kEtherBytes);
  *packet.ip = {};
  packet.ip->version_ihl = kVersion4 << 4 | kWordsWithoutOptions;
  packet.ip->type_of_service = tos;
  packet.ip->total_length = rte_cpu_to_be_16(ip_bytes);
  // Never fragmented on the way, so the identification may stay 0 (RFC 6864 §4.1).
  packet.ip->fragment_offset = rte_cpu_to_be_16(kDontFragment);
  packet.ip->time_to_live = kFreshTtl;
  packet.ip->next_proto_id = IPPROTO_UDP;
  packet.ip->src_addr = addresses.from_ip;
  packet.ip->dst_addr = addresses.to_ip;
  set_ip4_checksum(*packet.ip);
  packet.udp->src_port = addresses.from_port;
  packet.udp->dst_port = addresses.to_port;
  packet.udp->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_bytes - kIp4Bytes));
  packet.udp->dgram_cksum = 0;
  const std::uint16_t sum = udp_checksum(packet);
  packet.udp->dgram_cksum = sum == 0 ? 0xffff : sum;  // RFC 768: 0 would mean "none"
}

}  // namespace tandem::dataplane
