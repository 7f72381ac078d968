#include "dataplane/punt.h"

#include <rte_byteorder.h>

#include "drivers/wire/plan.h"

namespace tandem::dataplane {

using wire::Counter;

namespace {

Fault write(const UdpPacket& packet, wire::DatagramKind kind, wire::WorkerEnd& channel,
            base::Nanos now) {
  if (!udp_checksum_holds(packet)) return {Counter::drop_udp_checksum};
  if (packet.payload.size() > wire::ByteRing::kDatagramBytesMax) {
    return {Counter::drop_punt_size};
  }
  wire::DatagramHead head;
  head.local.address = base::IpAddress::ip4_raw(packet.ip->dst_addr);
  head.local.port = rte_be_to_cpu_16(packet.udp->dst_port);
  head.remote.address = base::IpAddress::ip4_raw(packet.ip->src_addr);
  head.remote.port = rte_be_to_cpu_16(packet.udp->src_port);
  head.at_ns = now.count();
  head.tos = packet.ip->type_of_service;
  head.kind = kind;
  if (!channel.punt.write(head, packet.payload)) return {Counter::drop_punt_full};
  return {};
}

}  // namespace

Fault punt(const UdpPacket& packet, std::span<wire::WorkerEnd> channels, base::Nanos now) {
  const auto shards = static_cast<std::uint32_t>(channels.size());
  const std::uint32_t shard = wire::shard_of_datagram(shards, packet.payload);
  return write(packet, wire::DatagramKind::kSip, channels[shard], now);
}

Fault punt_dtls(const UdpPacket& packet, wire::WorkerEnd& channel, base::Nanos now) {
  return write(packet, wire::DatagramKind::kDtls, channel, now);
}

Injection plan_injection(const wire::DatagramHead& head, std::size_t payload_bytes,
                         std::span<const LocalPort> ports) {
  Injection out;
  out.fault = {Counter::drop_inject_address};
  if (!head.local.address.is_ip4() || !head.remote.address.is_ip4()) return out;
  if (head.local.port == 0 || head.remote.port == 0) return out;
  out.addresses.from_ip = head.local.address.ip4_network_order();
  out.addresses.to_ip = head.remote.address.ip4_network_order();
  out.addresses.from_port = rte_cpu_to_be_16(head.local.port);
  out.addresses.to_port = rte_cpu_to_be_16(head.remote.port);
  while (out.port < ports.size() && ports[out.port].address() != out.addresses.from_ip) ++out.port;
  if (out.port == ports.size()) return out;
  out.frame_bytes = kUdpFrameBytes + payload_bytes;
  out.next_hop = ports[out.port].next_hop(out.addresses.to_ip);
  out.fault = {};
  if (payload_bytes > kUdpPayloadMax) {
    out.fault = {Counter::drop_inject_size};
  } else if (out.next_hop == 0) {
    out.fault = {Counter::drop_no_route};
  }
  return out;
}

}  // namespace tandem::dataplane
