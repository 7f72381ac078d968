// Flows that a former control plane opened and nobody can end any more: they keep relaying, since
// people may still be talking, and are closed when they have been silent for a while. Their ports
// come back then. Owner: the shard's thread.
#pragma once

#include <vector>

#include "controlplane/media/datapath.h"
#include "controlplane/media/ports.h"

namespace tandem::media {

class Orphans {
 public:
  static constexpr base::Nanos kSilence = base::Seconds{10};
  static constexpr base::Nanos kLookEvery = base::Seconds{1};

  // Looks through the records of this shard's ports once, at the start.
  Orphans(const wire::Segment& segment, std::uint32_t shard);

  bool holds(FlowKey key) const;
  // Closes pairs of flows in which neither direction has been heard lately, and gives the ports of
  // what is gone back. Cheap between two looks.
  void tend(Datapath& datapath, MediaPorts& ports, wire::CounterBlock& counters, base::Nanos now);

  std::size_t count() const { return flows_.size(); }

 private:
  struct Orphan {
    FlowKey key;
    FlowGeneration generation;
    bool closing = false;
  };

  // No flow of this generation any more. What can't be read just now isn't gone.
  bool is_gone(const Orphan& orphan) const;
  bool heard_since(const Orphan& orphan, base::Nanos since) const;

  const wire::Segment& segment_;

  std::vector<Orphan> flows_;  // by address and port, ascending
  base::Nanos next_look_{};
};

}  // namespace tandem::media
