// Host names as the site file and the operator's commands say them. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "controlplane/config/site.h"

namespace tandem::config {

// "sip.example.net" or "sip.example.net:5070" (RFC 1123 §2.1): labels of letters, digits and
// hyphens, the last one not of digits alone, so that a mistyped address doesn't pass for a name.
std::optional<HostName> host_name(std::string_view text);

}  // namespace tandem::config
