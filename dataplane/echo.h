// ICMP echo (RFC 792), answered in place. Owner: any worker.
#pragma once

#include "dataplane/headers.h"

namespace tandem::dataplane {

// Turns an echo request into its reply, Ethernet addresses included; a fault for any other ICMP or
// one whose checksum is wrong.
Fault answer_echo(const Ip4Packet& packet);

}  // namespace tandem::dataplane
