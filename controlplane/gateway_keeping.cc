#include "controlplane/gateway_keeping.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/calls/release_cause.h"
#include "controlplane/routing/gateway_routes.h"
#include "controlplane/sdp/codecs.h"
#include "drivers/base/log.h"

namespace tandem {

config::GatewayChecks GatewayKeeping::checks() {
  return {.is_end_reason = calls::is_release_cause,
          .fault_of_plan =
              [](std::string_view plan) {
                const auto rules = routing::NumberRules::parse(plan);
                return rules ? std::string() : rules.error_text();
              },
          .is_encoding = sdp::is_encoding,
          .fault_of_prefixes =
              [](const config::Gateway& gateway) {
                const auto routes = routing::own_routes(gateway, 0);
                return routes ? std::string() : routes.error_text();
              }};
}

base::Result<std::unique_ptr<GatewayKeeping>> GatewayKeeping::open(
    const config::Site& site, const routing::Routes& routes, const routing::Screenings& screenings,
    IsRegistration is_registration, routing::GatewayTable::Retire retire) {
  std::unique_ptr<GatewayKeeping> out(new GatewayKeeping);
  auto all_checks = checks();
  all_checks.is_registration = std::move(is_registration);
  all_checks.is_list = [&screenings](std::string_view name) {
    return screenings.now()->find(name) != nullptr;
  };
  // Why a gateway can't be removed: a route leads to it.
  const auto needed_by = [self = out.get(), &routes](const std::string& name) -> std::string {
    const auto gateway = self->table_->held()->find(name);
    const auto route = gateway ? routes.now()->first_to(*gateway) : std::nullopt;
    return route ? fmt::format("the route of prefix \"{}\"", route->text()) : std::string();
  };
  auto book = routing::GatewayBook::open({.path = site.gateway_store,
                                          .site = site,
                                          .checks = std::move(all_checks),
                                          .needed_by = needed_by});
  if (!book) return std::move(book).take_error();
  out->book_ = std::move(book).value();
  for (const auto& why : out->book_->left_out()) {
    LOG(kError, "gateways", "left out, as the site file doesn't fit it any longer: {}", why);
  }
  out->table_ = std::make_unique<routing::GatewayTable>(out->book_->gateways(), site.parameters,
                                                        std::move(retire));
  return out;
}

}  // namespace tandem
