// The corridor between one worker and one signalling shard: four rings.
//
//   punt      worker → shard   datagrams received: SIP, and DTLS of media ports
//   events    worker → shard   what happened to flows
//   inject    shard → worker   datagrams to send
//   commands  shard → worker   flows to open, update, close; addresses to listen on
//
// Each ring has one producing and one consuming thread. WorkerEnd belongs to the worker's thread,
// ControlEnd to the shard's.
#pragma once

#include "drivers/wire/byte_ring.h"
#include "drivers/wire/messages.h"
#include "drivers/wire/ring.h"

namespace tandem::wire {

using CommandRing = Ring<Command, 8192>;
using EventRing = Ring<Event, 8192>;

inline constexpr std::size_t kChannelBytes =
    2 * ByteRing::kBytes + CommandRing::kBytes + EventRing::kBytes;
static_assert(kChannelBytes % 64 == 0);

struct WorkerEnd {
  ByteRing punt;         // producer
  EventRing events;      // producer
  ByteRing inject;       // consumer
  CommandRing commands;  // consumer

  // Takes this end; commands and datagrams meant for a former life are thrown away.
  void attach();
};

struct ControlEnd {
  ByteRing punt;         // consumer
  EventRing events;      // consumer
  ByteRing inject;       // producer
  CommandRing commands;  // producer

  // Takes this end; returns the octets of datagrams that nobody read.
  std::uint64_t attach();
};

// `memory`: kChannelBytes, 64-byte aligned. format() once, by the segment's creator.
void format_channel(std::byte* memory);
WorkerEnd worker_end(std::byte* memory);
ControlEnd control_end(std::byte* memory);

}  // namespace tandem::wire
