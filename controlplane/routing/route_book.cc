#include "controlplane/routing/route_book.h"

#include <fmt/format.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <utility>

#include "controlplane/routing/schema.h"
#include "drivers/base/log.h"

namespace tandem::routing {
namespace {

constexpr std::string_view kColumns = "prefix, gateway, priority, weight, price, time, enabled";

}  // namespace

base::Result<store::Database> open_store(const std::string& path) {
  return store::Database::open(path, kSchema);
}

RouteBook::RouteBook(Setup setup)
    : setup_(std::move(setup)), own_(std::move(setup_.own)), windows_(1), window_places_{{"", 0}} {
  std::sort(own_.begin(), own_.end(), comes_before);
}

base::Result<std::unique_ptr<RouteBook>> RouteBook::open(Setup setup) {
  std::unique_ptr<RouteBook> book(new RouteBook(std::move(setup)));
  if (auto loaded = book->load(); !loaded) return std::move(loaded).take_error();
  return book;
}

// Routes of gateways that the switch no longer has stay in the store, for when they return; so do
// those that the site file has taken over.
base::Result<void> RouteBook::load() {
  if (auto loaded = load_windows(); !loaded) return loaded;
  const RouteTable fixed(setup_.fixed);
  std::vector<PrefixRoute> all = fixed.routes_from({}, SIZE_MAX);
  auto rows = setup_.database.prepare(fmt::format("SELECT {} FROM route", kColumns));
  if (!rows) return std::move(rows).take_error();
  std::unordered_map<std::string, std::optional<GatewayIndex>> gateways;
  std::uint64_t strangers = 0;
  std::uint64_t covered = 0;
  for (std::string name;;) {
    auto row = rows->step();
    if (!row) return std::move(row).take_error();
    if (!*row) break;
    const auto damaged = [&] {
      return base::error(fmt::format("database {}: the route of {} to {} is damaged",
                                     setup_.database.path(), rows->text(0), rows->text(1)));
    };
    name = rows->text(1);
    auto gateway = gateways.find(name);
    if (gateway == gateways.end()) {
      const auto found = setup_.gateway_named(name);
      gateway = gateways.emplace(name, found ? std::optional(*found) : std::nullopt).first;
    }
    if (!gateway->second) {
      ++strangers;
      continue;
    }
    const auto prefix = PrefixKey::parse(rows->text(0));
    const auto place = window_of(std::string(rows->text(5)));
    if (!prefix || !place) return damaged();
    if (fixed.find(*prefix, *gateway->second) != nullptr) {
      ++covered;
      continue;
    }
    all.push_back({*prefix,
                   {.price = static_cast<std::uint64_t>(rows->integer(4)),
                    .gateway = *gateway->second,
                    .priority = static_cast<std::uint16_t>(rows->integer(2)),
                    .weight = static_cast<std::uint16_t>(rows->integer(3)),
                    .window = *place,
                    .enabled = rows->integer(6) != 0}});
  }
  setup_.database.give_back();
  if (strangers != 0) {
    LOG(kWarning, "routing", "{} routes lead to gateways that the switch hasn't: not loaded",
        strangers);
  }
  if (covered != 0) {
    LOG(kWarning, "routing", "{} routes are the site file's too, which counts", covered);
  }
  if (!own_.empty()) {
    tbb::parallel_sort(all.begin(), all.end(), comes_before);
    all = with_own(all);
  }
  table_ = std::make_shared<const RouteTable>(std::move(all), windows_);
  setup_.routes.publish(table_);
  return {};
}

const Route* RouteBook::own_route(const PrefixKey& prefix, GatewayIndex gateway) const {
  const PrefixRoute wanted{prefix, {.gateway = gateway}};
  const auto found = std::lower_bound(own_.begin(), own_.end(), wanted, comes_before);
  return found != own_.end() && !comes_before(wanted, *found) ? &found->route : nullptr;
}

// Both are in order; where both have a route, the first one's is taken.
std::vector<PrefixRoute> RouteBook::with_own(const std::vector<PrefixRoute>& routes) const {
  std::vector<PrefixRoute> all;
  all.reserve(routes.size() + own_.size());
  std::set_union(routes.begin(), routes.end(), own_.begin(), own_.end(), std::back_inserter(all),
                 comes_before);
  std::vector<PrefixRoute> out;
  out.reserve(all.size());
  std::uint64_t crowded = 0;
  for (auto one = all.begin(); one != all.end();) {
    const auto end = std::find_if(
        one, all.end(), [&](const PrefixRoute& other) { return other.prefix != one->prefix; });
    auto too_many = (end - one) - static_cast<std::ptrdiff_t>(RouteTable::kRoutesMost);
    for (; one != end; ++one) {
      if (too_many <= 0 || one->route.origin != RouteOrigin::kGateway) {
        out.push_back(*one);
        continue;
      }
      --too_many;
      ++crowded;
    }
  }
  if (crowded != 0) {
    LOG(kWarning, "routing", "{} routes of gateways' own find no room beside {} of their prefix",
        crowded, RouteTable::kRoutesMost);
  }
  return out;
}

void RouteBook::lead(GatewayIndex gateway, const std::vector<PrefixRoute>& routes) {
  const auto of_it = [&](const PrefixRoute& one) { return one.route.gateway == gateway; };
  const auto had = static_cast<std::size_t>(std::count_if(own_.begin(), own_.end(), of_it));
  const bool same =
      had == routes.size() && std::all_of(routes.begin(), routes.end(), [&](auto& r) {
        const Route* const now = own_route(r.prefix, gateway);
        return now != nullptr && now->priority == r.route.priority && now->weight == r.route.weight;
      });
  if (same) return;  // a table of a million isn't made anew for nothing
  std::erase_if(own_, of_it);
  own_.insert(own_.end(), routes.begin(), routes.end());
  std::sort(own_.begin(), own_.end(), comes_before);
  publish({}, {});
}

base::Result<Route> RouteBook::apply(const RouteEdit& edit, Route route) {
  if (edit.priority) route.priority = *edit.priority;
  if (edit.weight) route.weight = *edit.weight;
  if (edit.price) route.price = *edit.price;
  if (edit.enabled) route.enabled = *edit.enabled;
  if (edit.time) {
    const auto place = window_of(*edit.time);
    if (!place) return base::error(place.error_text());
    route.window = *place;
  }
  return route;
}

base::Result<void> RouteBook::check_new(const PrefixKey& prefix) const {
  if (table_->count_of(prefix) < RouteTable::kRoutesMost) return {};
  return base::error(
      fmt::format("\"{}\" has {} routes already", prefix.text(), RouteTable::kRoutesMost));
}

base::Result<std::vector<PrefixRoute>> RouteBook::change(const RowFields::Values& values,
                                                         Mode mode) {
  const auto edit = check_route(values);
  if (!edit) return base::error(edit.error_text());
  const auto gateway = setup_.gateway_named(edit->gateway);
  if (!gateway) return base::error(gateway.error_text());
  std::vector<Change> changes;
  std::vector<PrefixRoute> out;
  for (const PrefixKey& prefix : edit->prefixes) {
    const auto named = [&] {
      return fmt::format("a route of \"{}\" to {}", prefix.text(), edit->gateway);
    };
    const Route* before = table_->find(prefix, *gateway);
    // Its own settings give way to what is said here.
    const bool has_place = before != nullptr;
    if (has_place && before->origin == RouteOrigin::kGateway) before = nullptr;
    if (before != nullptr && before->origin == RouteOrigin::kSiteFile) {
      return base::error(fmt::format("the site file has {}: it is changed there", named()));
    }
    if (mode == Mode::kAdd && before != nullptr) {
      return base::error(fmt::format("there is {} already", named()));
    }
    if (mode == Mode::kSet && before == nullptr) {
      return base::error(fmt::format("there isn't {}", named()));
    }
    if (!has_place) {
      if (auto room = check_new(prefix); !room) return std::move(room).take_error();
    }
    auto after = apply(*edit, before != nullptr ? *before : Route{.gateway = *gateway});
    if (!after) return std::move(after).take_error();
    changes.push_back({{prefix, *after}});
    out.push_back({prefix, *after});
  }
  if (auto written = write(changes, {}); !written) return std::move(written).take_error();
  publish(changes, {});
  return out;
}

base::Result<std::vector<PrefixRoute>> RouteBook::add(const RowFields::Values& values) {
  return change(values, Mode::kAdd);
}

base::Result<std::vector<PrefixRoute>> RouteBook::set(const RowFields::Values& values) {
  return change(values, Mode::kSet);
}

base::Result<std::vector<PrefixRoute>> RouteBook::remove(std::string_view prefix,
                                                         std::string_view gateway) {
  const auto prefixes = prefixes_of(prefix);
  if (!prefixes) return base::error(prefixes.error_text());
  const auto found = setup_.gateway_named(gateway);
  if (!found) return base::error(found.error_text());
  std::vector<Change> changes;
  std::vector<PrefixRoute> out;
  for (const PrefixKey& key : *prefixes) {
    const Route* const route = table_->find(key, *found);
    if (route != nullptr && route->origin == RouteOrigin::kGateway) {
      return base::error(fmt::format(
          "\"{}\" is one of the prefixes of {}: gateway set changes them", key.text(), gateway));
    }
    if (route == nullptr || route->origin == RouteOrigin::kSiteFile) {
      return base::error(fmt::format(
          "{} a route of \"{}\" to {}{}", route == nullptr ? "there isn't" : "the site file has",
          key.text(), gateway, route == nullptr ? "" : ": it is changed there"));
    }
    changes.push_back({{key, *route}, true});
    out.push_back({key, *route});
  }
  if (auto written = write(changes, {}); !written) return std::move(written).take_error();
  publish(changes, {});
  return out;
}

base::Result<void> RouteBook::write(const std::vector<Change>& changes,
                                    const Replacement& replacement) {
  store::Database& database = setup_.database;
  auto put = database.prepare(
      fmt::format("INSERT OR REPLACE INTO route ({}) VALUES (?, ?, ?, ?, ?, ?, ?)", kColumns));
  if (!put) return std::move(put).take_error();
  auto erase = database.prepare("DELETE FROM route WHERE prefix = ? AND gateway = ?");
  if (!erase) return std::move(erase).take_error();
  auto transaction = store::Transaction::begin(database);
  if (!transaction) return std::move(transaction).take_error();
  if (replacement.all || !replacement.gateway.empty()) {
    auto clear = database.prepare(replacement.all ? "DELETE FROM route"
                                                  : "DELETE FROM route WHERE gateway = ?");
    if (!clear) return std::move(clear).take_error();
    if (!replacement.all) clear->bind(1, replacement.gateway);
    if (auto done = clear->run(); !done) return done;
  }
  for (const auto& [one, removes] : changes) {
    const Route& route = one.route;
    const std::string prefix = one.prefix.text();
    const std::string gateway = setup_.name_of(route.gateway);
    auto done = removes ? erase->bind(1, prefix).bind(2, gateway).run()
                        : put->bind(1, prefix)
                              .bind(2, gateway)
                              .bind(3, std::int64_t{route.priority})
                              .bind(4, std::int64_t{route.weight})
                              .bind(5, static_cast<std::int64_t>(route.price))
                              .bind(6, windows_[route.window].text())
                              .bind(7, std::int64_t{route.enabled})
                              .run();
    if (!done) return done;
  }
  return transaction->commit();
}

// The former routes and the changes, both in order, make the next table.
void RouteBook::publish(const std::vector<Change>& changes, const Dropped& dropped) {
  std::vector<PrefixRoute> before = table_->routes_from({}, SIZE_MAX);
  std::erase_if(before, [&](const PrefixRoute& one) {
    return one.route.origin == RouteOrigin::kGateway || (dropped && dropped(one.route));
  });
  std::vector<PrefixRoute> after;
  after.reserve(before.size() + changes.size());
  auto old = before.begin();
  for (const Change& change : changes) {
    for (; old != before.end() && comes_before(*old, change.route); ++old) after.push_back(*old);
    if (old != before.end() && !comes_before(change.route, *old)) ++old;  // the same one
    if (!change.removes) after.push_back(change.route);
  }
  after.insert(after.end(), old, before.end());
  before = {};
  if (!own_.empty()) after = with_own(after);
  table_ = std::make_shared<const RouteTable>(std::move(after), windows_);
  setup_.routes.publish(table_);
}

}  // namespace tandem::routing
