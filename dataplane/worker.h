// One worker: the loop and the order of its stages, which is decided here and nowhere else. Runs on
// a CPU of its own over queue `index` of every port. Sole writer of its flows, counters, records
// and of its ends of the rings. Its loop takes no lock, no memory but packets from the pool, makes
// no system call and logs nothing: what goes wrong is counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/arp.h"
#include "dataplane/cipher_stage.h"
#include "dataplane/classify.h"
#include "dataplane/commands.h"
#include "dataplane/dtls_gate.h"
#include "dataplane/egress.h"
#include "dataplane/flood_guard.h"
#include "dataplane/flow_table.h"
#include "dataplane/fragments.h"
#include "dataplane/local_port.h"
#include "dataplane/neighbor.h"
#include "dataplane/payload_keys.h"
#include "dataplane/player.h"
#include "dataplane/punt.h"
#include "dataplane/records.h"
#include "dataplane/signal_ports.h"
#include "dataplane/srtp_sessions.h"
#include "dataplane/sweep.h"
#include "drivers/base/clock.h"
#include "drivers/crypto/ipsec_mb.h"
#include "drivers/port/tsc_clock.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/plan.h"
#include "drivers/wire/segment.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace tandem::dataplane {

// All that a worker works with; made by main before it starts, and outliving it.
struct WorkerParts {
  std::uint32_t index = 0;
  std::uint32_t cpu = 0;
  wire::CorridorPlan plan;
  std::span<const LocalPort> ports;
  std::span<Flow> flow_memory;
  std::span<SrtpSession> srtp_memory;
  rte_mempool* pool = nullptr;
  NeighborTable* neighbors = nullptr;
  ReportRing reports;  // producer
  OrderRing orders;    // consumer
  // Packets for another worker, by worker; this worker's own place is null.
  std::vector<rte_ring*> handover_tx;     // producer
  std::vector<rte_ring*> handover_rx;     // consumer
  std::vector<wire::WorkerEnd> channels;  // by shard
  wire::WorkerPage* page = nullptr;
  FlowRecords records;
  const wire::SoundBank* sounds = nullptr;
  std::uint16_t first_ip_id = 0;  // of datagrams sent in fragments; unguessable
  std::uint64_t guard_seed = 0;   // unguessable
  std::uint64_t player_seed = 0;  // likewise
  std::optional<crypto::IpsecMb> crypto;
};

class Worker {
 public:
  explicit Worker(WorkerParts parts);

  // Until `stop`. On the worker's own thread.
  void run(const std::atomic<bool>& stop, const port::TscClock& clock);
  // One pass over all stages.
  void turn(base::Nanos now);

 private:
  static constexpr std::uint16_t kBurst = 32;

  // Each returns how much work it found.
  std::uint32_t obey_commands(base::Nanos now);
  std::uint32_t obey_orders();
  std::uint32_t receive_handed_over(base::Nanos now);
  std::uint32_t receive(std::uint16_t port, base::Nanos now);
  std::uint32_t inject(base::Nanos now);
  std::uint32_t play(base::Nanos now);

  void handle_burst(std::span<rte_mbuf*> packets, base::Nanos now);
  void seal_burst(base::Nanos now);
  void handle(rte_mbuf* packet, Arrival& arrival, base::Nanos now);
  void handle_arp(rte_mbuf* packet, const Arrival& arrival);
  void handle_icmp(rte_mbuf* packet, const Arrival& arrival);
  void handle_media(rte_mbuf* packet, Arrival& arrival, base::Nanos now);
  void handle_dtls(rte_mbuf* packet, const Arrival& arrival, base::Nanos now);
  void handle_signal(rte_mbuf* packet, const Arrival& arrival, base::Nanos now);
  void handle_fragment(rte_mbuf* packet, const Arrival& arrival, base::Nanos now);
  // What was put together from fragments.
  void handle_whole(const Arrival& arrival, base::Nanos now);
  void send_played(const Player::Packet& played, base::Nanos now);
  void hand_over(rte_mbuf* packet, const Arrival& arrival);
  void tell_latched(const Flow& flow);
  void inject_one(const wire::ByteRing::View& datagram, base::Nanos now);
  void inject_in_fragments(const Injection& way, const wire::ByteRing::View& datagram,
                           base::Nanos now);
  void account(std::uint32_t work, base::Nanos now);
  void show_self();
  void drop(rte_mbuf* packet, wire::Counter reason);

  WorkerParts parts_;
  wire::CounterBlock& counters_;
  NeighborTalk talk_;
  FlowTable flows_;
  SignalPorts signals_;
  FloodGuard guard_;
  DtlsGate dtls_gate_;
  PayloadKeys keys_;
  SrtpSessions srtp_;
  CipherStage ciphers_;
  Player player_;
  Commands commands_;
  Egress egress_;
  Fragments fragments_;
  Sweep sweep_;
  wire::WorkerRecord record_;
  std::uint16_t next_ip_id_;
  base::Nanos turn_began_{};
  bool turn_was_busy_ = false;
  std::uint64_t ring_faults_ = 0;
  std::uint64_t table_refusals_ = 0;
};

}  // namespace tandem::dataplane
