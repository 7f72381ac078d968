// From whom a flow takes packets: by its rule until the first good one, afterwards only from that
// packet's source. Owner: the flow's worker. Addresses and ports in network order.
#pragma once

#include <cstdint>

#include "dataplane/flow.h"

namespace tandem::dataplane {

inline bool latch_accepts(const Flow& flow, std::uint32_t source_ip, std::uint16_t source_port) {
  if (flow.locked) return source_ip == flow.remote_ip && source_port == flow.remote_port;
  if (flow.signalled_ip == 0 || source_ip != flow.signalled_ip) return false;
  if (source_port == 0) return false;  // RFC 768: it takes no answer
  return flow.latch == wire::LatchRule::kSignalledIp || source_port == flow.signalled_port;
}

// The first good packet came from here. REQUIRES: latch_accepts() it.
inline void latch_lock(Flow& flow, std::uint32_t source_ip, std::uint16_t source_port) {
  flow.remote_ip = source_ip;
  flow.remote_port = source_port;
  flow.locked = true;
}

// Signalling names the far end (0: nobody yet). False: it already was the one named, and nothing
// changes; else the latch learns anew, and `next_hop` is the caller's to renew.
inline bool latch_signal(Flow& flow, std::uint32_t ip, std::uint16_t port) {
  if (flow.signalled_ip == ip && flow.signalled_port == port) return false;
  flow.signalled_ip = flow.remote_ip = ip;
  flow.signalled_port = flow.remote_port = port;
  flow.locked = false;
  return true;
}

}  // namespace tandem::dataplane
