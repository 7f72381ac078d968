#include "controlplane/operator_door.h"

#include <utility>

#include "controlplane/routing/gateway_routes.h"
#include "drivers/base/check.h"

namespace tandem {

OperatorDoor::OperatorDoor(Setup setup)
    : setup_(std::move(setup)),
      follower_(setup_.site, setup_.gateways.table(), setup_.resolver),
      commands_(setup_.loop, setup_.segment, setup_.records.journal(), setup_.records.recovered(),
                setup_.views),
      records_(setup_.loop, setup_.records.journal()),
      registrations_(setup_.loop, setup_.desk.book(), setup_.registrations),
      routes_({.loop = setup_.loop,
               .routes = setup_.routes.routes(),
               .lists = setup_.routes.lists(),
               .parameters = setup_.site.parameters}),
      gateways_(
          {.loop = setup_.loop,
           .book = setup_.gateways.book(),
           .table = setup_.gateways.table(),
           .changed = [this](const auto& changed, auto then) { follow_changed(changed, then); },
           .gone = [this](const auto& name, auto then) { follow_gone(name, then); },
           .registered = [this](const auto& gateway) { return registered(gateway); }}),
      socket_(setup_.loop, [this](const std::string& command, const admin::Json& args,
                                  admin::Answer answer) { run(command, args, answer); }) {
  if (setup_.provisioning == nullptr) return;
  accounts_.emplace(setup_.loop, setup_.provisioning->book(), setup_.provisioning->table());
  endpoints_.emplace(setup_.provisioning->bindings());
  suspensions_.emplace(*setup_.lockout);
}

base::Result<void> OperatorDoor::open(const std::string& socket) {
  if (auto opened = socket_.open(socket); !opened) return opened;
  follower_.follow(setup_.gateways.book().gateways());
  return {};
}

void OperatorDoor::run(const std::string& command, const admin::Json& args,
                       const admin::Answer& answer) {
  if (records_.run(command, args, answer)) return;
  if (accounts_ && accounts_->run(command, args, answer)) return;
  if (endpoints_ && endpoints_->run(command, args, answer)) return;
  if (routes_.run(command, args, answer)) return;
  if (registrations_.run(command, args, answer)) return;
  if (suspensions_ && suspensions_->run(command, args, answer)) return;
  if (gateways_.run(command, args, answer)) return;
  commands_.run(command, args, answer);
}

void OperatorDoor::follow_changed(const std::vector<config::Gateway>& changed,
                                  std::function<void()> then) {
  follower_.follow(changed);
  const auto set = setup_.gateways.table().held();
  std::vector<admin::RouteCommands::Led> led;
  for (const config::Gateway& gateway : changed) {
    const auto index = set->find(gateway.name);
    if (!index) continue;  // it has gone meanwhile
    auto routes = routing::own_routes(gateway, *index);
    CHECK(routes.ok());  // the book has seen to that
    led.emplace_back(*index, *std::move(routes));
  }
  routes_.lead(std::move(led), std::move(then));
}

void OperatorDoor::follow_gone(const std::string& name, std::function<void()> then) {
  follower_.forget(name);
  std::vector<admin::RouteCommands::Led> led;
  const auto index = setup_.gateways.table().held()->find(name, true);
  if (index) led.emplace_back(*index, std::vector<routing::PrefixRoute>());
  routes_.lead(std::move(led), std::move(then));
}

bool OperatorDoor::registered(const config::Gateway& gateway) const {
  if (!gateway.registration.empty()) return setup_.desk.registered(gateway.registration);
  if (gateway.account.empty() || setup_.provisioning == nullptr) return true;
  return setup_.provisioning->registered(gateway.account);
}

}  // namespace tandem
