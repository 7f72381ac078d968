#include "dataplane/echo.h"

#include <rte_byteorder.h>

#include <utility>

namespace tandem::dataplane {

Fault answer_echo(const Ip4Packet& packet) {
  if (packet.payload.size() < sizeof(rte_icmp_hdr)) return {wire::Counter::drop_short_frame};
  auto& icmp = *reinterpret_cast<rte_icmp_hdr*>(packet.payload.data());
  if (icmp.icmp_type != RTE_IP_ICMP_ECHO_REQUEST || icmp.icmp_code != 0 ||
      checksum_finish(checksum_sum(packet.payload)) != 0) {
    return {wire::Counter::drop_icmp_other};
  }
  ChecksumChange change;
  change.replace(rte_cpu_to_be_16(RTE_IP_ICMP_ECHO_REQUEST << 8),
                 rte_cpu_to_be_16(RTE_IP_ICMP_ECHO_REPLY << 8));
  icmp.icmp_type = RTE_IP_ICMP_ECHO_REPLY;
  icmp.icmp_cksum = change.apply(icmp.icmp_cksum);
  rte_ipv4_hdr& ip = *packet.ip;
  const std::uint32_t us = ip.dst_addr;
  ip.dst_addr = ip.src_addr;
  ip.src_addr = us;
  ip.time_to_live = kFreshTtl;
  set_ip4_checksum(ip);
  const rte_ether_addr our_mac = packet.ether->dst_addr;
  packet.ether->dst_addr = packet.ether->src_addr;
  packet.ether->src_addr = our_mac;
  return {};
}

}  // namespace tandem::dataplane
