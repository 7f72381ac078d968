// What a worker knows of one port: our MAC and IPv4 address on it and the way out of its network.
// Port n carries address n of the corridor's plan. Written once at start, then only read.
#pragma once

#include <rte_ether.h>

#include <cstdint>

#include "drivers/base/endpoint.h"

namespace tandem::dataplane {

inline constexpr std::uint16_t kMtuLeast = 576;  // RFC 791: what every host takes

// All addresses and prefixes in network order, as they stand in a packet.
struct LocalPort {
  std::uint16_t device = 0;  // DPDK's number
  std::uint16_t mtu = 1500;
  rte_ether_addr mac{};
  base::Ip4Prefix network;    // holds our own address
  std::uint32_t gateway = 0;  // 0: none

  std::uint32_t address() const { return network.network_order; }
  // The neighbour to whom a packet for `destination` is given; 0: no way there.
  std::uint32_t next_hop(std::uint32_t destination) const;
};

// One host, which may stand as a source or be sent to: not 0/8, 127/8, multicast or above.
bool is_host_address(std::uint32_t network_order);

}  // namespace tandem::dataplane
