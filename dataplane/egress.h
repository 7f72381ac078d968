// The way out of one worker: next hop → MAC (or the waiting room), then a send queue per port that
// is flushed once a turn or when it is full. Owns every packet given to it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/local_port.h"
#include "dataplane/neighbor.h"
#include "dataplane/waiting_room.h"
#include "drivers/base/clock.h"
#include "drivers/wire/counters.h"

struct rte_mbuf;

namespace tandem::dataplane {

class Egress {
 public:
  // `queue`: this worker's send queue on every port.
  Egress(std::span<const LocalPort> ports, std::uint16_t queue, NeighborTalk talk,
         wire::CounterBlock& counters);
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  ~Egress();

  // To the next hop's MAC, now or when it is known. The Ethernet addresses are filled in here.
  void send_to(std::uint16_t port, std::uint32_t next_hop, rte_mbuf* packet, base::Nanos now);
  // As it is.
  void send(std::uint16_t port, rte_mbuf* packet);

  // Once a turn: lets go who may, and sends.
  void review(base::Nanos now);
  void flush();

 private:
  struct Queue {
    static constexpr std::uint16_t kPackets = 64;
    std::array<rte_mbuf*, kPackets> packets;
    std::uint16_t count = 0;
  };

  void address_and_send(std::uint16_t port, const rte_ether_addr& mac, rte_mbuf* packet);
  void wait(std::uint16_t port, std::uint32_t next_hop, rte_mbuf* packet, base::Nanos now);
  void flush(std::uint16_t port);
  void drop(rte_mbuf* packet, wire::Counter reason);

  std::span<const LocalPort> ports_;
  std::uint16_t queue_;
  NeighborTalk talk_;
  wire::CounterBlock& counters_;
  std::vector<Queue> queues_;
  WaitingRoom room_;
  std::uint32_t seen_version_ = 0;
  base::Nanos next_review_{};
};

}  // namespace tandem::dataplane
