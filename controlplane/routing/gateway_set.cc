#include "controlplane/routing/gateway_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

// The realm of an account compares without case, its user with.
std::string account_key(std::string_view account) {
  const auto at = account.rfind('@');
  if (at == account.npos) return std::string(account);
  return std::string(account.substr(0, at)) + lower(account.substr(at));
}

}  // namespace

GatewaySet::GatewaySet(std::vector<GatewayRef> entries, const GatewaySet* former)
    : entries_(std::move(entries)) {
  for (GatewayIndex i = 0; i < entries_.size(); ++i) {
    const config::Gateway& gateway = entries_[i]->settings;
    by_name_.try_emplace(gateway.name, i);
    if (entries_[i]->gone) {
      book_.add_nobody();
      continue;
    }
    const bool same = former != nullptr && i < former->size() && !former->at(i)->gone &&
                      former->at(i)->settings.hosts == gateway.hosts;
    book_.add(gateway, same ? &former->book() : nullptr);
    if (gateway.kind == config::GatewayKind::kMapping) {
      if (!gateway.registration.empty()) by_registration_.try_emplace(gateway.registration, i);
      if (!gateway.account.empty()) by_account_.try_emplace(account_key(gateway.account), i);
      continue;
    }
    for (const auto& host : gateway.hosts) by_host_.emplace(lower(host.name), i);
  }
  book_.index();
}

std::optional<GatewayIndex> GatewaySet::find(std::string_view name, bool gone) const {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end() || (entries_[found->second]->gone && !gone)) return std::nullopt;
  return found->second;
}

std::optional<GatewayIndex> GatewaySet::mapping_account(std::string_view account) const {
  if (by_account_.empty()) return std::nullopt;
  const auto found = by_account_.find(account_key(account));
  return found == by_account_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<GatewayIndex> GatewaySet::mapping_registration(std::string_view name) const {
  const auto found = by_registration_.find(std::string(name));
  return found == by_registration_.end() ? std::nullopt : std::optional(found->second);
}

// A name that a gateway has without a port stands for the protocol's own too. The earlier of two.
std::string GatewaySet::user_of(std::string_view registration) const {
  for (const GatewayRef& entry : entries_) {
    if (entry->gone || entry->settings.registration != registration) continue;
    return fmt::format("gateway {}", entry->settings.name);
  }
  return {};
}

std::optional<GatewayIndex> GatewaySet::routing_named(std::string_view host,
                                                      std::uint16_t port) const {
  std::optional<GatewayIndex> found;
  const auto [first, last] = by_host_.equal_range(lower(host));
  for (auto it = first; it != last; ++it) {
    const auto& hosts = entries_[it->second]->settings.hosts;
    const bool has = std::any_of(hosts.begin(), hosts.end(), [&](const config::HostName& name) {
      const bool same_port = port == 0 || port == (name.port != 0 ? name.port : kSipPort);
      return same_port && lower(name.name) == it->first;
    });
    if (has && (!found || it->second < *found)) found = it->second;
  }
  return found;
}

std::string GatewaySet::name_at(const base::Endpoint& endpoint) const {
  for (GatewayIndex i = 0; i < entries_.size(); ++i) {
    const config::Gateway& gateway = entries_[i]->settings;
    if (gateway.kind != config::GatewayKind::kRouting || !gateway.listener) continue;
    const auto targets = book_.targets(i);
    const auto leads_there = [&](const config::Target& t) { return t.endpoint == endpoint; };
    if (std::none_of(targets.begin(), targets.end(), leads_there)) continue;
    if (!gateway.server_name.empty()) return gateway.server_name;
    return gateway.hosts.empty() ? std::string() : gateway.hosts.front().name;
  }
  return {};
}

}  // namespace tandem::routing
