// A route as an operator writes it. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/routing/prefix_table.h"
#include "controlplane/routing/route_table.h"
#include "controlplane/routing/row_fields.h"

namespace tandem::routing {

// The columns; a route needs the first two. "time" is a time window, the name of one, or "always".
inline constexpr std::array<std::string_view, 7> kRouteFields = {
    "prefix", "gateway", "priority", "weight", "price", "time", "enabled"};

// Found to make sense. Nothing said: it stays as it is.
struct RouteEdit {
  std::vector<PrefixKey> prefixes;  // of a range
  std::string gateway;
  std::optional<std::uint16_t> priority{};
  std::optional<std::uint16_t> weight{};
  std::optional<std::uint64_t> price{};
  std::optional<std::string> time{};  // "": always
  std::optional<bool> enabled{};
};

inline RowFields route_fields() { return {kRouteFields, 2}; }
// Fails with the reason.
base::Result<RouteEdit> check_route(const RowFields::Values& values);

// "0.0125": up to six places, in millionths.
std::optional<std::uint64_t> parse_price(std::string_view text);
std::string price_text(std::uint64_t price);

}  // namespace tandem::routing
