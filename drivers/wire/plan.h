// The part of the site file that both processes must agree on: how many workers and shards, and
// which addresses are ours, in which order. The creator of the segment writes it into the header;
// whoever attaches compares, so that two processes with different files never share a corridor.
//
// Also here, because both sides compute with it: which worker and shard own a media port, and which
// shard a SIP datagram belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "drivers/base/endpoint.h"
#include "drivers/base/result.h"
#include "drivers/wire/messages.h"

namespace tandem::base {
class SettingsTable;
}

namespace tandem::wire {

inline constexpr std::uint32_t kWorkersMax = 32;
inline constexpr std::uint32_t kShardsMax = 8;
inline constexpr std::uint32_t kAddressesMax = 16;

struct CorridorPlan {
  std::uint32_t workers = 1;
  std::uint32_t shards = 1;
  std::uint32_t address_count = 0;
  std::uint32_t reserved = 0;
  std::array<base::IpAddress, kAddressesMax> addresses{};  // one per [[port]], in the file's order

  friend bool operator==(const CorridorPlan&, const CorridorPlan&) = default;
  // The index of one of our addresses, or -1.
  int index_of(const base::IpAddress& address) const;
  std::string text() const;
};

struct CorridorSettings {
  std::string segment;  // the name under /dev/shm, "tandem"
  CorridorPlan plan;
};

// Reads [corridor] and the addresses of [[port]]; faults are left in the file.
CorridorSettings read_corridor(base::SettingsTable& root);

// RTP takes an even port and RTCP the next one: a pair never parts. Pairs are dealt out to workers
// first, then to shards.
inline std::uint32_t worker_of_port(const CorridorPlan& plan, std::uint16_t port) {
  return (port >> 1) % plan.workers;
}
inline std::uint32_t shard_of_port(const CorridorPlan& plan, std::uint16_t port) {
  return ((port >> 1) / plan.workers) % plan.shards;
}

// The shard that gets this datagram: by the Call-ID (RFC 3261 §20.8, compact form too). Ours begin
// with "s<shard>-" and lead back to their maker; others are hashed, so that all messages of a call
// meet. Without a Call-ID: shard 0, which counts and refuses it. Cheap, bounded, trusts nothing.
std::uint32_t shard_of_datagram(std::uint32_t shards, std::span<const std::byte> datagram);
// The same for a Call-ID that is known.
std::uint32_t shard_of_call_id(std::uint32_t shards, std::string_view call_id);

// BYE, ACK, CANCEL, a response: what can only belong to a call or a transaction that has begun.
// Both processes take it from suspended addresses too, or calls that are up would go on and be paid
// for.
bool belongs_to_begun(std::span<const std::byte> datagram);

}  // namespace tandem::wire
