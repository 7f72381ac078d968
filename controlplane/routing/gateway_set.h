// All gateways at one moment: their settings, and whom an address, an account or a name stands for.
// A value, shared as a const one: GatewayTable exchanges it for the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/config/gateway.h"
#include "controlplane/routing/address_book.h"
#include "controlplane/routing/gateway_load.h"
#include "controlplane/routing/number_rules.h"

namespace tandem::routing {

struct GatewayEntry {
  config::Gateway settings;
  // What a call by it is born with; nullptr: the system's.
  std::shared_ptr<const config::Parameters> parameters;
  NumberRules caller_plan;
  NumberRules callee_plan;
  NumberRules pai_plan;
  std::shared_ptr<GatewayLoad> load;
  bool gone = false;  // was removed; calls that it has still count
};
// A call keeps the settings that it was born with.
using GatewayRef = std::shared_ptr<const GatewayEntry>;

class GatewaySet {
 public:
  // `former`: what the names of those that are still known by them have led to.
  GatewaySet(std::vector<GatewayRef> entries, const GatewaySet* former);

  std::size_t size() const { return entries_.size(); }
  const GatewayRef& at(GatewayIndex index) const { return entries_[index]; }
  const std::vector<GatewayRef>& entries() const { return entries_; }
  // By name; not those that are gone, unless `gone`.
  std::optional<GatewayIndex> find(std::string_view name, bool gone = false) const;
  // The mapping gateway that registers with this account (user@realm).
  std::optional<GatewayIndex> mapping_account(std::string_view account) const;
  // The mapping gateway whose calls come through this registration of ours.
  std::optional<GatewayIndex> mapping_registration(std::string_view name) const;
  // A gateway whose calls go or come through this registration, to name it; empty: none.
  std::string user_of(std::string_view registration) const;
  // The routing gateway that has this host name; port 0: not said.
  std::optional<GatewayIndex> routing_named(std::string_view host, std::uint16_t port) const;
  // What the certificate of the gateway that is reached there must be for: a name; empty: the
  // address itself.
  std::string name_at(const base::Endpoint& endpoint) const;

  const AddressBook& book() const { return book_; }
  AddressBook& book() { return book_; }

 private:
  std::vector<GatewayRef> entries_;
  AddressBook book_;
  std::unordered_map<std::string, GatewayIndex> by_name_;
  std::unordered_map<std::string, GatewayIndex> by_account_;
  std::unordered_map<std::string, GatewayIndex> by_registration_;
  // Routing gateways by host name; two of one name have ports of their own.
  std::unordered_multimap<std::string, GatewayIndex> by_host_;
};

}  // namespace tandem::routing
