#include "controlplane/routing/gateway_table.h"

#include <algorithm>
#include <utility>

#include "controlplane/routing/target_order.h"

namespace tandem::routing {

GatewayTable::GatewayTable(const std::vector<config::Gateway>& gateways)
    : gateways_(gateways),
      book_(std::make_shared<AddressBook>(gateways)),
      loads_(std::make_unique<std::atomic<std::uint32_t>[]>(gateways.size())) {}

std::shared_ptr<const AddressBook> GatewayTable::book() const {
  const std::lock_guard hold(book_door_);
  return book_;
}

std::vector<config::Target> GatewayTable::targets(GatewayIndex index, base::Random& random) const {
  std::vector<config::Target> out = book()->targets(index);
  order_targets(out, random);
  return out;
}

std::string GatewayTable::name_at(const base::Endpoint& endpoint) const {
  const auto now = book();
  for (GatewayIndex i = 0; i < gateways_.size(); ++i) {
    const config::Gateway& gateway = gateways_[i];
    if (gateway.kind != config::GatewayKind::kRouting || !gateway.listener) continue;
    const auto targets = now->targets(i);
    const auto leads_there = [&](const config::Target& t) { return t.endpoint == endpoint; };
    if (std::none_of(targets.begin(), targets.end(), leads_there)) continue;
    if (!gateway.server_name.empty()) return gateway.server_name;
    return gateway.hosts.empty() ? std::string() : gateway.hosts.front().name;
  }
  return {};
}

void GatewayTable::set_targets(GatewayIndex index, std::size_t name,
                               std::vector<config::Target> targets) {
  auto next = std::make_shared<AddressBook>(*book());
  next->set_targets(index, name, std::move(targets));
  const std::lock_guard hold(book_door_);
  book_ = std::move(next);
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
