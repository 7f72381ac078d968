// A draw by weight, of what the one at the next place is.
#pragma once

#include <cstdint>

#include "drivers/base/random.h"

namespace tandem::routing {

// RFC 2782: draws among the sum of weights, the zeros standing first. Where all are zero the RFC
// leaves the order open, and each gets its turn. REQUIRES: first != last.
template <typename Iterator>
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

}  // namespace tandem::routing
