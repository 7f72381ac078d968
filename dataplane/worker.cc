#include "dataplane/worker.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/cutter.h"
#include "dataplane/echo.h"
#include "dataplane/latch.h"
#include "dataplane/relay.h"
#include "drivers/crypto/octets.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

// Most that one turn takes from a ring of the control plane, so that media never waits long.
constexpr std::size_t kCommandsPerTurn = 32;
constexpr int kDatagramsPerTurn = 16;
constexpr std::size_t kOrdersPerTurn = 16;
// Of what the switch itself plays: as much as a worker could relay in that time.
constexpr std::uint32_t kPlayedPerTurn = 256;

// What lies in the packet's first segment; ports are set up so that a whole frame does.
Bytes bytes_of(rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, std::byte*), packet->data_len};
}

// Cuts the padding of a short Ethernet frame off.
void set_length(rte_mbuf* packet, std::size_t bytes) {
  packet->data_len = static_cast<std::uint16_t>(bytes);
  packet->pkt_len = packet->data_len;
}

// Octets that it may grow by, and still leave by this port.
std::size_t room_behind(const rte_mbuf* packet, const LocalPort& port) {
  const std::size_t fits = kEtherBytes + port.mtu - packet->data_len;
  return std::min<std::size_t>(rte_pktmbuf_tailroom(packet), fits);
}

// An empty packet of this length, or nullptr when the pool is empty.
rte_mbuf* make_packet(rte_mempool* pool, std::size_t bytes) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool);
  if (packet != nullptr) set_length(packet, bytes);
  return packet;
}

// A party's word for the control plane on how its SRTP is keyed (RFC 5764): only where there is
// SRTP at all.
bool is_handshake(const Arrival& arrival) {
  return arrival.flow->srtp != SrtpSessions::kNone &&
         arrival.flow->kind != wire::FlowKind::kOpaque && is_dtls(arrival.udp.payload);
}

// From a source that the flow takes, whom it doesn't lock onto: who is authentic shows later.
Fault punt_handshake(const Arrival& arrival, DtlsGate& gate, std::span<wire::WorkerEnd> channels,
                     base::Nanos now) {
  Flow& flow = *arrival.flow;
  if (!latch_may_take(flow, arrival.udp.ip->src_addr, arrival.udp.udp->src_port)) {
    ++flow.refused;
    return {Counter::drop_media_stranger};
  }
  if (!gate.passes(flow.dtls, now)) return {Counter::drop_dtls_flood};
  return punt_dtls(arrival.udp, channels[flow.shard], now);
}

}  // namespace

Worker::Worker(WorkerParts parts)
    : parts_(std::move(parts)),
      counters_(parts_.page->counters),
      talk_(*parts_.neighbors, parts_.reports),
      flows_(parts_.flow_memory, parts_.plan, parts_.index),
      signals_(parts_.plan.address_count),
      guard_(parts_.guard_seed),
      keys_(*parts_.crypto, parts_.plan.shards),
      srtp_(*parts_.crypto, parts_.srtp_memory),
      ciphers_(*parts_.crypto, keys_, srtp_, counters_),
      player_(*parts_.sounds, parts_.channels, counters_, parts_.player_seed),
      commands_(parts_.ports, flows_, signals_, guard_, keys_, srtp_, player_, parts_.records,
                talk_, counters_),
      egress_(parts_.ports, static_cast<std::uint16_t>(parts_.index), talk_, counters_),
      fragments_(counters_),
      sweep_(flows_, parts_.records),
      next_ip_id_(parts_.first_ip_id) {
  CHECK(parts_.ports.size() == parts_.plan.address_count);
  CHECK(parts_.channels.size() == parts_.plan.shards);
  record_.lcore = parts_.cpu;
}

void Worker::run(const std::atomic<bool>& stop, const port::TscClock& clock) {
  port::TscReader time(clock);
  while (!stop.load(std::memory_order_relaxed)) {
    turn(time.now());
    if (!turn_was_busy_) rte_pause();
  }
}

void Worker::turn(base::Nanos now) {
  std::uint32_t work = obey_commands(now);
  work += obey_orders();
  egress_.review(now);
  fragments_.review(now);
  guard_.tend(now);
  work += receive_handed_over(now);
  for (std::uint16_t port = 0; port < parts_.ports.size(); ++port) work += receive(port, now);
  work += play(now);
  work += inject(now);
  egress_.flush();
  account(work, now);
  if (sweep_.turn(now)) show_self();
}

std::uint32_t Worker::obey_commands(base::Nanos now) {
  std::uint32_t work = 0;
  wire::Command commands[kCommandsPerTurn];
  for (std::size_t shard = 0; shard < parts_.channels.size(); ++shard) {
    wire::WorkerEnd& channel = parts_.channels[shard];
    if (channel.commands.count() == 0) continue;
    const std::uint32_t count = channel.commands.dequeue(commands);
    for (std::uint32_t i = 0; i < count; ++i) {
      commands_.obey(commands[i], static_cast<std::uint8_t>(shard), channel.events, now);
      if (commands[i].kind == wire::CommandKind::kSetPayloadKey ||
          commands[i].kind == wire::CommandKind::kSetSrtp) {
        crypto::wipe(&commands[i], sizeof commands[i]);
      }
    }
    work += count;
  }
  return work;
}

std::uint32_t Worker::obey_orders() {
  if (parts_.orders.count() == 0) return 0;
  NeighborOrder orders[kOrdersPerTurn];
  const std::uint32_t count = parts_.orders.dequeue(orders);
  for (std::uint32_t i = 0; i < count; ++i) {
    rte_mbuf* packet = make_packet(parts_.pool, kArpFrameBytes);
    if (packet == nullptr) {
      counters_.add(Counter::drop_no_buffer);
      continue;
    }
    build_arp_request(bytes_of(packet), orders[i], parts_.ports[orders[i].port]);
    egress_.send(orders[i].port, packet);
    counters_.add(Counter::arp_asked);
  }
  return count;
}

std::uint32_t Worker::receive_handed_over(base::Nanos now) {
  std::uint32_t work = 0;
  rte_mbuf* packets[kBurst];
  for (rte_ring* ring : parts_.handover_rx) {
    if (ring == nullptr) continue;
    const unsigned count =
        rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(packets), kBurst, nullptr);
    if (count != 0) handle_burst({packets, count}, now);
    work += count;
  }
  return work;
}

std::uint32_t Worker::receive(std::uint16_t port, base::Nanos now) {
  rte_mbuf* packets[kBurst];
  const std::uint16_t count = rte_eth_rx_burst(
      parts_.ports[port].device, static_cast<std::uint16_t>(parts_.index), packets, kBurst);
  if (count == 0) return 0;
  std::uint64_t octets = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    packets[i]->port = port;  // our number for it: it goes with the packet to another worker
    octets += packets[i]->pkt_len;
    rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
  }
  counters_.add(Counter::rx_packets, count);
  counters_.add(Counter::rx_octets, octets);
  handle_burst({packets, count}, now);
  return count;
}

// Two passes, so that the flows of a burst are on their way into the cache while its headers are
// still being read. What is encrypted is worked on between them and after them, all at once.
void Worker::handle_burst(std::span<rte_mbuf*> packets, base::Nanos now) {
  static_assert(kBurst <= CipherStage::kMax);
  Arrival arrivals[kBurst];
  bool encrypted = false;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const std::uint16_t port = packets[i]->port;
    arrivals[i] = classify(bytes_of(packets[i]), port, parts_.ports[port], flows_, signals_);
    if (arrivals[i].flow != nullptr) {
      rte_prefetch0(&arrivals[i].flow->meter);
      rte_prefetch0(arrivals[i].flow->peer);
      encrypted |= CipherStage::concerns(*arrivals[i].flow);
    }
  }
  if (encrypted) ciphers_.open({arrivals, packets.size()});
  for (std::size_t i = 0; i < packets.size(); ++i) handle(packets[i], arrivals[i], now);
  if (ciphers_.holds_any()) seal_burst(now);
}

void Worker::seal_burst(base::Nanos now) {
  for (const CipherStage::Kept& kept : ciphers_.seal()) {
    if (kept.fault) {
      drop(kept.packet, kept.fault.reason);
      continue;
    }
    set_length(kept.packet, kept.udp.frame_bytes());
    egress_.send_to(kept.port, kept.next_hop, kept.packet, now);
  }
}

void Worker::handle(rte_mbuf* packet, Arrival& arrival, base::Nanos now) {
  switch (arrival.kind) {
    case Arrival::Kind::kMedia:
      return handle_media(packet, arrival, now);
    case Arrival::Kind::kForeign:
      return hand_over(packet, arrival);
    case Arrival::Kind::kSignal:
      return handle_signal(packet, arrival, now);
    case Arrival::Kind::kFragment:
      return handle_fragment(packet, arrival, now);
    case Arrival::Kind::kArp:
      return handle_arp(packet, arrival);
    case Arrival::Kind::kIcmp:
      return handle_icmp(packet, arrival);
    case Arrival::Kind::kDrop:
      return drop(packet, arrival.reason);
  }
}

void Worker::handle_media(rte_mbuf* packet, Arrival& arrival, base::Nanos now) {
  Flow& flow = *arrival.flow;
  if (is_handshake(arrival)) return handle_dtls(packet, arrival, now);
  const Relayed relayed = relay(arrival.udp, flow, parts_.ports, now);
  if (relayed.latched) {
    counters_.add(Counter::flows_latched);
    tell_latched(flow);
  }
  if (relayed.fault) return drop(packet, relayed.fault.reason);
  if (Player::concerns(flow)) {
    if (const Fault fault = player_.pass(arrival.udp, flow, now)) {
      --flow.relayed;
      return drop(packet, fault.reason);
    }
  }
  if (relayed.unread) counters_.add(Counter::rtcp_malformed);
  counters_.add(flow.kind == wire::FlowKind::kOpaque ? Counter::media_opaque_relayed
                                                     : Counter::media_relayed);
  set_length(packet, arrival.udp.frame_bytes());
  if (CipherStage::concerns(*relayed.to)) {
    const std::size_t room = room_behind(packet, parts_.ports[relayed.port]);
    if (ciphers_.keep(packet, arrival.udp, flow.kind, *relayed.to, relayed, room)) return;
  }
  egress_.send_to(relayed.port, relayed.next_hop, packet, now);
}

void Worker::tell_latched(const Flow& flow) {
  wire::Event event;
  event.kind = wire::EventKind::kFlowLatched;
  event.latched = {};
  event.latched.key = flow.key;
  event.latched.generation = flow.generation;
  event.latched.cookie = flow.cookie;
  event.latched.source.address = base::IpAddress::ip4_raw(flow.remote_ip);
  event.latched.source.port = rte_be_to_cpu_16(flow.remote_port);
  if (!parts_.channels[flow.shard].events.enqueue(event)) {
    counters_.add(Counter::drop_event_full);
  }
}

void Worker::handle_dtls(rte_mbuf* packet, const Arrival& arrival, base::Nanos now) {
  const Fault fault = punt_handshake(arrival, dtls_gate_, parts_.channels, now);
  counters_.add(fault ? fault.reason : Counter::dtls_punted);
  rte_pktmbuf_free(packet);
}

void Worker::handle_signal(rte_mbuf* packet, const Arrival& arrival, base::Nanos now) {
  if (guard_.drops(arrival.ip.ip->src_addr, now) && !guard_.passes(arrival.udp.payload, now)) {
    return drop(packet, Counter::drop_suspended);
  }
  if (const Fault fault = punt(arrival.udp, parts_.channels, now)) {
    return drop(packet, fault.reason);
  }
  counters_.add(Counter::signal_punted);
  rte_pktmbuf_free(packet);
}

void Worker::handle_fragment(rte_mbuf* packet, const Arrival& arrival, base::Nanos now) {
  // Here already: what is put together is signalling, or hardly ever worth it.
  if (guard_.drops(arrival.ip.ip->src_addr, now)) return drop(packet, Counter::drop_suspended);
  const Bytes whole = fragments_.add(arrival.ip, now);
  rte_pktmbuf_free(packet);
  if (whole.empty()) return;
  const std::uint16_t port = arrival.port;
  handle_whole(classify(whole, port, parts_.ports[port], flows_, signals_), now);
}

// Media is sent in packets that fit: what doesn't isn't worth a way through the relay. A large
// certificate may not.
void Worker::handle_whole(const Arrival& arrival, base::Nanos now) {
  Fault fault{Counter::drop_media_fragment};
  if (arrival.kind == Arrival::Kind::kDrop) fault = {arrival.reason};
  Counter done = Counter::signal_punted;
  if (arrival.kind == Arrival::Kind::kSignal) fault = punt(arrival.udp, parts_.channels, now);
  if (arrival.kind == Arrival::Kind::kMedia && is_handshake(arrival)) {
    fault = punt_handshake(arrival, dtls_gate_, parts_.channels, now);
    done = Counter::dtls_punted;
  }
  counters_.add(fault ? fault.reason : done);
}

void Worker::handle_arp(rte_mbuf* packet, const Arrival& arrival) {
  const LocalPort& port = parts_.ports[arrival.port];
  const ArpHeard heard = hear_arp(bytes_of(packet), arrival.port, port);
  if (heard.fault) return drop(packet, heard.fault.reason);
  if (heard.learned) {
    counters_.add(Counter::arp_learned);
    talk_.report(heard.report);
  }
  if (!heard.answer) return rte_pktmbuf_free(packet);
  arp_answer(bytes_of(packet), port);
  set_length(packet, kArpFrameBytes);
  counters_.add(Counter::arp_answered);
  egress_.send(arrival.port, packet);
}

void Worker::handle_icmp(rte_mbuf* packet, const Arrival& arrival) {
  if (const Fault fault = answer_echo(arrival.ip)) return drop(packet, fault.reason);
  set_length(packet, arrival.ip.frame_bytes());
  counters_.add(Counter::icmp_echo_answered);
  egress_.send(arrival.port, packet);
}

void Worker::hand_over(rte_mbuf* packet, const Arrival& arrival) {
  rte_ring* ring = parts_.handover_tx[arrival.owner];
  if (rte_ring_sp_enqueue(ring, packet) != 0) return drop(packet, Counter::drop_handover_full);
  counters_.add(Counter::handed_over);
}

std::uint32_t Worker::inject(base::Nanos now) {
  std::uint32_t work = 0;
  for (wire::WorkerEnd& channel : parts_.channels) {
    wire::ByteRing::View datagram;
    for (int i = 0; i < kDatagramsPerTurn && channel.inject.front(datagram); ++i) {
      inject_one(datagram, now);
      channel.inject.pop();
      ++work;
    }
  }
  return work;
}

void Worker::inject_one(const wire::ByteRing::View& datagram, base::Nanos now) {
  const Injection way = plan_injection(datagram.head, datagram.payload.size(), parts_.ports);
  if (way.fault) return counters_.add(way.fault.reason);
  if (way.frame_bytes - kEtherBytes > parts_.ports[way.port].mtu) {
    return inject_in_fragments(way, datagram, now);
  }
  rte_mbuf* packet = make_packet(parts_.pool, way.frame_bytes);
  if (packet == nullptr) return counters_.add(Counter::drop_no_buffer);
  const Bytes frame = bytes_of(packet);
  if (!datagram.payload.empty()) {
    std::memcpy(frame.data() + kUdpFrameBytes, datagram.payload.data(), datagram.payload.size());
  }
  build_udp(frame, way.addresses, datagram.head.tos);
  const bool dtls = datagram.head.kind == wire::DatagramKind::kDtls;
  counters_.add(dtls ? Counter::dtls_injected : Counter::signal_injected);
  egress_.send_to(way.port, way.next_hop, packet, now);
}

// All of its fragments or none.
void Worker::inject_in_fragments(const Injection& way, const wire::ByteRing::View& datagram,
                                 base::Nanos now) {
  const Cutter cutter(way.addresses, datagram.head.tos, next_ip_id_++, datagram.payload,
                      parts_.ports[way.port].mtu);
  const auto pieces = static_cast<unsigned>(cutter.pieces());
  rte_mbuf* packets[Cutter::kPiecesMax];
  if (rte_pktmbuf_alloc_bulk(parts_.pool, packets, pieces) != 0) {
    return counters_.add(Counter::drop_no_buffer);
  }
  counters_.add(Counter::signal_injected);
  counters_.add(Counter::fragments_sent, pieces);
  for (unsigned piece = 0; piece < pieces; ++piece) {
    set_length(packets[piece], cutter.frame_bytes(piece));
    cutter.write(piece, bytes_of(packets[piece]));
    egress_.send_to(way.port, way.next_hop, packets[piece], now);
  }
}

// What is to be enciphered waits for others of its kind, as in a burst that came.
std::uint32_t Worker::play(base::Nanos now) {
  std::uint32_t work = 0;
  Player::Packet played;
  for (; work < kPlayedPerTurn && player_.next(now, played); ++work) {
    if (played.size != 0) send_played(played, now);
    if (ciphers_.is_full()) seal_burst(now);
  }
  if (ciphers_.holds_any()) seal_burst(now);
  return work;
}

void Worker::send_played(const Player::Packet& played, base::Nanos now) {
  const Flow& flow = *played.flow;
  if (flow.remote_ip == 0) return;  // on hold, or not known yet
  const Relayed way{.fault = {}, .port = flow.key.address, .next_hop = flow.next_hop};
  const LocalPort& port = parts_.ports[way.port];
  if (way.next_hop == 0) return counters_.add(Counter::drop_no_route);
  rte_mbuf* packet = make_packet(parts_.pool, kUdpFrameBytes + played.size);
  if (packet == nullptr) return counters_.add(Counter::drop_no_buffer);
  const Bytes frame = bytes_of(packet);
  std::memcpy(frame.data() + kUdpFrameBytes, played.bytes.data(), played.size);
  build_udp(frame,
            {.from_ip = port.address(),
             .to_ip = flow.remote_ip,
             .from_port = rte_cpu_to_be_16(flow.key.port),
             .to_port = flow.remote_port},
            flow.tos);
  counters_.add(Counter::media_played);
  const UdpPacket udp = built_udp(frame);
  const bool kept = CipherStage::concerns(flow) &&
                    ciphers_.keep(packet, udp, flow.kind, flow, way, room_behind(packet, port));
  if (!kept) egress_.send_to(way.port, way.next_hop, packet, now);
}

// The time of a turn is known when the next one begins.
void Worker::account(std::uint32_t work, base::Nanos now) {
  if (turn_began_.count() != 0) {
    const auto took = static_cast<std::uint64_t>((now - turn_began_).count());
    record_.total_ns += took;
    if (turn_was_busy_) record_.busy_ns += took;
  }
  turn_began_ = now;
  turn_was_busy_ = work != 0;
  ++record_.turns;
  if (turn_was_busy_) ++record_.busy_turns;
}

void Worker::show_self() {
  record_.flows = static_cast<std::uint32_t>(flows_.live().size());
  parts_.page->record.write(record_);
  std::uint64_t ring_faults = 0;
  for (const wire::WorkerEnd& channel : parts_.channels) {
    ring_faults += channel.inject.faults();
    // Nothing is taken from or put into such a ring, so that it shows once a second.
    if (!channel.commands.sane() || !channel.events.sane()) {
      counters_.add(Counter::drop_corridor_fault);
    }
  }
  counters_.add(Counter::drop_corridor_fault,
                ring_faults - std::exchange(ring_faults_, ring_faults));
  if (parts_.index == 0) {
    const std::uint64_t refusals = parts_.neighbors->refused();
    counters_.add(Counter::neighbor_table_full,
                  refusals - std::exchange(table_refusals_, refusals));
  }
}

void Worker::drop(rte_mbuf* packet, Counter reason) {
  counters_.add(reason);
  rte_pktmbuf_free(packet);
}

}  // namespace tandem::dataplane
