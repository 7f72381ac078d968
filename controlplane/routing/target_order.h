// The order in which the places of a gateway are tried for one call (RFC 2782, RFC 3263 §4.3).
#pragma once

#include <vector>

#include "controlplane/config/site.h"
#include "drivers/base/random.h"

namespace tandem::routing {

// By priority; within one priority at random, each with its weight's share of the first places.
// Weight 0 has a small chance beside greater ones, as the RFC wants it.
void order_targets(std::vector<config::Target>& targets, base::Random& random);

}  // namespace tandem::routing
