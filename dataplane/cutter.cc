#include "dataplane/cutter.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <cstring>

#include "drivers/base/check.h"

namespace tandem::dataplane {

Cutter::Cutter(const UdpAddresses& addresses, std::uint8_t tos, std::uint16_t id,
               ConstBytes payload, std::uint16_t mtu)
    : heads_(make_udp_heads(addresses, tos, payload)),
      payload_(payload),
      piece_((mtu - kIp4Bytes) / RTE_IPV4_HDR_OFFSET_UNITS * RTE_IPV4_HDR_OFFSET_UNITS) {
  CHECK(payload.size() <= kUdpPayloadMax && mtu >= kMtuLeast);
  heads_.ip.packet_id = rte_cpu_to_be_16(id);
}

std::size_t Cutter::frame_bytes(std::size_t piece) const {
  return kEtherBytes + kIp4Bytes + std::min(piece_, total() - piece * piece_);
}

void Cutter::write(std::size_t piece, Bytes frame) const {
  const std::size_t begin = piece * piece_;
  const bool more = begin + piece_ < total();
  rte_ipv4_hdr ip = heads_.ip;
  ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(frame.size() - kEtherBytes));
  ip.fragment_offset = rte_cpu_to_be_16(static_cast<std::uint16_t>(
      begin / RTE_IPV4_HDR_OFFSET_UNITS | (more ? RTE_IPV4_HDR_MF_FLAG : 0)));
  set_ip4_checksum(ip);
  reinterpret_cast<rte_ether_hdr*>(frame.data())->ether_type =
      rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  std::memcpy(frame.data() + kEtherBytes, &ip, kIp4Bytes);
  Bytes room = frame.subspan(kEtherBytes + kIp4Bytes);
  std::size_t from = begin;  // in the datagram; the UDP header is its beginning
  if (begin == 0) {
    std::memcpy(room.data(), &heads_.udp, kUdpBytes);
    room = room.subspan(kUdpBytes);
    from = kUdpBytes;
  }
  std::memcpy(room.data(), payload_.data() + (from - kUdpBytes), room.size());
}

}  // namespace tandem::dataplane
