#include "controlplane/routing/target_order.h"

#include <algorithm>

#include "controlplane/routing/draw.h"

namespace tandem::routing {

void order_targets(std::vector<config::Target>& targets, base::Random& random) {
  std::stable_sort(targets.begin(), targets.end(),
                   [](const config::Target& a, const config::Target& b) {
                     if (a.priority != b.priority) return a.priority < b.priority;
                     return a.weight == 0 && b.weight != 0;
                   });
  for (auto first = targets.begin(); first != targets.end(); ++first) {
    const auto last = std::find_if(first, targets.end(), [&](const config::Target& other) {
      return other.priority != first->priority;
    });
    const auto chosen = draw(first, last, random);
    std::rotate(first, chosen, chosen + 1);
  }
}

}  // namespace tandem::routing
