#include "controlplane/route_keeping.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/routing/gateway_routes.h"
#include "drivers/base/check.h"
#include "drivers/base/clock.h"
#include "drivers/base/log.h"

namespace tandem {

base::Result<routing::GatewayIndex> RouteKeeping::gateway_named(std::string_view name) const {
  const auto set = gateways_.held();
  const auto found = set->find(name);
  if (!found) return base::error(fmt::format("there is no gateway \"{}\"", name));
  if (set->at(*found)->settings.kind != config::GatewayKind::kRouting) {
    return base::error(fmt::format("\"{}\" is not a routing gateway", name));
  }
  return *found;
}

std::string RouteKeeping::user_of_list(std::string_view list) const {
  const auto set = gateways_.held();
  for (const auto& entry : set->entries()) {
    const auto& lists = entry->settings.lists;
    if (entry->gone || std::find(lists.begin(), lists.end(), list) == lists.end()) continue;
    return entry->settings.name;
  }
  return {};
}

std::vector<routing::PrefixRoute> RouteKeeping::own_routes(const routing::GatewaySet& gateways) {
  std::vector<routing::PrefixRoute> out;
  for (routing::GatewayIndex i = 0; i < gateways.size(); ++i) {
    if (gateways.at(i)->gone) continue;
    const auto routes = routing::own_routes(gateways.at(i)->settings, i);
    CHECK(routes.ok());  // whoever read it has seen to that
    out.insert(out.end(), routes->begin(), routes->end());
  }
  return out;
}

base::Result<std::unique_ptr<RouteKeeping>> RouteKeeping::open(const config::Site& site,
                                                               routing::GatewayTable& gateways,
                                                               routing::Routes& routes,
                                                               routing::Screenings& screenings) {
  const base::Nanos start = base::monotonic_now();
  auto database = routing::open_store(site.route_store);
  if (!database) return std::move(database).take_error();
  std::unique_ptr<RouteKeeping> out(new RouteKeeping(gateways, std::move(database).value()));
  auto route_book = routing::RouteBook::open(
      {.database = out->database_,
       .fixed = site.routes,
       .own = own_routes(*gateways.held()),
       .gateway_named = [self = out.get()](auto name) { return self->gateway_named(name); },
       .name_of = [&gateways](auto index) { return gateways.held()->at(index)->settings.name; },
       .routes = routes});
  if (!route_book) return std::move(route_book).take_error();
  out->routes_ = std::move(route_book).value();
  auto list_book = routing::ListBook::open(
      {.database = out->database_,
       .screenings = screenings,
       .user_of = [self = out.get()](auto list) { return self->user_of_list(list); }});
  if (!list_book) return std::move(list_book).take_error();
  out->lists_ = std::move(list_book).value();
  const routing::RouteTable& table = out->routes_->table();
  LOG(kInfo, "routing", "{} routes of {} prefixes and {} lists loaded in {} ms", table.size(),
      table.prefixes().size(), out->lists_->screening().lists().size(),
      (base::monotonic_now() - start) / base::Millis{1});
  return out;
}

}  // namespace tandem
