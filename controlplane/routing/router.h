// A shard's view of the routes: always the latest ones, chosen by the site's rules and the time of
// the week. Owner: one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/routing/route_table.h"
#include "controlplane/routing/screening.h"
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
    const Screenings* screenings = nullptr;
    std::function<std::int64_t()> wall_ms = base::wall_ms_now;
  };
  explicit Router(Setup setup) : setup_(std::move(setup)), routes_(setup_.routes) {
    if (setup_.screenings != nullptr) lists_.emplace(*setup_.screenings);
  }

  void candidates(std::string_view digits, Candidates& out);
  // The first of them.
  std::optional<GatewayIndex> find(std::string_view digits);
  // Each of these lists allows it.
  bool allows(const std::vector<std::string>& lists, std::string_view caller,
              std::string_view callee);
  // Each turn: lets go of routes and lists that have been exchanged for others.
  void tend() {
    routes_.get();
    if (lists_) lists_->get();
  }

 private:
  Setup setup_;
  Routes::Reader routes_;
  std::optional<Screenings::Reader> lists_;
  WeekClock clock_;
};

}  // namespace tandem::routing
