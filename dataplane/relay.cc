#include "dataplane/relay.h"

#include <rte_byteorder.h>

#include "dataplane/latch.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

bool is_of_kind(ConstBytes payload, wire::FlowKind kind) {
  switch (kind) {
    case wire::FlowKind::kRtp:
      return is_rtp(payload);
    case wire::FlowKind::kRtcp:
      return is_rtcp(payload);
    case wire::FlowKind::kOpaque:
      return true;
  }
  return false;
}

// From the source that the flow takes, and of its kind.
Fault accept(const UdpPacket& packet, Flow& flow) {
  if (!latch_accepts(flow, packet.ip->src_addr, packet.udp->src_port)) {
    ++flow.refused;
    return {Counter::drop_media_stranger};
  }
  if (!is_of_kind(packet.payload, flow.kind)) {
    ++flow.refused;
    return {Counter::drop_media_not_rtp};
  }
  return {};
}

// False: RTCP that can't be read. It may come on RTP's port (RFC 5761).
bool meter(const UdpPacket& packet, Flow& flow, base::Nanos now) {
  flow.last_packet_ns = now.count();
  if (flow.kind == wire::FlowKind::kRtp && !is_rtcp_type(packet.payload)) {
    flow.meter.measure(read_rtp(packet.payload), packet.payload.size(), now, flow.clock_khz);
    return true;
  }
  flow.meter.count(packet.payload.size());
  if (flow.kind != wire::FlowKind::kOpaque) {
    return flow.rtcp.read(packet.payload, flow.peer->rtcp, now);
  }
  ++flow.opaque;
  return true;
}

// From the peer's local port to the peer's far end. The UDP checksum is carried over, not made
// anew, so that a payload that came broken is still seen to be broken.
void rewrite(UdpPacket& packet, const Flow& peer, std::uint32_t from_ip) {
  rte_ipv4_hdr& ip = *packet.ip;
  rte_udp_hdr& udp = *packet.udp;
  const std::uint16_t from_port = rte_cpu_to_be_16(peer.key.port);
  if (udp.dgram_cksum != 0) {
    ChecksumChange change;
    change.replace32(ip.src_addr, from_ip);
    change.replace32(ip.dst_addr, peer.remote_ip);
    change.replace(udp.src_port, from_port);
    change.replace(udp.dst_port, peer.remote_port);
    const std::uint16_t sum = change.apply(udp.dgram_cksum);
    udp.dgram_cksum = sum == 0 ? 0xffff : sum;  // RFC 768: 0 would mean "none"
  }
  ip.src_addr = from_ip;
  ip.dst_addr = peer.remote_ip;
  ip.type_of_service = peer.tos;
  --ip.time_to_live;
  set_ip4_checksum(ip);  // the former one was found right on arrival
  udp.src_port = from_port;
  udp.dst_port = peer.remote_port;
}

}  // namespace

Relayed relay(UdpPacket& packet, Flow& flow, std::span<const LocalPort> ports, base::Nanos now) {
  Relayed out;
  out.fault = accept(packet, flow);
  if (out.fault) return out;
  if (!flow.locked) {
    latch_lock(flow, packet.ip->src_addr, packet.udp->src_port);
    flow.next_hop = ports[flow.key.address].next_hop(flow.remote_ip);
    out.latched = true;
  }
  out.unread = !meter(packet, flow, now);
  const Flow& peer = *flow.peer;
  if (peer.generation == 0 || peer.remote_ip == 0) {
    out.fault = {Counter::drop_media_peer_closed};
    return out;
  }
  out.port = peer.key.address;
  out.next_hop = peer.next_hop;
  const LocalPort& exit = ports[out.port];
  if (packet.ip->time_to_live <= 1) {
    out.fault = {Counter::drop_ttl};
  } else if (out.next_hop == 0) {
    out.fault = {Counter::drop_no_route};
  } else if (packet.frame_bytes() - kEtherBytes > exit.mtu) {
    out.fault = {Counter::drop_media_size};
  } else {
    rewrite(packet, peer, exit.address());
    ++flow.relayed;
  }
  return out;
}

}  // namespace tandem::dataplane
