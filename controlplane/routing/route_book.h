// The routes that an operator keeps: in the store, and, with those of the site file and of the
// gateways' own settings, in the table that calls go by. Each change is on disk before the table
// has it and before it is answered as done; it is another table, published to the shards. Owner:
// one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/routing/route_edit.h"
#include "controlplane/routing/route_table.h"
#include "controlplane/routing/row_import.h"
#include "controlplane/store/database.h"

namespace tandem::routing {

// The store's file, for both books of it.
base::Result<store::Database> open_store(const std::string& path);

class RouteBook {
 public:
  struct Setup {
    store::Database& database;
    std::vector<config::Route> fixed;  // the site file's
    std::vector<PrefixRoute> own{};    // the gateways' (own_routes), in any order
    // The routing gateway with this name, or why there is none; and the name of one.
    std::function<base::Result<GatewayIndex>(std::string_view)> gateway_named;
    std::function<std::string(GatewayIndex)> name_of;
    Routes& routes;
  };
  // Loads and publishes all. What the setup refers to outlives the book.
  static base::Result<std::unique_ptr<RouteBook>> open(Setup setup);
  RouteBook(const RouteBook&) = delete;
  RouteBook& operator=(const RouteBook&) = delete;

  // Of route_fields(); one prefix or a range of them. What they are then, or were.
  base::Result<std::vector<PrefixRoute>> add(
      const RowFields::Values& values);  // refused: it exists
  base::Result<std::vector<PrefixRoute>> set(const RowFields::Values& values);  // or doesn't
  base::Result<std::vector<PrefixRoute>> remove(std::string_view prefix, std::string_view gateway);

  // Time windows that routes name, so that all of them change with it.
  struct Window {
    std::string name;
    std::string times;
  };
  base::Result<void> add_window(const Window& window);        // refused when it exists
  base::Result<void> set_window(const Window& window);        // refused when it doesn't
  base::Result<void> remove_window(const std::string& name);  // refused while routes name it
  std::vector<Window> windows() const;

  // What an import stands in the place of.
  struct Replacement {
    bool all = false;
    std::string gateway{};  // else: of this one; empty: of none
  };
  // One at a time: it ends before the book does.
  base::Result<std::unique_ptr<RowImport>> import(RowImport::Format format, bool keep_going,
                                                  const Replacement& replacement);

  // A gateway's own routes are these from now on (own_routes); none: it has none. What the store or
  // the site file says of the same prefix stands over them.
  void lead(GatewayIndex gateway, const std::vector<PrefixRoute>& routes);

  const RouteTable& table() const { return *table_; }
  std::string name_of(GatewayIndex gateway) const { return setup_.name_of(gateway); }

 private:
  enum class Mode : std::uint8_t { kAdd, kSet };
  class Import;
  // One prefix's and gateway's; sorted by both where there are many.
  struct Change {
    PrefixRoute route;
    bool removes = false;
  };
  explicit RouteBook(Setup setup);

  base::Result<void> load();
  base::Result<void> load_windows();
  // Of a name or of times.
  base::Result<std::uint16_t> window_of(const std::string& text);
  base::Result<std::uint16_t> keep(TimeWindow window);
  base::Result<void> write_window(const Window& window);
  base::Result<Route> apply(const RouteEdit& edit, Route route);
  base::Result<std::vector<PrefixRoute>> change(const RowFields::Values& values, Mode mode);
  // Room for another route, beside those of the table.
  base::Result<void> check_new(const PrefixKey& prefix) const;
  // nullptr: it has none.
  const Route* own_route(const PrefixKey& prefix, GatewayIndex gateway) const;
  // With the gateways' own, where there is no other and room for one.
  std::vector<PrefixRoute> with_own(const std::vector<PrefixRoute>& routes) const;
  // `dropped`: those that go beforehand.
  using Dropped = std::function<bool(const Route&)>;
  base::Result<void> write(const std::vector<Change>& changes, const Replacement& replacement);
  void publish(const std::vector<Change>& changes, const Dropped& dropped);

  Setup setup_;
  std::vector<PrefixRoute> own_;                                  // as the table's, in its order
  std::shared_ptr<const RouteTable> table_;                       // what is published
  std::vector<TimeWindow> windows_;                               // only ever added to
  std::unordered_map<std::string, std::uint16_t> window_places_;  // by text, or name
  std::map<std::string, std::string> named_;                      // the times of each
};

}  // namespace tandem::routing
