// What a received frame is: one look at its headers, no state changed. Owner: any worker.
#pragma once

#include <cstdint>

#include "dataplane/flow_table.h"
#include "dataplane/headers.h"
#include "dataplane/local_port.h"
#include "dataplane/signal_ports.h"

namespace tandem::dataplane {

struct Arrival {
  enum class Kind : std::uint8_t {
    kDrop,      // for `reason`
    kArp,       // of the right shape or not: arp's own business
    kIcmp,      // `ip`
    kMedia,     // `udp`, on the port of an open `flow`
    kSignal,    // `udp`, on a port bound for signalling
    kFragment,  // `ip`, a piece of a UDP datagram
    kForeign,   // for `owner`, another worker: it holds the flows of that port, or the datagram's
                // other fragments
  };
  Kind kind = Kind::kDrop;
  wire::Counter reason = wire::Counter::drop_not_ip;
  std::uint16_t port = 0;  // it came in by, and whose address it bears
  std::uint32_t owner = 0;
  Ip4Packet ip;
  UdpPacket udp;
  Flow* flow = nullptr;
};

// `port_index`: by which the frame came; `port`: the same one. Only the address of that very port
// is ours here (RFC 1122 §3.3.4.2, the strong model).
Arrival classify(Bytes frame, std::uint16_t port_index, const LocalPort& port, FlowTable& flows,
                 const SignalPorts& signals);

}  // namespace tandem::dataplane
