// The far end of a control plane's corridor, played without a dataplane: flows are "opened", their
// closing is answered with figures, and, if wanted, SIP goes through the punt and inject rings.
// Naps where a worker would spin, so that it takes little from the cores that are measured.
// Owner: the generator's one thread.
#pragma once

#include <memory>
#include <vector>

#include "drivers/wire/segment.h"
#include "perf/load/wire.h"

namespace tandem::perf {

class CorridorEnd {
 public:
  // Joins the segment of this site file as its dataplane.
  static base::Result<std::unique_ptr<CorridorEnd>> open(const wire::CorridorSettings& corridor);
  ~CorridorEnd();
  CorridorEnd(const CorridorEnd&) = delete;
  CorridorEnd& operator=(const CorridorEnd&) = delete;

  // Takes all commands and answers them; keeps the heart beating.
  void attend(Nanos now);
  // The rings: worker 0 of each shard; by workers first.
  std::vector<wire::WorkerEnd>& ends() { return ends_; }
  const wire::CorridorPlan& plan() const { return segment_.plan(); }

 private:
  explicit CorridorEnd(wire::Segment segment);
  void obey(wire::WorkerEnd& end, const wire::Command& command);

  // A flow that is open; generation 0: none.
  struct Flow {
    wire::FlowGeneration generation = 0;
    std::uint64_t cookie = 0;
  };
  Flow& flow(wire::FlowKey key) { return flows_[key.address * 65536u + key.port]; }

  wire::Segment segment_;
  std::vector<wire::WorkerEnd> ends_;
  std::vector<Flow> flows_;
  Nanos next_beat_{};
};

// SIP through the rings of `corridor`, which outlives the wire. `switch_at`: the control plane's
// addresses as the caller and the callee see them.
std::unique_ptr<Wire> corridor_wire(CorridorEnd& corridor, const Endpoint& caller,
                                    const Endpoint& callee, const Endpoint& switch_at_caller,
                                    const Endpoint& switch_at_callee);

}  // namespace tandem::perf
