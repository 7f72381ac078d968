// The order to drop an address' signalling, as the control plane gives it.
#pragma once

#include "drivers/base/clock.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane::testing {

inline wire::Command suspend_command(const char* address, base::Nanos until) {
  wire::Command command;
  command.kind = wire::CommandKind::kSuspend;
  command.suspend = {};
  command.suspend.address = *base::IpAddress::parse(address);
  command.suspend.until_ns = until.count();
  return command;
}

}  // namespace tandem::dataplane::testing
