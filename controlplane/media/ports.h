// The media ports of one shard, per media address and worker, handed out and taken back in O(1): in
// pairs (RTP even, RTCP odd), or one by one where RTCP has no ports of its own. A released place
// rests for the quarantine time, so that late packets of the old call can't enter a new one; the
// one that rested longest comes first. Owner: the shard's thread. No pair is ever in two shards'
// hands (wire::shard_of_port).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "controlplane/config/parameters.h"
#include "drivers/base/clock.h"
#include "drivers/wire/counters.h"
#include "drivers/wire/plan.h"

namespace tandem::media {

using wire::FlowKey;

class MediaPorts {
 public:
  static constexpr base::Nanos kQuarantine = base::Seconds{2};

  // Ports for which `busy` holds (flows of a former control plane) stay out until given back.
  // `rtcp`: each RTP port has a neighbour for RTCP.
  MediaPorts(const wire::CorridorPlan& plan, std::uint32_t shard, config::PortRange range,
             bool rtcp, const std::function<bool(FlowKey)>& busy, wire::CounterBlock& counters);

  // One RTP port on each of two media addresses (indexes into the plan; they may be the same), both
  // of one worker. No value: this shard's ports are used up.
  std::optional<std::array<FlowKey, 2>> take_two(std::uint32_t address_a, std::uint32_t address_b,
                                                 base::Nanos now);
  // What isn't out, or outside the range (a former control plane's, with another range), is let go
  // of.
  void give_back(FlowKey rtp, base::Nanos now);

  bool has_rtcp() const { return rtcp_; }
  // RTP ports that are not in a call.
  std::size_t free_places() const;

 private:
  struct Free {
    std::uint16_t port;
    base::Nanos since;
  };
  using Queue = std::deque<Free>;

  Queue& queue(std::uint32_t address, std::uint32_t worker) {
    return free_[address * plan_.workers + worker];
  }
  // How many at the front of the queue have rested enough, up to `wanted`.
  static std::size_t rested(const Queue& queue, std::size_t wanted, base::Nanos now);
  FlowKey take(std::uint32_t address, Queue& queue);
  std::vector<bool>::reference out(FlowKey key) { return out_[key.address * 65536u + key.port]; }

  wire::CorridorPlan plan_;
  config::PortRange range_;
  bool rtcp_;
  std::vector<Queue> free_;
  std::vector<bool> out_;  // a bit a port: it is this shard's and not in a queue
  wire::CounterBlock* counters_;
  std::uint32_t next_worker_ = 0;  // calls go round the workers
};

}  // namespace tandem::media
