// A shard's view of the routes: always the latest ones, chosen by the site's rules and the time of
// the week. Owner: one thread.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "controlplane/routing/route_table.h"
#include "drivers/base/clock.h"

namespace tandem::routing {

class Router {
 public:
  // All of it outlives the router.
  struct Setup {
    const Routes& routes;
    const config::Parameters& parameters;
    base::Random& random;
    AsrOf asr{};
    std::function<std::int64_t()> wall_ms = base::wall_ms_now;
  };
  explicit Router(Setup setup) : setup_(std::move(setup)), routes_(setup_.routes) {}

  void candidates(std::string_view digits, Candidates& out);
  // The first of them.
  std::optional<GatewayIndex> find(std::string_view digits);
  // Each turn: lets go of routes that have been exchanged for others.
  void tend() { routes_.get(); }

 private:
  Setup setup_;
  Routes::Reader routes_;
  WeekClock clock_;
};

}  // namespace tandem::routing
