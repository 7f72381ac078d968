#include "controlplane/media/orphans.h"

#include <algorithm>
#include <iterator>

namespace tandem::media {
namespace {

bool before(FlowKey a, FlowKey b) {
  return a.address != b.address ? a.address < b.address : a.port < b.port;
}

}  // namespace

Orphans::Orphans(const wire::Segment& segment, std::uint32_t shard) : segment_(segment) {
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

bool Orphans::is_gone(const Orphan& orphan) const {
  wire::FlowRecord record;
  return segment_.flow_record(orphan.key).read(record) && record.generation != orphan.generation;
}

// This direction or the other one: who listens in silence is still in a call.
bool Orphans::heard_since(const Orphan& orphan, base::Nanos since) const {
  wire::FlowRecord own;
  wire::FlowRecord peer;
  if (!segment_.flow_record(orphan.key).read(own)) return true;  // ask again later
  const auto last = [](const wire::FlowRecord& record) {
    return base::Nanos{std::max(record.last_packet_ns, record.opened_ns)};
  };
  if (last(own) >= since) return true;
  const bool has_peer = own.peer.address < segment_.plan().address_count &&
                        segment_.flow_record(own.peer).read(peer) && peer.generation != 0;
  return has_peer && last(peer) >= since;
}

void Orphans::tend(Datapath& datapath, MediaPorts& ports, wire::CounterBlock& counters,
                   base::Nanos now) {
  if (flows_.empty() || now < next_look_) return;
  next_look_ = now + kLookEvery;
  for (Orphan& orphan : flows_) {
    if (orphan.closing || is_gone(orphan) || heard_since(orphan, now - kSilence)) continue;
    orphan.closing = true;
    datapath.close_orphan(orphan.key, orphan.generation);
    counters.add(wire::Counter::flow_orphan_closed);
  }
  // A pair goes back once neither its RTP nor its RTCP port is in use. `gone` is in the order of
  // flows_, so both of a pair stand side by side and the pair is given back with the first.
  std::vector<Orphan> gone;
  std::copy_if(flows_.begin(), flows_.end(), std::back_inserter(gone),
               [this](const Orphan& orphan) { return is_gone(orphan); });
  std::erase_if(flows_, [&](const Orphan& orphan) {
    return std::binary_search(
        gone.begin(), gone.end(), orphan,
        [](const Orphan& a, const Orphan& b) { return before(a.key, b.key); });
  });
  if (!ports.has_rtcp()) {
    for (const Orphan& orphan : gone) ports.give_back(orphan.key, now);
    return;
  }
  FlowKey given_back{};
  for (const Orphan& orphan : gone) {
    const FlowKey rtp{orphan.key.address, static_cast<std::uint16_t>(orphan.key.port & ~1)};
    const FlowKey rtcp{rtp.address, static_cast<std::uint16_t>(rtp.port + 1)};
    if (rtp == given_back || holds(rtp) || holds(rtcp)) continue;
    ports.give_back(rtp, now);
    given_back = rtp;
  }
}

}  // namespace tandem::media
