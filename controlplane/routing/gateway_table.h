// The gateways with their load: who a source address belongs to, where a gateway is reached, and
// whether it has room. Shared by all shards: the load counts are atomic, the addresses a snapshot
// that set_targets() (the main thread, after a DNS answer) exchanges; all else is fixed after
// construction.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/routing/address_book.h"
#include "drivers/base/random.h"

namespace tandem::routing {

class GatewayTable {
 public:
  explicit GatewayTable(const std::vector<config::Gateway>& gateways);

  // The mapping gateway that sends from this address; one with this very port before one with any.
  std::optional<GatewayIndex> identify(const base::Endpoint& source) const {
    return book()->identify(source);
  }
  // Any gateway's address, of either kind.
  bool knows(const base::IpAddress& address) const { return book()->knows(address); }
  const config::Gateway& gateway(GatewayIndex index) const { return gateways_[index]; }
  // The routing gateway that is reached at exactly this address and port.
  std::optional<GatewayIndex> routing_at(const base::Endpoint& address) const {
    return book()->routing_at(address);
  }
  // The routing gateway that has this host name; port 0: not said.
  std::optional<GatewayIndex> routing_named(std::string_view host, std::uint16_t port) const;
  // Where a routing gateway is reached, in the order in which one call tries them. Empty: its name
  // leads nowhere as yet.
  std::vector<config::Target> targets(GatewayIndex index, base::Random& random) const;

  // What the certificate of the gateway that is reached there must be for: a name; empty: the
  // address itself.
  std::string name_at(const base::Endpoint& endpoint) const;

  // What the n-th name of a gateway leads to from now on, instead of what it led to before.
  void set_targets(GatewayIndex index, std::size_t name, std::vector<config::Target> targets);

  // Takes one call's place. False: at capacity.
  bool take(GatewayIndex index);
  void give_back(GatewayIndex index);
  std::uint32_t load(GatewayIndex index) const {
    return loads_[index].load(std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<const AddressBook> book() const;

  std::vector<config::Gateway> gateways_;
  mutable std::mutex book_door_;  // held for the copy of a pointer
  std::shared_ptr<const AddressBook> book_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> loads_;
  // Routing gateways by host name; two of one name have ports of their own.
  std::unordered_multimap<std::string, GatewayIndex> by_name_;
};

}  // namespace tandem::routing
