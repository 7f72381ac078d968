#include "controlplane/media/orphans.h"

#include <algorithm>

namespace tandem::media {
namespace {

bool before(FlowKey a, FlowKey b) {
  return a.address != b.address ? a.address < b.address : a.port < b.port;
}

}  // namespace

Orphans::Orphans(const wire::Segment& segment, std::uint32_t shard) {
  const auto& plan = segment.plan();
  for (std::uint16_t a = 0; a < plan.address_count; ++a) {
    for (std::uint32_t port = 1024; port < 65536; ++port) {
      const FlowKey key{a, static_cast<std::uint16_t>(port)};
      wire::FlowRecord record;
      if (wire::shard_of_port(plan, key.port) != shard) continue;
      if (!segment.flow_record(key).read(record) || record.generation == 0) continue;
      flows_.push_back({key, record.generation});
    }
  }
}

bool Orphans::holds(FlowKey key) const {
  const auto at = std::lower_bound(
      flows_.begin(), flows_.end(), key,
      [](const Orphan& orphan, FlowKey wanted) { return before(orphan.key, wanted); });
  return at != flows_.end() && at->key == key;
}

void Orphans::tend(Datapath& datapath, MediaPorts& ports, wire::CounterBlock& counters,
                   base::Nanos now) {
  if (flows_.empty() || now < next_look_) return;
  next_look_ = now + kLookEvery;
  const auto is_gone = [&](const Orphan& orphan) {
    wire::FlowRecord record;
    return !datapath.record(orphan.key, orphan.generation, record);
  };
  for (Orphan& orphan : flows_) {
    wire::FlowRecord record;
    if (orphan.closing || !datapath.record(orphan.key, orphan.generation, record)) continue;
    const auto heard = base::Nanos{std::max(record.last_packet_ns, record.opened_ns)};
    if (now - heard < kSilence) continue;
    orphan.closing = true;
    datapath.close_orphan(orphan.key, orphan.generation);
    counters.add(wire::Counter::flow_orphan_closed);
  }
  // A pair goes back once neither its RTP nor its RTCP port is in use; RTP ports are even.
  std::vector<Orphan> gone;
  std::copy_if(flows_.begin(), flows_.end(), std::back_inserter(gone), is_gone);
  std::erase_if(flows_, is_gone);
  for (const Orphan& orphan : gone) {
    const FlowKey rtp{orphan.key.address, static_cast<std::uint16_t>(orphan.key.port & ~1)};
    const FlowKey rtcp{rtp.address, static_cast<std::uint16_t>(rtp.port + 1)};
    // Both gone in this look: once, with the RTP port.
    const bool told_by_rtp = !(orphan.key == rtp) &&
                             std::any_of(gone.begin(), gone.end(),
                                         [rtp](const Orphan& other) { return other.key == rtp; });
    if (!told_by_rtp && !holds(rtp) && !holds(rtcp)) ports.give_back(rtp, now);
  }
}

}  // namespace tandem::media
