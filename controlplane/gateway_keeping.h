// The gateways, put together: what an operator has set of them, and the table that calls go by.
// Made and ended by main.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_book.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/route_table.h"
#include "controlplane/routing/screening.h"

namespace tandem {

class GatewayKeeping {
 public:
  using IsRegistration = std::function<bool(std::string_view name)>;

  // What higher floors know about the settings of the site file's gateways.
  static config::GatewayChecks checks();

  // Loads all. What it is given outlives it.
  static base::Result<std::unique_ptr<GatewayKeeping>> open(const config::Site& site,
                                                            const routing::Routes& routes,
                                                            const routing::Screenings& screenings,
                                                            IsRegistration is_registration,
                                                            routing::GatewayTable::Retire retire);

  // Changes are the main thread's.
  routing::GatewayTable& table() { return *table_; }
  // One thread's.
  routing::GatewayBook& book() { return *book_; }

 private:
  GatewayKeeping() = default;

  std::unique_ptr<routing::GatewayBook> book_;
  std::unique_ptr<routing::GatewayTable> table_;
};

}  // namespace tandem
