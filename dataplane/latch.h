// From whom a flow takes packets. Its far end is where signalling says, or another port of that
// host (symmetric RTP behind a NAT); which one it is, is learned from what comes, within a short
// while, and then it is settled until signalling speaks again. Owner: the flow's worker. Addresses
// and ports in network order.
//
// What isn't authenticated proves itself by going on: the next number of the same SSRC from the
// same port. One packet, with whatever source, so moves nothing away from a source that has proven
// itself. Only the signalled port itself is believed before that, for we would send there anyway.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/flow.h"
#include "drivers/base/clock.h"

namespace tandem::dataplane {

// How long, and for how many packets of its source at most, a flow learns.
inline constexpr base::Nanos kLearningFor = base::Seconds{5};
inline constexpr std::uint8_t kLearningPackets = 50;

enum class LatchVerdict : std::uint8_t {
  kTaken,
  kLatched,   // taken, and its source is the flow's from now on
  kEarly,     // signalling hasn't named anybody yet
  kStranger,  // not from there
  kUnproven,  // perhaps, but not on this packet's word alone
};

inline bool is_source(const Flow& flow, std::uint32_t ip, std::uint16_t port) {
  return ip == flow.remote_ip && port == flow.remote_port;
}

// The usual case: known and settled.
inline bool latch_holds(const Flow& flow, std::uint32_t ip, std::uint16_t port) {
  return flow.latch_state == LatchState::kSettled && is_source(flow, ip, port);
}

// False: whatever it has in it, a packet from there isn't taken.
inline bool latch_may_take(const Flow& flow, std::uint32_t ip, std::uint16_t port) {
  if (flow.latch_state == LatchState::kSettled) return is_source(flow, ip, port);
  if (flow.signalled_ip == 0 || ip != flow.signalled_ip) return false;
  if (port == 0) return false;  // RFC 768: it takes no answer
  return flow.latch == wire::LatchRule::kSignalledIp || port == flow.signalled_port;
}

// `payload`: of the flow's kind, and authentic if the flow's party speaks SRTP. `authentic`: it is.
LatchVerdict latch_judge(Flow& flow, std::uint32_t ip, std::uint16_t port,
                         std::span<const std::byte> payload, bool authentic, base::Nanos now);

// Signalling names the far end (0: nobody yet). False: it already was the one named, and nothing
// changes; else the latch learns anew, and `next_hop` is the caller's to renew.
bool latch_signal(Flow& flow, std::uint32_t ip, std::uint16_t port);

// The far end was described anew, or sends something else from now on: its source is the one that
// it was, if that goes on, or another one that proves itself before.
void latch_renew(Flow& flow, base::Nanos now);

}  // namespace tandem::dataplane
