#include "dataplane/egress.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace tandem::dataplane {
namespace {

using wire::Counter;

// How often the waiting room is looked through when the neighbour table doesn't change.
constexpr base::Nanos kReview = base::Millis{10};

}  // namespace

Egress::Egress(std::span<const LocalPort> ports, std::uint16_t queue, NeighborTalk talk,
               wire::CounterBlock& counters)
    : ports_(ports), queue_(queue), talk_(talk), counters_(counters), queues_(ports.size()) {}

Egress::~Egress() {
  for (Queue& queue : queues_) rte_pktmbuf_free_bulk(queue.packets.data(), queue.count);
  room_.review([](const WaitingRoom::Guest& guest) {
    rte_pktmbuf_free(guest.packet);
    return true;
  });
}

void Egress::send_to(std::uint16_t port, std::uint32_t next_hop, rte_mbuf* packet,
                     base::Nanos now) {
  if (next_hop == 0) return drop(packet, Counter::drop_no_route);
  // Nobody overtakes those who wait for the same hop.
  if (room_.empty() || !room_.holds(port, next_hop)) {
    const Neighbor neighbor = talk_.use(port, next_hop);
    if (neighbor.state == NeighborState::kKnown) {
      return address_and_send(port, neighbor.mac, packet);
    }
  }
  wait(port, next_hop, packet, now);
}

void Egress::address_and_send(std::uint16_t port, const rte_ether_addr& mac, rte_mbuf* packet) {
  auto* ether = rte_pktmbuf_mtod(packet, rte_ether_hdr*);
  ether->dst_addr = mac;
  ether->src_addr = ports_[port].mac;
  send(port, packet);
}

void Egress::wait(std::uint16_t port, std::uint32_t next_hop, rte_mbuf* packet, base::Nanos now) {
  WaitingRoom::Guest guest;
  guest.packet = packet;
  guest.since = now;
  guest.next_hop = next_hop;
  guest.port = port;
  if (!room_.add(guest)) return drop(packet, Counter::drop_neighbor_queue_full);
  counters_.add(Counter::waited_for_neighbor);
  talk_.want(port, next_hop);
}

void Egress::review(base::Nanos now) {
  if (room_.empty()) return;
  const std::uint32_t version = talk_.version();
  if (version == seen_version_ && now < next_review_) return;
  seen_version_ = version;
  next_review_ = now + kReview;
  room_.review([&](const WaitingRoom::Guest& guest) {
    const Neighbor neighbor = talk_.use(guest.port, guest.next_hop);
    if (neighbor.state == NeighborState::kKnown) {
      address_and_send(guest.port, neighbor.mac, guest.packet);
      return true;
    }
    if (now - guest.since >= WaitingRoom::kPatience) {
      drop(guest.packet, Counter::drop_neighbor_silent);
      return true;
    }
    // A failed one was wanted when the guest came; it isn't asked for again on the same behalf.
    if (neighbor.state == NeighborState::kAbsent) talk_.want(guest.port, guest.next_hop);
    return false;
  });
}

void Egress::send(std::uint16_t port, rte_mbuf* packet) {
  Queue& queue = queues_[port];
  queue.packets[queue.count++] = packet;
  if (queue.count == Queue::kPackets) flush(port);
}

void Egress::flush() {
  for (std::uint16_t port = 0; port < queues_.size(); ++port) {
    if (queues_[port].count != 0) flush(port);
  }
}

void Egress::flush(std::uint16_t port) {
  Queue& queue = queues_[port];
  std::array<std::uint32_t, Queue::kPackets> octets;
  for (std::uint16_t i = 0; i < queue.count; ++i) octets[i] = queue.packets[i]->pkt_len;
  const std::uint16_t sent =
      rte_eth_tx_burst(ports_[port].device, queue_, queue.packets.data(), queue.count);
  std::uint64_t sent_octets = 0;
  for (std::uint16_t i = 0; i < sent; ++i) sent_octets += octets[i];
  counters_.add(Counter::tx_packets, sent);
  counters_.add(Counter::tx_octets, sent_octets);
  if (sent < queue.count) {
    counters_.add(Counter::drop_tx_full, queue.count - sent);
    rte_pktmbuf_free_bulk(&queue.packets[sent], queue.count - sent);
  }
  queue.count = 0;
}

void Egress::drop(rte_mbuf* packet, Counter reason) {
  counters_.add(reason);
  rte_pktmbuf_free(packet);
}

}  // namespace tandem::dataplane
