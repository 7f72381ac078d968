// Which addresses belong to which gateway, at one moment: those that are stated, and those that
// host names have been found to mean. Looked up by hash, so that thousands of gateways cost a call
// nothing. A value, filled once: add() all, then index().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controlplane/config/gateway.h"

namespace tandem::routing {

using GatewayIndex = std::uint32_t;

class AddressBook {
 public:
  // The next gateway. `former`: where its names have led so far.
  void add(const config::Gateway& gateway, const AddressBook* former);
  void add_nobody();
  void index();

  // What a name leads to from now on. Re-indexes.
  void set_targets(GatewayIndex gateway, std::size_t name, std::vector<config::Target> targets);

  // The mapping gateway that sends from this address, one with this very port before one with any;
  // of several the one with the longest prefix that fits the called number.
  std::optional<GatewayIndex> identify(const base::Endpoint& source, std::string_view digits) const;
  // Any gateway's address, of either kind.
  bool knows(const base::IpAddress& address) const;
  std::vector<config::Target> targets(GatewayIndex gateway) const;
  // The routing gateway that is reached at exactly this address and port.
  std::optional<GatewayIndex> routing_at(const base::Endpoint& address) const;

 private:
  struct Addresses {
    config::GatewayKind kind = config::GatewayKind::kMapping;
    std::vector<base::Endpoint> stated{};
    std::vector<std::vector<config::Target>> by_name{};  // found for each of its names
    std::vector<std::string> prefixes{};
  };
  using Sources = std::unordered_map<base::Endpoint, std::vector<GatewayIndex>, base::EndpointHash>;

  std::vector<Addresses> gateways_;
  // Mapping gateways by address and port; port 0: any.
  Sources sources_;
  // Where a routing gateway is reached.
  std::unordered_map<base::Endpoint, GatewayIndex, base::EndpointHash> reached_;
  std::unordered_set<base::Endpoint, base::EndpointHash> known_;  // with port 0
};

}  // namespace tandem::routing
