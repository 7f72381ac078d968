#include "dataplane/classify.h"

#include <netinet/in.h>
#include <rte_byteorder.h>

namespace tandem::dataplane {
namespace {

using wire::Counter;

Fault check_addresses(const Ip4Packet& packet, const LocalPort& port) {
  // RFC 1122 §3.3.6: a unicast packet in a link-layer broadcast isn't for anybody.
  if (packet.ip->dst_addr != port.address() ||
      !rte_is_same_ether_addr(&packet.ether->dst_addr, &port.mac)) {
    return {Counter::drop_not_for_us};
  }
  if (!is_host_address(packet.ip->src_addr) || packet.ip->src_addr == port.address()) {
    return {Counter::drop_ip_header};
  }
  return {};
}

void drop(Arrival& arrival, Counter reason) {
  arrival.kind = Arrival::Kind::kDrop;
  arrival.reason = reason;
}

void classify_udp(Arrival& arrival, FlowTable& flows, const SignalPorts& signals) {
  if (const Fault fault = parse_udp(arrival.ip, arrival.udp)) return drop(arrival, fault.reason);
  const wire::FlowKey key{arrival.port, rte_be_to_cpu_16(arrival.udp.udp->dst_port)};
  const bool ours = flows.owns(key);
  if (ours) {
    Flow& flow = flows.at(key);
    if (flow.generation != 0) {
      arrival.kind = Arrival::Kind::kMedia;
      arrival.flow = &flow;
      return;
    }
  }
  if (signals.has(key.address, key.port)) {
    arrival.kind = Arrival::Kind::kSignal;
  } else if (!ours) {
    arrival.kind = Arrival::Kind::kForeign;
    arrival.owner = flows.worker_of(key.port);
  } else {
    drop(arrival, Counter::drop_udp_port);
  }
}

// The pieces of one datagram meet at one worker whatever queue each came by: not every device
// spreads fragments by their addresses alone.
void classify_fragment(Arrival& arrival, const FlowTable& flows) {
  const rte_ipv4_hdr& ip = *arrival.ip.ip;
  if (ip.next_proto_id != IPPROTO_UDP) return drop(arrival, Counter::drop_fragment_protocol);
  const std::uint32_t key = rte_be_to_cpu_32(ip.src_addr) + rte_be_to_cpu_16(ip.packet_id);
  arrival.owner = key % flows.workers();
  arrival.kind =
      arrival.owner == flows.worker() ? Arrival::Kind::kFragment : Arrival::Kind::kForeign;
}

}  // namespace

Arrival classify(Bytes frame, std::uint16_t port_index, const LocalPort& port, FlowTable& flows,
                 const SignalPorts& signals) {
  Arrival arrival;
  arrival.port = port_index;
  if (frame.size() < kEtherBytes) {
    drop(arrival, Counter::drop_short_frame);
    return arrival;
  }
  const auto type = reinterpret_cast<const rte_ether_hdr*>(frame.data())->ether_type;
  if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
    arrival.kind = Arrival::Kind::kArp;
    return arrival;
  }
  if (type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return arrival;
  Fault fault = parse_ip4(frame, arrival.ip);
  if (!fault) fault = check_addresses(arrival.ip, port);
  if (fault) {
    drop(arrival, fault.reason);
    return arrival;
  }
  if (arrival.ip.is_fragment()) {
    classify_fragment(arrival, flows);
    return arrival;
  }
  switch (arrival.ip.ip->next_proto_id) {
    case IPPROTO_UDP:
      classify_udp(arrival, flows, signals);
      break;
    case IPPROTO_ICMP:
      arrival.kind = Arrival::Kind::kIcmp;
      break;
    default:
      drop(arrival, Counter::drop_ip_protocol);
  }
  return arrival;
}

}  // namespace tandem::dataplane
