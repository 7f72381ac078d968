// The site file (TOML) to a Site. All faults at once, each with file and line.
#pragma once

#include <string>

#include "controlplane/config/gateway_reader.h"
#include "controlplane/config/site.h"
#include "drivers/base/result.h"

namespace tandem::config {

base::Result<Site> load_site(const std::string& path, const GatewayChecks& checks = {});

}  // namespace tandem::config
