#include "controlplane/routing/gateway_table.h"

#include <utility>

#include "controlplane/routing/target_order.h"

namespace tandem::routing {

GatewayTable::GatewayTable(const std::vector<config::Gateway>& gateways,
                           const config::Parameters& system, Retire retire)
    : system_(system), retire_(std::move(retire)) {
  std::vector<GatewayRef> entries;
  for (const auto& gateway : gateways) {
    entries.push_back(entry_of(gateway, std::make_shared<GatewayLoad>()));
  }
  exchange(std::make_shared<GatewaySet>(std::move(entries), nullptr));
}

GatewayRef GatewayTable::entry_of(config::Gateway gateway,
                                  std::shared_ptr<GatewayLoad> load) const {
  auto entry = std::make_shared<GatewayEntry>();
  if (!gateway.overrides.empty()) {
    entry->parameters =
        std::make_shared<config::Parameters>(config::parameters_of(gateway, system_));
  }
  // A faulty one was refused where it was read.
  entry->caller_plan = NumberRules::parse(gateway.caller_plan).value();
  entry->callee_plan = NumberRules::parse(gateway.callee_plan).value();
  entry->pai_plan = NumberRules::parse(gateway.pai_plan).value();
  entry->settings = std::move(gateway);
  entry->load = std::move(load);
  return entry;
}

void GatewayTable::exchange(std::shared_ptr<GatewaySet> next) {
  std::shared_ptr<const GatewaySet> former = std::move(next);
  {
    const std::lock_guard hold(door_);
    std::swap(held_, former);
    now_.store(held_.get(), std::memory_order_release);
  }
  if (former == nullptr) return;
  if (retire_)
    retire_(std::move(former));
  else
    retired_.push_back(std::move(former));
}

std::shared_ptr<const GatewaySet> GatewayTable::held() const {
  const std::lock_guard hold(door_);
  return held_;
}

std::vector<config::Target> GatewayTable::targets(GatewayIndex index, base::Random& random) const {
  std::vector<config::Target> out = now().book().targets(index);
  order_targets(out, random);
  return out;
}

Admission GatewayTable::take(GatewayIndex index, base::Nanos now_ns) {
  const GatewayEntry& entry = *now().at(index);
  if (entry.settings.locked || entry.gone) return Admission::kLocked;
  return entry.load->take(entry.settings.capacity, entry.settings.calls_per_s, now_ns);
}

void GatewayTable::set_targets(GatewayIndex index, std::size_t name,
                               std::vector<config::Target> targets) {
  const auto former = held();
  if (index >= former->size() || name >= former->at(index)->settings.hosts.size()) return;
  if (former->at(index)->gone) return;
  auto next = std::make_shared<GatewaySet>(*former);
  next->book().set_targets(index, name, std::move(targets));
  exchange(std::move(next));
}

void GatewayTable::put(std::vector<config::Gateway> gateways) {
  const auto former = held();
  std::vector<GatewayRef> entries = former->entries();
  for (auto& gateway : gateways) {
    if (const auto index = former->find(gateway.name, true)) {
      entries[*index] = entry_of(std::move(gateway), entries[*index]->load);
    } else {
      entries.push_back(entry_of(std::move(gateway), std::make_shared<GatewayLoad>()));
    }
  }
  exchange(std::make_shared<GatewaySet>(std::move(entries), former.get()));
}

bool GatewayTable::remove(std::string_view name) {
  const auto former = held();
  const auto index = former->find(name);
  if (!index) return false;
  std::vector<GatewayRef> entries = former->entries();
  auto gone = std::make_shared<GatewayEntry>(*entries[*index]);
  gone->gone = true;
  entries[*index] = std::move(gone);
  exchange(std::make_shared<GatewaySet>(std::move(entries), former.get()));
  return true;
}

}  // namespace tandem::routing
