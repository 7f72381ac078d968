// What happens to a packet on an open flow's port: from whom (latch), is it what the flow carries,
// measure it, turn it into a packet of the peer flow. Changes the packet in place; sends nothing.
// Owner: the worker of both flows.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/flow.h"
#include "dataplane/headers.h"
#include "dataplane/local_port.h"
#include "drivers/base/clock.h"

namespace tandem::dataplane {

struct Relayed {
  Fault fault;               // set: the packet ends here
  bool latched = false;      // this packet's source is the flow's from now on
  bool unread = false;       // RTCP that makes no sense; relayed as any other
  const Flow* to = nullptr;  // to whose far end it goes; set unless it ends here
  std::uint16_t port = 0;    // to leave by
  std::uint32_t next_hop = 0;
};

// `ports`: all of ours; the packet came in by the one of the flow's address.
Relayed relay(UdpPacket& packet, Flow& flow, std::span<const LocalPort> ports, base::Nanos now);

}  // namespace tandem::dataplane
