// A gateway's settings to a Gateway: those of a [[gateway]] table of the site file, and the same
// words (NAME=VALUE) from the store. Faults are left with the table.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "controlplane/config/site.h"
#include "drivers/base/settings_file.h"

namespace tandem::config {

// What higher floors know about settings; without one, everything passes.
struct GatewayChecks {
  std::function<bool(std::string_view)> is_end_reason{};
  // What is wrong with a dial plan; empty: nothing.
  std::function<std::string(std::string_view)> fault_of_plan{};
  std::function<bool(std::string_view)> is_list{};
  std::function<bool(std::string_view)> is_registration{};
  std::function<bool(std::string_view)> is_encoding{};
  // What is wrong with a routing gateway's prefixes; empty: nothing.
  std::function<std::string(const Gateway&)> fault_of_prefixes{};
};

// One setting, for help and the reference page.
struct GatewaySetting {
  std::string_view name;
  std::string_view kinds;  // "mapping", "routing", "both"
  std::string_view sentence;
};
const std::vector<GatewaySetting>& gateway_settings();
// The parameters that a gateway may have otherwise than the system.
const std::vector<GatewaySetting>& gateway_parameters();

// Whether a gateway of the same name is another one, or this one as it was.
enum class Others : std::uint8_t { kAll, kButItself };

// REQUIRES: the site's ports, listeners, registrar and parameters are read.
Gateway read_gateway(base::SettingsTable& table, const Site& site,
                     const std::vector<Gateway>& gateways, const GatewayChecks& checks,
                     Others others = Others::kAll);

}  // namespace tandem::config
