#include "controlplane/name_follower.h"

#include <utility>

#include "drivers/base/log.h"

namespace tandem {

void NameFollower::follow(const std::vector<config::Gateway>& gateways) {
  for (const config::Gateway& gateway : gateways) {
    auto& mine = followed_[gateway.name];
    if (mine.hosts == gateway.hosts && mine.listener == gateway.listener) continue;
    forget(gateway.name);
    followed_[gateway.name] = {gateway.hosts, gateway.listener, ask(gateway)};
  }
}

void NameFollower::forget(const std::string& name) {
  for (const std::uint64_t number : followed_[name].numbers) resolver_.forget(number);
  followed_.erase(name);
}

std::vector<std::uint64_t> NameFollower::ask(const config::Gateway& gateway) {
  std::vector<std::uint64_t> out;
  const auto g = *gateways_.held()->find(gateway.name);
  for (std::size_t h = 0; h < gateway.hosts.size(); ++h) {
    sip::Resolver::Question question{.host = gateway.hosts[h].name, .port = gateway.hosts[h].port};
    if (gateway.listener) question.protocol = site_.listeners[*gateway.listener].protocol;
    question.addresses_only = gateway.kind == config::GatewayKind::kMapping;
    out.push_back(resolver_.follow(std::move(question), [this, g, h](const auto& places) {
      std::vector<config::Target> targets;
      for (const auto& [endpoint, priority, weight] : places) {
        // Its own calls would come back to the switch.
        if (config::speaks_at(site_, endpoint)) {
          LOG(kWarning, "gateways", "gateway {}: its name leads to {}, which is this switch's own",
              gateways_.held()->at(g)->settings.name, endpoint.text());
          continue;
        }
        targets.push_back({endpoint, priority, weight});
      }
      gateways_.set_targets(g, h, std::move(targets));
    }));
  }
  return out;
}

}  // namespace tandem
