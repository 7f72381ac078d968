#include "controlplane/routing/route_table.h"

#include <tbb/parallel_sort.h>

#include <algorithm>

#include "controlplane/routing/draw.h"
#include "drivers/base/check.h"

namespace tandem::routing {
namespace {

constexpr std::size_t kWorthSharing = 10'000;

std::vector<PrefixRoute> routes_of_site(const std::vector<config::Route>& routes) {
  std::vector<PrefixRoute> out;
  for (const config::Route& route : routes) {
    const auto prefix = PrefixKey::parse(route.prefix);
    CHECK(prefix.has_value());  // the loader has seen to it
    out.push_back({*prefix,
                   {.gateway = route.gateway,
                    .priority = route.priority,
                    .weight = route.weight,
                    .origin = RouteOrigin::kSiteFile}});
  }
  return out;
}

}  // namespace

std::string routing_digits(std::string_view user) {
  std::string out;
  user = user.substr(0, user.find(';'));
  if (user.starts_with('+')) user.remove_prefix(1);
  for (const char c : user) {
    if (c != '-' && c != '.' && c != '(' && c != ')') out += c;
  }
  return out;
}

bool Candidates::has(GatewayIndex gateway) const {
  return std::any_of(begin(), end(), [&](const Candidate& one) { return one.gateway == gateway; });
}

RouteTable::RouteTable(const std::vector<config::Route>& routes)
    : RouteTable(routes_of_site(routes)) {}

RouteTable::RouteTable(std::vector<PrefixRoute> routes, std::vector<TimeWindow> windows)
    : windows_(std::move(windows)) {
  if (!std::is_sorted(routes.begin(), routes.end(), comes_before)) {
    if (routes.size() < kWorthSharing)
      std::sort(routes.begin(), routes.end(), comes_before);
    else
      tbb::parallel_sort(routes.begin(), routes.end(), comes_before);
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (i == 0 || routes[i - 1].prefix != routes[i].prefix) ++count;
  }
  std::vector<PrefixKey> keys;
  keys.reserve(count);
  first_.reserve(count + 1);
  routes_.reserve(routes.size());
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    CHECK(i == 0 || comes_before(routes[i - 1], routes[i]));
    CHECK(routes[i].route.window < windows_.size());
    if (keys.empty() || keys.back() != routes[i].prefix) {
      keys.push_back(routes[i].prefix);
      first_.push_back(i);
    }
    CHECK(i - first_.back() < kRoutesMost);
    routes_.push_back(routes[i].route);
  }
  first_.push_back(static_cast<std::uint32_t>(routes_.size()));
  prefixes_ = PrefixTable(std::move(keys));
}

template <typename Visit>
void RouteTable::look(std::string_view digits, const RouteContext& context, bool all,
                      Candidates& out, const Visit& visit) const {
  out.clear();
  bool decided = false;  // a prefix has routes that are enabled
  for (std::uint32_t place = prefixes_.find(PrefixKey::of_number(digits));
       place != PrefixTable::kNone; place = prefixes_.parent(place)) {
    const bool too_short = decided && !context.shorter;
    if (too_short && !all) return;
    const std::size_t before = out.size();
    for (std::uint32_t i = first_[place]; i < first_[place + 1]; ++i) {
      const Route& route = routes_[i];
      decided |= route.enabled;
      Fate fate = Fate::kTried;
      if (!route.enabled)
        fate = Fate::kDisabled;
      else if (too_short)
        fate = Fate::kLongerPrefix;
      else if (!windows_[route.window].holds(context.minute))
        fate = Fate::kOtherTime;
      else if (out.has(route.gateway))
        fate = Fate::kLongerHasIt;
      else if (out.size() == Candidates::kMost)
        fate = Fate::kTooMany;
      else
        out.push({.price = route.price,
                  .rank = 0,
                  .gateway = route.gateway,
                  .priority = route.priority,
                  .weight = route.weight,
                  .prefix_length = static_cast<std::uint8_t>(prefixes_.key(place).length())});
      visit(place, route, fate);
    }
    put_in_order(out.begin() + before, out.end(), context);
  }
}

// By priority, then by what the order ranks, then by draws of weight.
void RouteTable::put_in_order(Candidate* first, Candidate* last, const RouteContext& context) {
  using Order = config::Parameters::RouteOrder;
  for (Candidate* one = first; one != last; ++one) {
    if (context.order == Order::price) one->rank = one->price;
    if (context.order == Order::asr && context.asr != nullptr && *context.asr) {
      one->rank = 1000 - std::min((*context.asr)(one->gateway), 1000u);
    }
  }
  std::sort(first, last, [](const Candidate& a, const Candidate& b) {
    if (a.priority != b.priority) return a.priority < b.priority;
    if (a.rank != b.rank) return a.rank < b.rank;
    if ((a.weight == 0) != (b.weight == 0)) return a.weight == 0;
    return a.gateway < b.gateway;
  });
  for (; first != last; ++first) {
    Candidate* const other = std::find_if(first, last, [&](const Candidate& one) {
      return one.priority != first->priority || one.rank != first->rank;
    });
    if (other - first == 1) continue;
    Candidate* const chosen = draw(first, other, context.random);
    std::rotate(first, chosen, chosen + 1);
  }
}

void RouteTable::candidates(std::string_view digits, const RouteContext& context,
                            Candidates& out) const {
  look(digits, context, false, out, [](std::uint32_t, const Route&, Fate) {});
}

std::vector<RouteTable::Considered> RouteTable::consider(std::string_view digits,
                                                         const RouteContext& context) const {
  std::vector<Considered> out;
  Candidates tried;
  look(digits, context, true, tried, [&](std::uint32_t place, const Route& route, Fate fate) {
    out.push_back({.route = {prefixes_.key(place), route}, .fate = fate});
  });
  for (Considered& one : out) {
    if (one.fate != Fate::kTried) continue;
    const auto* const found = std::find_if(
        tried.begin(), tried.end(),
        [&](const Candidate& candidate) { return candidate.gateway == one.route.route.gateway; });
    one.place = static_cast<std::size_t>(found - tried.begin()) + 1;
  }
  return out;
}

const Route* RouteTable::find(const PrefixKey& prefix, GatewayIndex gateway) const {
  const std::uint32_t place = prefixes_.place_of(prefix);
  if (place == PrefixTable::kNone) return nullptr;
  for (std::uint32_t i = first_[place]; i < first_[place + 1]; ++i) {
    if (routes_[i].gateway == gateway) return &routes_[i];
  }
  return nullptr;
}

std::size_t RouteTable::count_of(const PrefixKey& prefix) const {
  const std::uint32_t place = prefixes_.place_of(prefix);
  return place == PrefixTable::kNone ? 0 : first_[place + 1] - first_[place];
}

std::optional<PrefixKey> RouteTable::first_to(GatewayIndex gateway) const {
  const auto found = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.gateway == gateway && route.origin != RouteOrigin::kGateway;
  });
  if (found == routes_.end()) return std::nullopt;
  const auto index = static_cast<std::uint32_t>(found - routes_.begin());
  const auto next = std::upper_bound(first_.begin(), first_.end(), index);
  return prefixes_.key(static_cast<std::uint32_t>(next - first_.begin() - 1));
}

std::vector<PrefixRoute> RouteTable::routes_of(const PrefixKey& prefix) const {
  std::vector<PrefixRoute> out = routes_from(prefix, kRoutesMost);
  std::erase_if(out, [&](const PrefixRoute& one) { return one.prefix != prefix; });
  return out;
}

std::vector<PrefixRoute> RouteTable::routes_from(const PrefixKey& prefix, std::size_t most) const {
  std::vector<PrefixRoute> out;
  const auto& keys = prefixes_.keys();
  const auto begin = std::lower_bound(keys.begin(), keys.end(), prefix);
  for (auto key = begin; key != keys.end(); ++key) {
    const auto place = static_cast<std::size_t>(key - keys.begin());
    for (std::uint32_t i = first_[place]; i < first_[place + 1]; ++i) {
      if (out.size() == most) return out;
      out.push_back({*key, routes_[i]});
    }
  }
  return out;
}

}  // namespace tandem::routing
