// The media ports of one shard: pairs (RTP even, RTCP odd) per media address and worker, handed out
// and taken back in O(1). A released pair rests for the quarantine time, so that late packets of
// the old call can't enter a new one; the pair that rested longest comes first. Owner: the shard's
// thread. No pair is ever in two shards' hands (wire::shard_of_port).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "controlplane/config/parameters.h"
#include "drivers/base/clock.h"
#include "drivers/wire/plan.h"

namespace tandem::media {

using wire::FlowKey;

class MediaPorts {
 public:
  static constexpr base::Nanos kQuarantine = base::Seconds{2};

  // Ports for which `busy` holds (flows of a former control plane) stay out until given back.
  MediaPorts(const wire::CorridorPlan& plan, std::uint32_t shard, config::PortRange range,
             const std::function<bool(FlowKey)>& busy);

  // One pair on each of two media addresses (indexes into the plan; they may be the same), both of
  // one worker. The keys name the RTP ports. No value: this shard's ports are used up.
  std::optional<std::array<FlowKey, 2>> take_two(std::uint32_t address_a, std::uint32_t address_b,
                                                 base::Nanos now);
  // A pair outside the range (a former control plane's, with another range) is let go of.
  void give_back(FlowKey rtp, base::Nanos now);

  std::size_t free_pairs() const;

 private:
  struct Free {
    std::uint16_t port;
    base::Nanos since;
  };
  using Queue = std::deque<Free>;

  Queue& queue(std::uint32_t address, std::uint32_t worker) {
    return free_[address * plan_.workers + worker];
  }
  // How many pairs at the front of the queue have rested enough, up to `wanted`.
  static std::size_t rested(const Queue& queue, std::size_t wanted, base::Nanos now);

  wire::CorridorPlan plan_;
  config::PortRange range_;
  std::vector<Queue> free_;
  std::uint32_t next_worker_ = 0;  // calls go round the workers
};

}  // namespace tandem::media
