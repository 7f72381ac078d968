// Numbers to routing gateways by longest prefix: a hash per prefix length, probed longest first.
// Fixed after construction; shared by all shards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_table.h"

namespace tandem::routing {

// The digits that a number is routed by: of a SIP or tel URI's user part, without a leading '+',
// tel's visual separators (RFC 3966 §5.1.1) and parameters. Anything else in it stays and matches
// no digit.
std::string routing_digits(std::string_view user);

class RouteTable {
 public:
  explicit RouteTable(const std::vector<config::Route>& routes);

  std::optional<GatewayIndex> find(std::string_view digits) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_map<std::string, GatewayIndex, Hash, std::equal_to<>> by_prefix_;
  std::vector<std::size_t> lengths_;  // that occur, longest first
};

}  // namespace tandem::routing
