#include "dataplane/headers.h"

#include <netinet/in.h>
#include <rte_byteorder.h>

#include <cstring>

namespace tandem::dataplane {
namespace {

using wire::Counter;

constexpr std::uint8_t kVersion4 = 4;
constexpr std::uint8_t kWordsWithoutOptions = 5;

ConstBytes bytes_of(const rte_ipv4_hdr& ip) {
  return {reinterpret_cast<const std::byte*>(&ip), kIp4Bytes};
}

}  // namespace

bool Ip4Packet::more_fragments() const {
  return (rte_be_to_cpu_16(ip->fragment_offset) & RTE_IPV4_HDR_MF_FLAG) != 0;
}

std::size_t Ip4Packet::fragment_offset() const {
  return std::size_t{RTE_IPV4_HDR_OFFSET_UNITS} *
         (rte_be_to_cpu_16(ip->fragment_offset) & RTE_IPV4_HDR_OFFSET_MASK);
}

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

std::uint16_t udp_checksum(const rte_ipv4_hdr& ip, const rte_udp_hdr& udp, ConstBytes payload) {
  std::uint64_t sum = std::uint64_t{ip.src_addr} + ip.dst_addr;  // pseudo-header
  sum += rte_cpu_to_be_16(IPPROTO_UDP);
  sum += udp.dgram_len;
  sum = checksum_sum({reinterpret_cast<const std::byte*>(&udp), kUdpBytes}, sum);
  return checksum_finish(checksum_sum(payload, sum));
}

bool udp_checksum_holds(const UdpPacket& packet) {
  return packet.udp->dgram_cksum == 0 || udp_checksum(*packet.ip, *packet.udp, packet.payload) == 0;
}

UdpHeads make_udp_heads(const UdpAddresses& addresses, std::uint8_t tos, ConstBytes payload) {
  UdpHeads out{};
  const auto udp_bytes = static_cast<std::uint16_t>(kUdpBytes + payload.size());
  out.ip.version_ihl = kVersion4 << 4 | kWordsWithoutOptions;
  out.ip.type_of_service = tos;
  out.ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(kIp4Bytes + udp_bytes));
  out.ip.time_to_live = kFreshTtl;
  out.ip.next_proto_id = IPPROTO_UDP;
  out.ip.src_addr = addresses.from_ip;
  out.ip.dst_addr = addresses.to_ip;
  out.udp.src_port = addresses.from_port;
  out.udp.dst_port = addresses.to_port;
  out.udp.dgram_len = rte_cpu_to_be_16(udp_bytes);
  const std::uint16_t sum = udp_checksum(out.ip, out.udp, payload);
  out.udp.dgram_cksum = sum == 0 ? 0xffff : sum;  // RFC 768: 0 would mean "none"
  return out;
}

void build_udp(Bytes frame, const UdpAddresses& addresses, std::uint8_t tos) {
  UdpHeads heads = make_udp_heads(addresses, tos, frame.subspan(kUdpFrameBytes));
  // Never fragmented on the way, so the identification may stay 0 (RFC 6864 §4.1).
  heads.ip.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
  set_ip4_checksum(heads.ip);
  reinterpret_cast<rte_ether_hdr*>(frame.data())->ether_type =
      rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  std::memcpy(frame.data() + kEtherBytes, &heads.ip, kIp4Bytes);
  std::memcpy(frame.data() + kEtherBytes + kIp4Bytes, &heads.udp, kUdpBytes);
}

UdpPacket built_udp(Bytes frame) {
  return {.ether = reinterpret_cast<rte_ether_hdr*>(frame.data()),
          .ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + kEtherBytes),
          .udp = reinterpret_cast<rte_udp_hdr*>(frame.data() + kEtherBytes + kIp4Bytes),
          .payload = frame.subspan(kUdpFrameBytes)};
}

}  // namespace tandem::dataplane
