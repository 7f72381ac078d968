// The routes that a routing gateway's own settings make: its prefixes, each with its priority and
// weight. Pure; any thread.
#pragma once

#include <vector>

#include "controlplane/config/gateway.h"
#include "controlplane/routing/route_table.h"

namespace tandem::routing {

// What stands for the empty prefix in a list of them.
inline constexpr std::string_view kEveryNumber = "every";

// In the order of their prefixes; none of a mapping gateway. Fails with a reason: what is no prefix
// nor range, two that are the same, two ranges that overlap.
base::Result<std::vector<PrefixRoute>> own_routes(const config::Gateway& gateway,
                                                  GatewayIndex index);

}  // namespace tandem::routing
