#include "controlplane/routing/gateway_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace tandem::routing {
namespace {

struct Range {
  PrefixKey first;
  PrefixKey last;
  std::string_view text;
};

// Which of two ranges is meant for a number in both, nobody could say.
std::optional<std::string> fault_of(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].last < ranges[i].first) continue;
    return fmt::format("{} overlaps {}", ranges[i].text, ranges[i - 1].text);
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::vector<PrefixRoute>> own_routes(const config::Gateway& gateway,
                                                  GatewayIndex index) {
  std::vector<PrefixRoute> out;
  if (gateway.kind != config::GatewayKind::kRouting) return out;
  const Route route{.gateway = index,
                    .priority = gateway.priority,
                    .weight = gateway.weight,
                    .origin = RouteOrigin::kGateway};
  std::vector<Range> ranges;
  for (const std::string& text : gateway.prefixes) {
    auto prefixes = prefixes_of(text == kEveryNumber ? std::string_view() : text);
    if (!prefixes) return std::move(prefixes).take_error();
    for (const PrefixKey& prefix : *prefixes) out.push_back({prefix, route});
    if (text.find('-') == std::string::npos) continue;
    const auto [first, last] = ends_of(text);
    ranges.push_back({first, last, text});
  }
  if (auto fault = fault_of(ranges)) return base::error(*std::move(fault));
  std::sort(out.begin(), out.end(),
            [](const PrefixRoute& a, const PrefixRoute& b) { return a.prefix < b.prefix; });
  const auto twice = std::adjacent_find(
      out.begin(), out.end(),
      [](const PrefixRoute& a, const PrefixRoute& b) { return a.prefix == b.prefix; });
  if (twice != out.end()) {
    return base::error(fmt::format("\"{}\" stands there twice", twice->prefix.text()));
  }
  return out;
}

}  // namespace tandem::routing
