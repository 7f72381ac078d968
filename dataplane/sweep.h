// What a worker shows of itself: about once a second, each open flow's record, a few flows a turn.
// Owner: the worker.
#pragma once

#include <cstdint>

#include "dataplane/flow_table.h"
#include "dataplane/records.h"
#include "drivers/base/clock.h"

namespace tandem::dataplane {

class Sweep {
 public:
  Sweep(const FlowTable& flows, FlowRecords records) : flows_(flows), records_(records) {}

  // True when a second has passed since it last was true: time for what is shown once a second.
  bool turn(base::Nanos now);

 private:
  static constexpr base::Nanos kRound = base::Seconds{1};
  static constexpr std::size_t kFlowsPerTurn = 8;

  const FlowTable& flows_;
  FlowRecords records_;
  base::Nanos next_round_{};
  std::size_t next_ = 0;  // in the list of open flows; at its end: this round is done
};

}  // namespace tandem::dataplane
