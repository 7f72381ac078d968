// Which addresses belong to which gateway, at one moment: those of the site file, and those that
// host names have been found to mean. Looked up by hash, so that thousands of gateways cost a call
// nothing. A value; shared as a const one.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controlplane/config/site.h"

namespace tandem::routing {

using GatewayIndex = std::uint32_t;

class AddressBook {
 public:
  explicit AddressBook(const std::vector<config::Gateway>& gateways);

  void set_targets(GatewayIndex index, std::size_t name, std::vector<config::Target> targets);

  // See GatewayTable.
  std::optional<GatewayIndex> identify(const base::Endpoint& source) const;
  bool knows(const base::IpAddress& address) const;
  std::vector<config::Target> targets(GatewayIndex index) const;
  std::optional<GatewayIndex> routing_at(const base::Endpoint& address) const;

 private:
  struct Addresses {
    config::GatewayKind kind;
    std::vector<base::Endpoint> stated;                // in the site file
    std::vector<std::vector<config::Target>> by_name;  // found for each of its names
  };
  void index();

  std::vector<Addresses> gateways_;
  // A mapping gateway's address and port; port 0: any.
  std::unordered_map<base::Endpoint, GatewayIndex, base::EndpointHash> sources_;
  // Where a routing gateway is reached.
  std::unordered_map<base::Endpoint, GatewayIndex, base::EndpointHash> reached_;
  std::unordered_set<base::Endpoint, base::EndpointHash> known_;  // with port 0
};

}  // namespace tandem::routing
