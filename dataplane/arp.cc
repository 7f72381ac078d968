#include "dataplane/arp.h"

#include <rte_byteorder.h>

namespace tandem::dataplane {
namespace {

using wire::Counter;

rte_arp_hdr* arp_of(Bytes frame) {
  return reinterpret_cast<rte_arp_hdr*>(frame.data() + kEtherBytes);
}

bool has_our_shape(const rte_arp_hdr& arp) {
  return arp.arp_hardware == rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) &&
         arp.arp_protocol == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) &&
         arp.arp_hlen == RTE_ETHER_ADDR_LEN && arp.arp_plen == sizeof(std::uint32_t);
}

}  // namespace

ArpHeard hear_arp(Bytes frame, std::uint16_t port_index, const LocalPort& port) {
  ArpHeard out;
  if (frame.size() < kArpFrameBytes) {
    out.fault = {Counter::drop_short_frame};
    return out;
  }
  const rte_arp_hdr& arp = *arp_of(frame);
  const bool request = arp.arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
  const bool reply = arp.arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
  const rte_ether_addr mac = arp.arp_data.arp_sha;
  const std::uint32_t sender = arp.arp_data.arp_sip;
  const std::uint32_t target = arp.arp_data.arp_tip;
  if (!has_our_shape(arp) || (!request && !reply) || !rte_is_valid_assigned_ether_addr(&mac)) {
    out.fault = {Counter::drop_arp_malformed};
    return out;
  }
  if (sender == port.address()) {
    out.fault = {Counter::drop_arp_conflict};
    return out;
  }
  out.answer = request && target == port.address();
  // RFC 5227: a probe has no sender address yet. Who isn't in our network is nobody's next hop.
  if (sender == 0 || port.next_hop(sender) != sender) return out;
  const bool to_us = target == port.address();
  out.learned = true;
  out.report.kind = to_us ? NeighborReport::Kind::kTold : NeighborReport::Kind::kMoved;
  out.report.port = port_index;
  out.report.ip = sender;
  out.report.mac = mac;
  return out;
}

void arp_answer(Bytes frame, const LocalPort& port) {
  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  rte_arp_hdr& arp = *arp_of(frame);
  arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
  arp.arp_data.arp_tha = arp.arp_data.arp_sha;
  arp.arp_data.arp_tip = arp.arp_data.arp_sip;
  arp.arp_data.arp_sha = port.mac;
  arp.arp_data.arp_sip = port.address();
  ether->dst_addr = arp.arp_data.arp_tha;
  ether->src_addr = port.mac;
}

void build_arp_request(Bytes frame, const NeighborOrder& order, const LocalPort& port) {
  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame.data());
  ether->dst_addr = order.mac;
  ether->src_addr = port.mac;
  ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
  rte_arp_hdr& arp = *arp_of(frame);
  arp.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
  arp.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  arp.arp_hlen = RTE_ETHER_ADDR_LEN;
  arp.arp_plen = sizeof(std::uint32_t);
  arp.arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
  arp.arp_data.arp_sha = port.mac;
  arp.arp_data.arp_sip = port.address();
  arp.arp_data.arp_tha = {};
  arp.arp_data.arp_tip = order.ip;
}

}  // namespace tandem::dataplane
