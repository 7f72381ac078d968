#include "controlplane/routing/target_order.h"

#include <algorithm>

namespace tandem::routing {
namespace {

using Iterator = std::vector<config::Target>::iterator;

// RFC 2782: draws among the sum of weights, the zeros standing first. Where all are zero the RFC
// leaves the order open, and each gets its turn.
Iterator draw(Iterator first, Iterator last, base::Random& random) {
  std::uint64_t sum = 0;
  for (auto it = first; it != last; ++it) sum += it->weight;
  if (sum == 0) {
    const auto count = static_cast<std::uint64_t>(last - first);
    return first + static_cast<std::ptrdiff_t>(random.next() % count);
  }
  std::uint64_t ticket = random.next() % (sum + 1);
  for (auto it = first; it != last; ++it) {
    if (ticket <= it->weight) return it;
    ticket -= it->weight;
  }
  return first;
}

}  // namespace

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
