// Why a packet, a datagram or a command ends here: a row of counters.def, or nothing.
#pragma once

#include "drivers/wire/counters.h"

namespace tandem::dataplane {

struct Fault {
  wire::Counter reason = wire::Counter::kCount;
  explicit operator bool() const { return reason != wire::Counter::kCount; }
};

}  // namespace tandem::dataplane
