// The gateways with their load: who a source address belongs to, and whether one has room. Shared
// by all shards; the load counts are atomic, all else is fixed after construction.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "controlplane/config/site.h"

namespace tandem::routing {

using GatewayIndex = std::uint32_t;

class GatewayTable {
 public:
  explicit GatewayTable(const std::vector<config::Gateway>& gateways);

  // The mapping gateway that sends from this address; one with this very port before one with any.
  std::optional<GatewayIndex> identify(const base::Endpoint& source) const;
  // Any gateway's address, of either kind.
  bool knows(const base::IpAddress& address) const;
  const config::Gateway& gateway(GatewayIndex index) const { return gateways_[index]; }

  // Takes one call's place. False: at capacity.
  bool take(GatewayIndex index);
  void give_back(GatewayIndex index);
  std::uint32_t load(GatewayIndex index) const {
    return loads_[index].load(std::memory_order_relaxed);
  }

 private:
  std::vector<config::Gateway> gateways_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> loads_;
};

}  // namespace tandem::routing
