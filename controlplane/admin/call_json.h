// A call as the operator sees it. On its shard's thread.
#pragma once

#include <cstdint>

#include "controlplane/admin/control_socket.h"
#include "controlplane/calls/call.h"

namespace tandem::admin {

// What a list of calls has of each.
Json call_row(const calls::Call& call, std::uint32_t shard);
// All of one: what its record has so far, the ways to both parties, and how its media sound now.
Json call_in_full(const calls::Call& call, std::uint32_t shard);

}  // namespace tandem::admin
