// ARP on Ethernet for IPv4 (RFC 826): what a message says, the answer in place, a request from
// scratch. Owner: any worker.
#pragma once

#include <rte_arp.h>

#include <cstdint>

#include "dataplane/headers.h"
#include "dataplane/local_port.h"
#include "dataplane/neighbor.h"

namespace tandem::dataplane {

inline constexpr std::size_t kArpFrameBytes = kEtherBytes + sizeof(rte_arp_hdr);

struct ArpHeard {
  Fault fault;
  bool answer = false;   // it asks for our address: send arp_answer()
  bool learned = false;  // `report` is for main
  NeighborReport report;
};

// REQUIRES: the EtherType is ARP.
ArpHeard hear_arp(Bytes frame, std::uint16_t port_index, const LocalPort& port);
// Turns the request into our answer. REQUIRES: hear_arp() said `answer`.
void arp_answer(Bytes frame, const LocalPort& port);
// REQUIRES: kArpFrameBytes.
void build_arp_request(Bytes frame, const NeighborOrder& order, const LocalPort& port);

}  // namespace tandem::dataplane
