#include "controlplane/routing/gateway_table.h"

namespace tandem::routing {

GatewayTable::GatewayTable(const std::vector<config::Gateway>& gateways)
    : gateways_(gateways),
      loads_(std::make_unique<std::atomic<std::uint32_t>[]>(gateways.size())) {}

std::optional<GatewayIndex> GatewayTable::identify(const base::Endpoint& source) const {
  std::optional<GatewayIndex> any_port;
  for (GatewayIndex i = 0; i < gateways_.size(); ++i) {
    if (gateways_[i].kind != config::GatewayKind::kMapping) continue;
    for (const base::Endpoint& address : gateways_[i].addresses) {
      if (!(address.address == source.address)) continue;
      if (address.port == source.port) return i;
      if (address.port == 0 && !any_port) any_port = i;
    }
  }
  return any_port;
}

bool GatewayTable::knows(const base::IpAddress& address) const {
  for (const config::Gateway& gateway : gateways_) {
    for (const base::Endpoint& known : gateway.addresses) {
      if (known.address == address) return true;
    }
  }
  return false;
}

bool GatewayTable::take(GatewayIndex index) {
  const std::uint32_t capacity = gateways_[index].capacity;
  const std::uint32_t before = loads_[index].fetch_add(1, std::memory_order_relaxed);
  if (capacity == 0 || before < capacity) return true;
  loads_[index].fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void GatewayTable::give_back(GatewayIndex index) {
  loads_[index].fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace tandem::routing
