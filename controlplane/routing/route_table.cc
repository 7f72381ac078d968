#include "controlplane/routing/route_table.h"

#include <algorithm>
#include <set>

namespace tandem::routing {

std::string routing_digits(std::string_view user) {
  std::string out;
  user = user.substr(0, user.find(';'));
  if (user.starts_with('+')) user.remove_prefix(1);
  for (const char c : user) {
    if (c != '-' && c != '.' && c != '(' && c != ')') out += c;
  }
  return out;
}

RouteTable::RouteTable(const std::vector<config::Route>& routes) {
  std::set<std::size_t, std::greater<>> lengths;
  for (const config::Route& route : routes) {
    by_prefix_.emplace(route.prefix, route.gateway);
    lengths.insert(route.prefix.size());
  }
  lengths_.assign(lengths.begin(), lengths.end());
}

std::optional<GatewayIndex> RouteTable::find(std::string_view digits) const {
  for (const std::size_t length : lengths_) {
    if (length > digits.size()) continue;
    const auto found = by_prefix_.find(digits.substr(0, length));
    if (found != by_prefix_.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace tandem::routing
