#include "controlplane/config/host_name.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::config {

std::optional<HostName> host_name(std::string_view text) {
  HostName out;
  std::string_view rest = text;
  std::string_view name = base::split_first(rest, ':');
  if (name.size() != text.size()) {
    const auto port = base::parse_uint(rest, 65535);
    if (!port || *port == 0) return std::nullopt;
    out.port = static_cast<std::uint16_t>(*port);
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return std::nullopt;
  out.name = name;
  bool digits_only = false;
  while (!name.empty()) {
    const std::string_view label = base::split_first(name, '.');
    const auto fits = [](char c) {
      const char lower = base::to_lower(c);
      return base::is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-';
    };
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
        !std::all_of(label.begin(), label.end(), fits)) {
      return std::nullopt;
    }
    digits_only = std::all_of(label.begin(), label.end(), base::is_digit);
  }
  return digits_only ? std::nullopt : std::optional(out);
}

}  // namespace tandem::config
