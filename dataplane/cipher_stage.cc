#include "dataplane/cipher_stage.h"

#include <utility>

#include "dataplane/latch.h"
#include "dataplane/noise.h"
#include "drivers/base/check.h"
#include "drivers/crypto/media_header.h"

namespace tandem::dataplane {
namespace {

using wire::Counter;

// Of a flow's packets these are looked at: its first ones, and one of so many.
constexpr std::uint64_t kLookFirst = 16;
constexpr std::uint64_t kLookEvery = 64;
// RFC 3551 §6: PCMU and PCMA.
constexpr std::uint8_t kPcmu = 0;
constexpr std::uint8_t kPcma = 8;

// Neither RTCP on the same port (RFC 5761) nor a fax.
bool is_voice(const Flow& flow, ConstBytes payload) {
  return flow.kind == wire::FlowKind::kRtp && is_rtp(payload) && !is_rtcp_type(payload);
}

std::span<std::uint8_t> octets_of(Bytes bytes) {
  return {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

void CipherStage::open(std::span<Arrival> burst) {
  CHECK(burst.size() <= kMax);
  std::array<Flow*, kMax> flows;
  std::size_t count = 0;
  for (Arrival& arrival : burst) {
    if (arrival.kind != Arrival::Kind::kMedia) continue;
    Flow& flow = *arrival.flow;
    UdpPacket& udp = arrival.udp;
    if (!concerns(flow) || !is_voice(flow, udp.payload) ||
        !latch_accepts(flow, udp.ip->src_addr, udp.udp->src_port)) {
      continue;
    }
    jobs_[count] = {.packet = octets_of(udp.payload), .key = &keys_.at(flow.payload_key)};
    packets_[count] = &udp;
    flows[count++] = &flow;
  }
  if (count == 0) return;
  run(packets_, count);
  counters_.add(Counter::media_deciphered, count);
  for (std::size_t i = 0; i < count; ++i) look(*packets_[i], *flows[i]);
}

bool CipherStage::keep(rte_mbuf* packet, const UdpPacket& udp, const Flow& flow,
                       const Relayed& way) {
  const Flow& peer = *flow.peer;
  if (!concerns(peer) || !is_voice(flow, udp.payload)) return false;
  CHECK(kept_count_ < kMax);
  kept_[kept_count_++] = {packet, udp, &peer, way.port, way.next_hop};
  return true;
}

std::span<const CipherStage::Kept> CipherStage::seal() {
  for (std::size_t i = 0; i < kept_count_; ++i) {
    Kept& kept = kept_[i];
    jobs_[i] = {.packet = octets_of(kept.udp.payload), .key = &keys_.at(kept.peer->payload_key)};
    packets_[i] = &kept.udp;
  }
  run(packets_, kept_count_);
  counters_.add(Counter::media_enciphered, kept_count_);
  return {kept_.data(), std::exchange(kept_count_, 0)};
}

void CipherStage::run(std::span<UdpPacket* const> packets, std::size_t count) {
  std::array<std::uint64_t, kMax> before;
  for (std::size_t i = 0; i < count; ++i) before[i] = checksum_sum(packets[i]->payload);
  cipher_.run({jobs_.data(), count});
  for (std::size_t i = 0; i < count; ++i) {
    rte_udp_hdr& udp = *packets[i]->udp;
    if (udp.dgram_cksum == 0) continue;
    ChecksumChange change;
    change.replace_run(before[i], checksum_sum(packets[i]->payload));
    const std::uint16_t sum = change.apply(udp.dgram_cksum);
    udp.dgram_cksum = sum == 0 ? 0xffff : sum;  // RFC 768: 0 would mean "none"
  }
}

// The relay hasn't counted it yet.
void CipherStage::look(const UdpPacket& udp, Flow& flow) {
  const std::uint64_t number = flow.meter.packets();
  if (number >= kLookFirst && number % kLookEvery != 0) return;
  const std::uint8_t type = read_rtp(udp.payload).payload_type;
  if (type != kPcmu && type != kPcma) return;
  const auto header = crypto::read_rtp_header(octets_of(udp.payload));
  if (!header || !is_noise(udp.payload.subspan(header->size))) return;
  flow.meter.note_implausible();
  counters_.add(Counter::media_implausible);
}

}  // namespace tandem::dataplane
