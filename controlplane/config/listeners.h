// The [[listener]] tables of the site file, and how a [[gateway]] names one of them. Faults are
// left in the file.
#pragma once

#include "controlplane/config/site.h"
#include "drivers/base/settings_file.h"

namespace tandem::config {

// REQUIRES: the ports are read.
void read_listeners(base::SettingsTable& root, Site& site);

// A routing gateway's `transport` and `listener`. False: it is reached through its port.
bool read_gateway_listener(base::SettingsTable& table, const Site& site, Gateway& gateway);

// No value: no such port.
std::optional<std::uint32_t> port_named(const Site& site, std::string_view name);

}  // namespace tandem::config
