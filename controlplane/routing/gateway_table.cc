#include "controlplane/routing/gateway_table.h"

#include <algorithm>
#include <utility>

#include "controlplane/routing/target_order.h"
#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

constexpr std::uint16_t kSipPort = 5060;

// Names compare without case; a dot at the end says that it is whole.
std::string lower(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), base::to_lower);
  return out;
}

}  // namespace

GatewayTable::GatewayTable(const std::vector<config::Gateway>& gateways)
    : gateways_(gateways),
      book_(std::make_shared<AddressBook>(gateways)),
      loads_(std::make_unique<std::atomic<std::uint32_t>[]>(gateways.size())) {
  for (GatewayIndex i = 0; i < gateways_.size(); ++i) {
    if (gateways_[i].kind != config::GatewayKind::kRouting) continue;
    for (const auto& host : gateways_[i].hosts) by_name_.emplace(lower(host.name), i);
  }
}

// A name that a gateway has without a port stands for the protocol's own too. The earlier of two.
std::optional<GatewayIndex> GatewayTable::routing_named(std::string_view host,
                                                        std::uint16_t port) const {
  std::optional<GatewayIndex> found;
  const auto [first, last] = by_name_.equal_range(lower(host));
  for (auto it = first; it != last; ++it) {
    const auto& hosts = gateways_[it->second].hosts;
    const bool has = std::any_of(hosts.begin(), hosts.end(), [&](const config::HostName& name) {
      const bool same_port = port == 0 || port == (name.port != 0 ? name.port : kSipPort);
      return same_port && lower(name.name) == it->first;
    });
    if (has && (!found || it->second < *found)) found = it->second;
  }
  return found;
}

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
