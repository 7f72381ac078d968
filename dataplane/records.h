// The FlowRecords in the segment, by local port. Each is written by the worker that owns the port.
#pragma once

#include <array>

#include "drivers/base/snapshot.h"
#include "drivers/wire/messages.h"
#include "drivers/wire/plan.h"

namespace tandem::dataplane {

struct FlowRecords {
  // Of each address: 65536 records, one per port.
  std::array<base::Snapshot<wire::FlowRecord>*, wire::kAddressesMax> of_address{};

  base::Snapshot<wire::FlowRecord>& at(wire::FlowKey key) const {
    return of_address[key.address][key.port];
  }
};

}  // namespace tandem::dataplane
