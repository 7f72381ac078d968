#include "dataplane/sweep.h"

#include <algorithm>

namespace tandem::dataplane {

bool Sweep::turn(base::Nanos now) {
  const bool new_round = now >= next_round_;
  if (new_round) {
    next_round_ = now + kRound;
    next_ = 0;
  }
  const auto live = flows_.live();
  const std::size_t end = std::min(next_ + kFlowsPerTurn, live.size());
  for (; next_ < end; ++next_) {
    const Flow& flow = *live[next_];
    records_.at(flow.key).write(flow.record());
  }
  return new_round;
}

}  // namespace tandem::dataplane
