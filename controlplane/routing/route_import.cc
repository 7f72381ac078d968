// The import of routes: gathered in memory as small as they are in the table, then compared with
// one another and with what is there, then written in one go.
#include <fmt/format.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "controlplane/routing/route_book.h"

namespace tandem::routing {

class RouteBook::Import : public RowImport {
 public:
  Import(RouteBook& book, Format format, bool keep_going, Replacement replacement)
      : RowImport(format, keep_going, route_fields()),
        book_(book),
        replacement_(std::move(replacement)) {}

  base::Result<void> name_replaced() {
    if (replacement_.gateway.empty()) return {};
    const auto gateway = book_.setup_.gateway_named(replacement_.gateway);
    if (!gateway) return base::error(gateway.error_text());
    replaced_ = *gateway;
    return {};
  }

 protected:
  void take(const Row& row) override;
  void compare() override;
  base::Result<void> commit(ImportReport& report) override;

 private:
  // What a row says; the rest stays as it is.
  struct Said {
    bool priority = false;
    bool weight = false;
    bool price = false;
    bool window = false;
    bool enabled = false;
  };
  struct Entry {
    PrefixRoute route;
    std::uint64_t line;
    Said said;
  };
  struct Range {
    PrefixKey first;
    PrefixKey last;  // the greatest number that begins as it ends
    GatewayIndex gateway;
    std::uint64_t line;
  };

  bool replaces(const Route& route) const {
    if (route.origin != RouteOrigin::kStore) return false;
    return replacement_.all || (replaced_ && route.gateway == *replaced_);
  }
  // The route that an entry changes, if there is one.
  const Route* former(const Entry& entry) const {
    const Route* const route = book_.table_->find(entry.route.prefix, entry.route.route.gateway);
    const bool stays = route != nullptr && route->origin != RouteOrigin::kGateway;
    return stays && !replaces(*route) ? route : nullptr;
  }
  void note_range(std::string_view numbers, GatewayIndex gateway, std::uint64_t line);
  void compare_ranges();
  void compare_with_table();
  void find_windows();
  void limit_routes(std::span<const Entry> of_one_prefix);
  Change change_of(const Entry& entry, ImportReport& report) const;

  RouteBook& book_;
  Replacement replacement_;
  std::optional<GatewayIndex> replaced_{};
  std::vector<Entry> entries_{};
  std::vector<Range> ranges_{};
};

base::Result<std::unique_ptr<RowImport>> RouteBook::import(RowImport::Format format,
                                                           bool keep_going,
                                                           const Replacement& replacement) {
  auto out = std::make_unique<Import>(*this, format, keep_going, replacement);
  if (auto named = out->name_replaced(); !named) return std::move(named).take_error();
  return std::unique_ptr<RowImport>(std::move(out));
}

void RouteBook::Import::take(const Row& row) {
  const auto edit = check_route(*row.values);
  if (!edit) return refuse(row.line, edit.error_text());
  const auto gateway = book_.setup_.gateway_named(edit->gateway);
  if (!gateway) return refuse(row.line, gateway.error_text());
  if (replaced_ && *gateway != *replaced_) {
    return refuse(row.line,
                  fmt::format("this import replaces routes to {} only", replacement_.gateway));
  }
  const auto route = book_.apply(*edit, Route{.gateway = *gateway});
  if (!route) return refuse(row.line, route.error_text());
  const Said said{.priority = edit->priority.has_value(),
                  .weight = edit->weight.has_value(),
                  .price = edit->price.has_value(),
                  .window = edit->time.has_value(),
                  .enabled = edit->enabled.has_value()};
  for (const PrefixKey& prefix : edit->prefixes) {
    entries_.push_back({{prefix, *route}, row.line, said});
  }
  const std::string& numbers = *(*row.values)[0];
  if (numbers.find('-') != std::string::npos) note_range(numbers, *gateway, row.line);
}

void RouteBook::Import::note_range(std::string_view numbers, GatewayIndex gateway,
                                   std::uint64_t line) {
  const auto [first, last] = ends_of(numbers);
  ranges_.push_back({first, last, gateway, line});
}

void RouteBook::Import::compare() {
  tbb::parallel_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.route.prefix, a.route.route.gateway, a.line) <
           std::tie(b.route.prefix, b.route.route.gateway, b.line);
  });
  find_windows();
  compare_ranges();
  compare_with_table();
}

// Names may have gone, or come again, since the row was read.
void RouteBook::Import::find_windows() {
  for (Entry& entry : entries_) {
    std::uint16_t& window = entry.route.route.window;
    if (window == 0) continue;
    const auto place = book_.window_of(book_.windows_[window].text());
    if (place)
      window = *place;
    else
      refuse(entry.line, place.error_text());
  }
}

// Of one gateway: which of two is meant for a number in both, nobody could say.
void RouteBook::Import::compare_ranges() {
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return std::tie(a.gateway, a.first, a.line) < std::tie(b.gateway, b.first, b.line);
  });
  const Range* widest = nullptr;
  for (const Range& range : ranges_) {
    if (widest != nullptr && widest->gateway == range.gateway && range.first <= widest->last) {
      const auto [earlier, later] = std::minmax(widest->line, range.line);
      refuse(later, fmt::format("its range overlaps that of line {}", earlier));
      if (range.last <= widest->last) continue;
    }
    widest = &range;
  }
}

void RouteBook::Import::compare_with_table() {
  std::size_t of_prefix = 0;  // the first entry of this prefix, and that of its gateway
  std::size_t of_gateway = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const auto& [prefix, route] = entry.route;
    const auto named = [&, key = prefix, gateway = route.gateway] {
      return fmt::format("\"{}\" to {}", key.text(), book_.name_of(gateway));
    };
    if (entries_[of_prefix].route.prefix != prefix) {
      limit_routes(std::span(entries_).subspan(of_prefix, i - of_prefix));
      of_prefix = of_gateway = i;
    }
    if (entries_[of_gateway].route.route.gateway != route.gateway) of_gateway = i;
    if (of_gateway != i) {
      refuse(entry.line,
             fmt::format("{} was in line {} already", named(), entries_[of_gateway].line));
    }
    const Route* const there = book_.table_->find(prefix, route.gateway);
    if (there != nullptr && there->origin == RouteOrigin::kSiteFile) {
      refuse(entry.line,
             fmt::format("the site file has a route of {}: it is changed there", named()));
    }
  }
  if (!entries_.empty()) limit_routes(std::span(entries_).subspan(of_prefix));
}

void RouteBook::Import::limit_routes(std::span<const Entry> of_one_prefix) {
  const PrefixKey& prefix = of_one_prefix.front().route.prefix;
  if (of_one_prefix.size() + book_.table_->count_of(prefix) <= RouteTable::kRoutesMost) return;
  const auto there = book_.table_->routes_of(prefix);
  std::size_t count = std::count_if(there.begin(), there.end(),
                                    [&](const PrefixRoute& one) { return !replaces(one.route); });
  for (const Entry& entry : of_one_prefix) {
    const bool has_place =
        former(entry) != nullptr || book_.own_route(prefix, entry.route.route.gateway) != nullptr;
    if (refused(entry.line) || has_place) continue;
    if (++count <= RouteTable::kRoutesMost) continue;
    refuse(entry.line,
           fmt::format("\"{}\" has {} routes already", prefix.text(), RouteTable::kRoutesMost));
  }
}

RouteBook::Change RouteBook::Import::change_of(const Entry& entry, ImportReport& report) const {
  Change out{entry.route};
  const Route* const before = former(entry);
  ++(before != nullptr ? report.changed : report.added);
  if (before == nullptr) return out;
  Route& route = out.route.route;
  if (!entry.said.priority) route.priority = before->priority;
  if (!entry.said.weight) route.weight = before->weight;
  if (!entry.said.price) route.price = before->price;
  if (!entry.said.window) route.window = before->window;
  if (!entry.said.enabled) route.enabled = before->enabled;
  return out;
}

base::Result<void> RouteBook::Import::commit(ImportReport& report) {
  std::vector<Change> changes;
  changes.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    if (!refused(entry.line)) changes.push_back(change_of(entry, report));
  }
  entries_ = {};
  if (auto written = book_.write(changes, replacement_); !written) return written;
  book_.publish(changes, [&](const Route& route) {
    const bool goes = replaces(route);
    report.removed += goes ? 1 : 0;
    return goes;
  });
  return {};
}

}  // namespace tandem::routing
