// Gateways that are known by name: found by DNS, and gone on being found, while the switch runs.
// One thread's, the resolver's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/sip/resolver.h"

namespace tandem {

class NameFollower {
 public:
  // All outlive this.
  NameFollower(const config::Site& site, routing::GatewayTable& gateways, sip::Resolver& resolver)
      : site_(site), gateways_(gateways), resolver_(resolver) {}

  // Those that are new, or have other names than before, are looked up now.
  void follow(const std::vector<config::Gateway>& gateways);
  void forget(const std::string& name);

 private:
  struct Followed {
    std::vector<config::HostName> hosts{};
    std::optional<std::uint32_t> listener{};
    std::vector<std::uint64_t> numbers{};  // the resolver's
  };

  std::vector<std::uint64_t> ask(const config::Gateway& gateway);

  const config::Site& site_;
  routing::GatewayTable& gateways_;
  sip::Resolver& resolver_;
  std::map<std::string, Followed> followed_;
};

}  // namespace tandem
