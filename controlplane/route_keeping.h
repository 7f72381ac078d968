// The routes and lists of numbers that an operator keeps, put together: their store and its two
// books. Made and ended by main; one thread's in between.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/list_book.h"
#include "controlplane/routing/route_book.h"

namespace tandem {

class RouteKeeping {
 public:
  // Loads and publishes all. What it is given outlives it.
  static base::Result<std::unique_ptr<RouteKeeping>> open(const config::Site& site,
                                                          routing::GatewayTable& gateways,
                                                          routing::Routes& routes,
                                                          routing::Screenings& screenings);

  routing::RouteBook& routes() { return *routes_; }
  routing::ListBook& lists() { return *lists_; }

 private:
  RouteKeeping(routing::GatewayTable& gateways, store::Database database)
      : gateways_(gateways), database_(std::move(database)) {}

  base::Result<routing::GatewayIndex> gateway_named(std::string_view name) const;
  std::string user_of_list(std::string_view list) const;
  static std::vector<routing::PrefixRoute> own_routes(const routing::GatewaySet& gateways);

  routing::GatewayTable& gateways_;
  store::Database database_;
  std::unique_ptr<routing::RouteBook> routes_;
  std::unique_ptr<routing::ListBook> lists_;
};

}  // namespace tandem
