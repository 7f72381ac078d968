#include "dataplane/local_port.h"

#include <rte_byteorder.h>

namespace tandem::dataplane {

bool is_host_address(std::uint32_t network_order) {
  const std::uint32_t first = rte_be_to_cpu_32(network_order) >> 24;
  return first != 0 && first != 127 && first < 224;
}

std::uint32_t LocalPort::next_hop(std::uint32_t destination) const {
  if (destination == address() || !is_host_address(destination)) return 0;
  if (!network.covers(destination)) return gateway;
  if (network.length < 31) {  // RFC 3021: a /31 has neither network nor broadcast address
    const std::uint32_t hosts = ~std::uint32_t{0} >> network.length;
    const std::uint32_t host = rte_be_to_cpu_32(destination) & hosts;
    if (host == 0 || host == hosts) return 0;
  }
  return destination;
}

}  // namespace tandem::dataplane
