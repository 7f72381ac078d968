#include "dataplane/flow.h"

#include <rte_byteorder.h>

namespace tandem::dataplane {

Flow* Flow::companion() const {
  if (beside == nullptr || beside->generation == 0 || beside->cookie != cookie ||
      beside->shard != shard) {
    return nullptr;
  }
  const bool pair = (kind == wire::FlowKind::kRtcp) != (beside->kind == wire::FlowKind::kRtcp);
  return pair ? beside : nullptr;
}

wire::FlowFigures Flow::figures() const {
  wire::FlowFigures out;
  meter.read(clock_khz, out);
  out.refused = refused;
  out.opaque = opaque;
  out.relayed = relayed;
  return out;
}

wire::FlowRecord Flow::record() const {
  wire::FlowRecord out;
  out.generation = generation;
  out.cookie = cookie;
  out.peer = peer->key;
  out.kind = kind;
  out.latched = latch_state != LatchState::kOpen ? 1 : 0;
  out.srtp_suite = srtp_suite;
  if (remote_ip != 0) {
    out.remote.address = base::IpAddress::ip4_raw(remote_ip);
    out.remote.port = rte_be_to_cpu_16(remote_port);
  }
  out.opened_ns = opened_ns;
  out.last_packet_ns = last_packet_ns;
  out.figures = figures();
  out.report = report();
  return out;
}

}  // namespace tandem::dataplane
