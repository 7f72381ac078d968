#include "controlplane/routing/address_book.h"

#include <utility>

namespace tandem::routing {
namespace {

base::Endpoint any_port(const base::IpAddress& address) {
  base::Endpoint out;
  out.address = address;
  return out;
}

}  // namespace

AddressBook::AddressBook(const std::vector<config::Gateway>& gateways) {
  for (const config::Gateway& gateway : gateways) {
    gateways_.push_back({gateway.kind, gateway.addresses,
                         std::vector<std::vector<config::Target>>(gateway.hosts.size())});
  }
  index();
}

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

// Where two mapping gateways have one address by way of a name, the earlier one keeps it.
void AddressBook::index() {
  sources_.clear();
  reached_.clear();
  known_.clear();
  for (GatewayIndex i = 0; i < gateways_.size(); ++i) {
    for (const auto& target : targets(i)) {
      known_.insert(any_port(target.endpoint.address));
      if (gateways_[i].kind == config::GatewayKind::kMapping) {
        sources_.try_emplace(target.endpoint, i);
      } else {
        reached_.try_emplace(target.endpoint, i);
      }
    }
  }
}

std::optional<GatewayIndex> AddressBook::identify(const base::Endpoint& source) const {
  auto found = sources_.find(source);
  if (found == sources_.end()) found = sources_.find(any_port(source.address));
  if (found == sources_.end()) return std::nullopt;
  return found->second;
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
