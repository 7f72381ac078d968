#include "dataplane/relay.h"

#include <rte_byteorder.h>

#include "dataplane/latch.h"
#include "dataplane/srtp_sessions.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

bool is_of_kind(ConstBytes payload, wire::FlowKind kind) {
  switch (kind) {
    case wire::FlowKind::kRtp:
      return is_rtp(payload) || is_rtcp(payload);
    case wire::FlowKind::kRtcp:
      return is_rtcp(payload);
    case wire::FlowKind::kOpaque:
      return true;
  }
  return false;
}

// On a port of its own, or on RTP's (RFC 5761).
bool carries_rtcp(ConstBytes payload, wire::FlowKind kind) {
  return kind == wire::FlowKind::kRtcp || (kind == wire::FlowKind::kRtp && is_rtcp_type(payload));
}

Fault reason_of(LatchVerdict verdict, bool rtcp) {
  switch (verdict) {
    case LatchVerdict::kTaken:
    case LatchVerdict::kLatched:
      break;
    case LatchVerdict::kEarly:
      return {Counter::drop_media_early};
    case LatchVerdict::kStranger:
      return {rtcp ? Counter::drop_rtcp_stranger : Counter::drop_media_stranger};
    case LatchVerdict::kUnproven:
      return {rtcp ? Counter::drop_rtcp_unproven : Counter::drop_media_unproven};
  }
  return {};
}

// Of what the flow carries, and from the source that it takes; that may be learned by it.
Fault accept(const UdpPacket& packet, Flow& flow, base::Nanos now, bool& latched) {
  const std::uint32_t ip = packet.ip->src_addr;
  const std::uint16_t port = packet.udp->src_port;
  const bool sound = is_of_kind(packet.payload, flow.kind);
  if (sound && latch_holds(flow, ip, port)) return {};
  Fault fault{Counter::drop_media_not_rtp};
  // Whoever isn't the source is told so first, whatever he sends.
  if (sound || !latch_may_take(flow, ip, port)) {
    // A fax is in the clear even where the voice before it wasn't.
    const bool authentic =
        flow.kind != wire::FlowKind::kOpaque && SrtpSessions::is_session(flow.srtp);
    const LatchVerdict verdict = latch_judge(flow, ip, port, packet.payload, authentic, now);
    latched = verdict == LatchVerdict::kLatched;
    fault = reason_of(verdict, sound && carries_rtcp(packet.payload, flow.kind));
  }
  if (fault) ++flow.refused;
  return fault;
}

// What a party reports, on either of its ports, is kept with its RTP.
RtcpReader& reader_of(Flow& flow) {
  Flow* rtp = flow.kind == wire::FlowKind::kRtcp ? flow.companion() : nullptr;
  return rtp != nullptr ? rtp->rtcp : flow.rtcp;
}

// False: RTCP that can't be read.
bool meter(const UdpPacket& packet, bool rtcp, Flow& flow, base::Nanos now) {
  flow.last_packet_ns = now.count();
  if (flow.kind == wire::FlowKind::kRtp && !rtcp) {
    flow.meter.measure(read_rtp(packet.payload), packet.payload.size(), now, flow.clock_khz);
    return true;
  }
  flow.meter.count(packet.payload.size());
  if (rtcp) return reader_of(flow).read(packet.payload, reader_of(*flow.peer), now);
  ++flow.opaque;
  return true;
}

// By which flow RTCP goes to the party of `peer`, its RTP or RTCP; nullptr: by none.
const Flow* rtcp_target(const Flow& peer, Fault& fault) {
  const bool on_rtp = peer.kind != wire::FlowKind::kRtcp;
  const Flow* other = peer.companion();
  const Flow* rtp = on_rtp ? &peer : other;
  switch (rtp == nullptr ? wire::RtcpWay::kNextPort : rtp->rtcp_way) {
    case wire::RtcpWay::kNextPort: {
      const Flow* rtcp = on_rtp ? other : &peer;
      if (rtcp == nullptr) fault = {Counter::drop_media_peer_closed};
      return rtcp;
    }
    case wire::RtcpWay::kRtpPort:
      return rtp;
    case wire::RtcpWay::kNone:
      break;
  }
  fault = {Counter::drop_rtcp_unwanted};
  return nullptr;
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
    change.apply_to(udp);
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
  out.fault = accept(packet, flow, now, out.latched);
  if (out.fault) return out;
  if (out.latched) flow.next_hop = ports[flow.key.address].next_hop(flow.remote_ip);
  const bool rtcp = carries_rtcp(packet.payload, flow.kind);
  out.unread = !meter(packet, rtcp, flow, now);
  out.to = flow.peer;
  if (rtcp && out.to->generation != 0) {
    out.to = rtcp_target(*flow.peer, out.fault);
    if (out.to == nullptr) return out;
  }
  const Flow& peer = *out.to;
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
