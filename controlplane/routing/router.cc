#include "controlplane/routing/router.h"

namespace tandem::routing {

void Router::candidates(std::string_view digits, Candidates& out) {
  using Shorter = config::Parameters::RouteShorter;
  const RouteContext context{.minute = clock_.minute(setup_.wall_ms()),
                             .order = setup_.parameters.TD_ROUTE_ORDER,
                             .shorter = setup_.parameters.TD_ROUTE_SHORTER == Shorter::on,
                             .random = setup_.random,
                             .asr = &setup_.asr};
  routes_.get().candidates(digits, context, out);
}

std::optional<GatewayIndex> Router::find(std::string_view digits) {
  Candidates found;
  candidates(digits, found);
  return found.empty() ? std::nullopt : std::optional(found[0].gateway);
}

bool Router::allows(const std::vector<std::string>& lists, std::string_view caller,
                    std::string_view callee) {
  if (lists.empty()) return true;
  return lists_ && lists_->get().check(lists, caller, callee).allowed;
}

}  // namespace tandem::routing
