#include "controlplane/routing/route_edit.h"

#include <fmt/format.h>

#include "drivers/base/csv.h"
#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kPriceMost = 1'000'000'000;  // a minute
constexpr std::size_t kPlaces = 6;

base::Result<std::optional<std::uint16_t>> small_number(const std::optional<std::string>& text,
                                                        std::string_view name) {
  if (!text) return std::optional<std::uint16_t>();
  const auto number = base::parse_uint(base::trim(*text), UINT16_MAX);
  if (!number) return base::error(fmt::format("{} must be 0..65535", name));
  return std::optional(static_cast<std::uint16_t>(*number));
}

}  // namespace

std::optional<std::uint64_t> parse_price(std::string_view text) {
  std::string_view places = text;
  const std::string_view whole = base::split_first(places, '.');
  const auto units = base::parse_uint(whole, kPriceMost);
  if (!units) return std::nullopt;
  if (whole.size() == text.size()) return *units * kMillion;
  if (places.empty() || places.size() > kPlaces) return std::nullopt;
  const auto part =
      base::parse_uint(std::string(places).append(kPlaces - places.size(), '0'), kMillion - 1);
  if (!part) return std::nullopt;
  return *units * kMillion + *part;
}

std::string price_text(std::uint64_t price) {
  std::string out = fmt::format("{}.{:06}", price / kMillion, price % kMillion);
  while (out.ends_with('0')) out.pop_back();
  if (out.ends_with('.')) out.pop_back();
  return out;
}

base::Result<RouteEdit> check_route(const RowFields::Values& values) {
  RouteEdit out;
  auto prefixes = prefixes_of(base::trim(*values[0]));
  if (!prefixes) return std::move(prefixes).take_error();
  out.prefixes = std::move(prefixes).value();
  out.gateway = base::trim(*values[1]);
  auto priority = small_number(values[2], "priority");
  if (!priority) return std::move(priority).take_error();
  out.priority = *priority;
  auto weight = small_number(values[3], "weight");
  if (!weight) return std::move(weight).take_error();
  out.weight = *weight;
  if (values[4]) {
    out.price = parse_price(base::trim(*values[4]));
    if (!out.price) {
      return base::error("price must be a number such as 0.0125, of at most six places");
    }
  }
  if (values[5]) {
    const std::string_view time = base::trim(*values[5]);
    out.time = base::iequals(time, "always") ? std::string_view() : time;
  }
  if (values[6]) {
    out.enabled = base::parse_flag(base::trim(*values[6]));
    if (!out.enabled) return base::error("enabled is neither true nor false");
  }
  return out;
}

}  // namespace tandem::routing
