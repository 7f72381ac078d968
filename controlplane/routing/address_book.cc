#include "controlplane/routing/address_book.h"

#include <algorithm>
#include <utility>

namespace tandem::routing {
namespace {

base::Endpoint any_port(const base::IpAddress& address) {
  base::Endpoint out;
  out.address = address;
  return out;
}

}  // namespace

void AddressBook::add(const config::Gateway& gateway, const AddressBook* former) {
  const GatewayIndex index = static_cast<GatewayIndex>(gateways_.size());
  Addresses& mine = gateways_.emplace_back();
  mine.kind = gateway.kind;
  mine.stated = gateway.addresses;
  mine.prefixes = gateway.kind == config::GatewayKind::kMapping ? gateway.prefixes : mine.prefixes;
  mine.by_name.resize(gateway.hosts.size());
  if (former != nullptr) mine.by_name = former->gateways_[index].by_name;
}

void AddressBook::add_nobody() { gateways_.emplace_back(); }

void AddressBook::set_targets(GatewayIndex gateway, std::size_t name,
                              std::vector<config::Target> targets) {
  gateways_[gateway].by_name.at(name) = std::move(targets);
  index();
}

std::vector<config::Target> AddressBook::targets(GatewayIndex gateway) const {
  std::vector<config::Target> out;
  for (const auto& endpoint : gateways_[gateway].stated) out.push_back({.endpoint = endpoint});
  for (const auto& found : gateways_[gateway].by_name) {
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

void AddressBook::index() {
  sources_.clear();
  reached_.clear();
  known_.clear();
  for (GatewayIndex i = 0; i < gateways_.size(); ++i) {
    for (const auto& target : targets(i)) {
      known_.insert(any_port(target.endpoint.address));
      if (gateways_[i].kind == config::GatewayKind::kMapping) {
        sources_[target.endpoint].push_back(i);
      } else {
        reached_.try_emplace(target.endpoint, i);
      }
    }
  }
}

// Where two have one address by way of a name, and no prefix parts them, the earlier one keeps it.
std::optional<GatewayIndex> AddressBook::identify(const base::Endpoint& source,
                                                  std::string_view digits) const {
  auto found = sources_.find(source);
  if (found == sources_.end()) found = sources_.find(any_port(source.address));
  if (found == sources_.end()) return std::nullopt;
  std::optional<GatewayIndex> best;
  std::size_t rank = 0;  // of best: a fitting prefix's length, and 1 for anybody's call
  for (const GatewayIndex candidate : found->second) {
    const auto& prefixes = gateways_[candidate].prefixes;
    std::size_t mine = prefixes.empty() ? 1 : 0;
    for (const std::string& prefix : prefixes) {
      if (digits.starts_with(prefix)) mine = std::max(mine, prefix.size() + 2);
    }
    if (mine > rank) best = candidate;
    rank = std::max(rank, mine);
  }
  return best;
}

std::optional<GatewayIndex> AddressBook::routing_at(const base::Endpoint& address) const {
  const auto found = reached_.find(address);
  if (found == reached_.end()) return std::nullopt;
  return found->second;
}

bool AddressBook::knows(const base::IpAddress& address) const {
  return known_.contains(any_port(address));
}

}  // namespace tandem::routing
