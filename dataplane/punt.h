// SIP over UDP, and DTLS of media ports, between a port and the signalling shards: up as datagrams,
// down as frames. Owner: the worker, which is the producer of the punt rings and the consumer of
// the inject rings.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/headers.h"
#include "dataplane/local_port.h"
#include "drivers/base/clock.h"
#include "drivers/wire/channel.h"

namespace tandem::dataplane {

// Gives the datagram to its shard (`channels`: one per shard), unless its checksum is wrong or the
// ring is full.
Fault punt(const UdpPacket& packet, std::span<wire::WorkerEnd> channels, base::Nanos now);
// The same with a flow's DTLS, for the shard that opened the flow.
Fault punt_dtls(const UdpPacket& packet, wire::WorkerEnd& channel, base::Nanos now);

// How a datagram of the control plane leaves.
struct Injection {
  Fault fault;
  std::uint16_t port = 0;
  std::uint32_t next_hop = 0;  // 0: no way there
  UdpAddresses addresses;
  std::size_t frame_bytes = 0;  // in one piece; the port's MTU may be less
};
Injection plan_injection(const wire::DatagramHead& head, std::size_t payload_bytes,
                         std::span<const LocalPort> ports);

}  // namespace tandem::dataplane
