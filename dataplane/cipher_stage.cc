#include "dataplane/cipher_stage.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <utility>

#include "dataplane/latch.h"
#include "dataplane/noise.h"
#include "drivers/base/check.h"
#include "drivers/crypto/media_header.h"

namespace tandem::dataplane {
namespace {

using crypto::SrtpVerdict;
using wire::Counter;

// Of a flow's packets these are looked at: its first ones, and one of so many.
constexpr std::uint64_t kLookFirst = 16;
constexpr std::uint64_t kLookEvery = 64;
// RFC 3551 §6: PCMU and PCMA.
constexpr std::uint8_t kPcmu = 0;
constexpr std::uint8_t kPcma = 8;

// Neither RTCP on the same port (RFC 5761) nor a fax.
bool is_voice(wire::FlowKind kind, ConstBytes payload) {
  return kind == wire::FlowKind::kRtp && is_rtp(payload) && !is_rtcp_type(payload);
}

// Faxes (UDPTL) have no SRTP; what isn't of the flow's kind is the relay's to refuse.
bool is_protected(const Flow& flow, ConstBytes payload) {
  if (flow.kind == wire::FlowKind::kRtp) return is_rtp(payload) || is_rtcp(payload);
  return flow.kind == wire::FlowKind::kRtcp && is_rtcp(payload);
}

crypto::SrtpKind srtp_kind(wire::FlowKind kind, ConstBytes payload) {
  const bool rtcp = kind == wire::FlowKind::kRtcp || is_rtcp_type(payload);
  return rtcp ? crypto::SrtpKind::kRtcp : crypto::SrtpKind::kRtp;
}

// Why a packet that came doesn't pass.
Counter reason_of(SrtpVerdict verdict) {
  switch (verdict) {
    case SrtpVerdict::kBadTag:
      return Counter::drop_srtp_bad_tag;
    case SrtpVerdict::kReplayed:
      return Counter::drop_srtp_replayed;
    case SrtpVerdict::kTooOld:
      return Counter::drop_srtp_too_old;
    case SrtpVerdict::kUnencrypted:
      return Counter::drop_srtp_unencrypted;
    case SrtpVerdict::kKeyEnded:
      return Counter::drop_srtp_key_ended;
    case SrtpVerdict::kNoKey:
      return Counter::drop_srtp_awaited;
    default:
      return Counter::drop_srtp_malformed;
  }
}

// Why a packet isn't sent.
Counter reason_of_sender(SrtpVerdict verdict) {
  switch (verdict) {
    case SrtpVerdict::kReplayed:
    case SrtpVerdict::kTooOld:
      return Counter::drop_srtp_reused;
    case SrtpVerdict::kTooManySsrcs:
      return Counter::drop_srtp_ssrcs;
    case SrtpVerdict::kNoRoom:
      return Counter::drop_media_size;
    default:
      return reason_of(verdict);
  }
}

void refuse(Arrival& arrival, Counter reason) {
  arrival.kind = Arrival::Kind::kDrop;
  arrival.reason = reason;
  ++arrival.flow->refused;
}

// Its payload, which begins where it did, has so many octets now. Checksums are left as they are.
void resize(UdpPacket& udp, std::size_t octets) {
  udp.payload = {udp.payload.data(), octets};
  udp.udp->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(kUdpBytes + octets));
  udp.ip->total_length =
      rte_cpu_to_be_16(static_cast<std::uint16_t>(kIp4Bytes + kUdpBytes + octets));
}

std::span<std::uint8_t> octets_of(Bytes bytes) {
  return {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

void CipherStage::open(std::span<Arrival> burst) {
  CHECK(burst.size() <= kMax);
  std::array<Arrival*, kMax> payloads;
  std::array<Arrival*, kMax> srtp;
  std::size_t payload_count = 0;
  std::size_t srtp_count = 0;
  for (Arrival& arrival : burst) {
    if (arrival.kind != Arrival::Kind::kMedia || !concerns(*arrival.flow)) continue;
    Flow& flow = *arrival.flow;
    const UdpPacket& udp = arrival.udp;
    // Others are the relay's to refuse.
    if (!latch_may_take(flow, udp.ip->src_addr, udp.udp->src_port)) continue;
    if (flow.srtp == SrtpSessions::kNone) {
      if (is_voice(flow.kind, udp.payload)) payloads[payload_count++] = &arrival;
    } else if (is_protected(flow, udp.payload)) {
      if (flow.srtp == SrtpSessions::kAwaited) {
        refuse(arrival, Counter::drop_srtp_awaited);
        continue;
      }
      sessions_.at(flow.srtp).in.prefetch();
      srtp[srtp_count++] = &arrival;
    }
  }
  if (payload_count != 0) open_payloads({payloads.data(), payload_count});
  if (srtp_count != 0) open_srtp({srtp.data(), srtp_count});
}

void CipherStage::open_payloads(std::span<Arrival* const> arrivals) {
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    UdpPacket& udp = arrivals[i]->udp;
    jobs_[i] = {.packet = octets_of(udp.payload), .key = &keys_.at(arrivals[i]->flow->payload_key)};
    packets_[i] = &udp;
  }
  run(packets_, arrivals.size());
  counters_.add(Counter::media_deciphered, arrivals.size());
  for (const Arrival* arrival : arrivals) look(arrival->udp, *arrival->flow);
}

void CipherStage::open_srtp(std::span<Arrival* const> arrivals) {
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const Flow& flow = *arrivals[i]->flow;
    srtp_jobs_[i] = {.packet = octets_of(arrivals[i]->udp.payload),
                     .context = &sessions_.at(flow.srtp).in,
                     .kind = srtp_kind(flow.kind, arrivals[i]->udp.payload)};
  }
  srtp_.run({srtp_jobs_.data(), arrivals.size()});
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const crypto::SrtpJob& job = srtp_jobs_[i];
    if (job.verdict != SrtpVerdict::kOk) {
      refuse(*arrivals[i], reason_of(job.verdict));
      continue;
    }
    UdpPacket& udp = arrivals[i]->udp;
    resize(udp, job.packet.size());
    if (udp.udp->dgram_cksum != 0) {
      udp.udp->dgram_cksum = 0;
      const std::uint16_t sum = udp_checksum(*udp.ip, *udp.udp, udp.payload);
      udp.udp->dgram_cksum = sum == 0 ? 0xffff : sum;  // RFC 768: 0 would mean "none"
    }
    ++passed;
  }
  counters_.add(Counter::srtp_unprotected, passed);
}

bool CipherStage::keep(rte_mbuf* packet, const UdpPacket& udp, wire::FlowKind kind,
                       const Flow& peer, const Relayed& way, std::size_t room) {
  const bool srtp = peer.srtp != SrtpSessions::kNone;
  if (srtp ? kind == wire::FlowKind::kOpaque : !concerns(peer) || !is_voice(kind, udp.payload)) {
    return false;
  }
  CHECK(kept_count_ < kMax);
  Kept& kept = kept_[kept_count_++];
  kept = {.packet = packet,
          .udp = udp,
          .peer = &peer,
          .room = static_cast<std::uint16_t>(std::min<std::size_t>(room, UINT16_MAX)),
          .fault = {},
          .port = way.port,
          .next_hop = way.next_hop};
  if (peer.srtp == SrtpSessions::kAwaited) {
    kept.fault = {Counter::drop_srtp_awaited};
  } else if (srtp) {
    kept.rtcp = srtp_kind(kind, udp.payload) == crypto::SrtpKind::kRtcp;
    sessions_.at(peer.srtp).out.prefetch();
  }
  return true;
}

std::span<const CipherStage::Kept> CipherStage::seal() {
  std::array<Kept*, kMax> payloads;
  std::array<Kept*, kMax> srtp;
  std::size_t payload_count = 0;
  std::size_t srtp_count = 0;
  for (std::size_t i = 0; i < kept_count_; ++i) {
    Kept& kept = kept_[i];
    if (kept.fault) continue;
    if (kept.peer->srtp == SrtpSessions::kNone) {
      payloads[payload_count++] = &kept;
    } else {
      srtp[srtp_count++] = &kept;
    }
  }
  if (payload_count != 0) seal_payloads({payloads.data(), payload_count});
  if (srtp_count != 0) seal_srtp({srtp.data(), srtp_count});
  return {kept_.data(), std::exchange(kept_count_, 0)};
}

void CipherStage::seal_payloads(std::span<Kept* const> kept) {
  for (std::size_t i = 0; i < kept.size(); ++i) {
    jobs_[i] = {.packet = octets_of(kept[i]->udp.payload),
                .key = &keys_.at(kept[i]->peer->payload_key)};
    packets_[i] = &kept[i]->udp;
  }
  run(packets_, kept.size());
  counters_.add(Counter::media_enciphered, kept.size());
}

void CipherStage::seal_srtp(std::span<Kept* const> kept) {
  std::array<std::uint64_t, kMax> before;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const Kept& one = *kept[i];
    before[i] = checksum_sum(one.udp.payload);
    srtp_jobs_[i] = {.packet = octets_of(one.udp.payload),
                     .tailroom = one.room,
                     .context = &sessions_.at(one.peer->srtp).out,
                     .kind = one.rtcp ? crypto::SrtpKind::kRtcp : crypto::SrtpKind::kRtp};
  }
  srtp_.run({srtp_jobs_.data(), kept.size()});
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    Kept& one = *kept[i];
    if (srtp_jobs_[i].verdict != SrtpVerdict::kOk) {
      one.fault = {reason_of_sender(srtp_jobs_[i].verdict)};
      continue;
    }
    UdpPacket& udp = one.udp;
    const std::uint16_t length = udp.udp->dgram_len;
    resize(udp, srtp_jobs_[i].packet.size());
    set_ip4_checksum(*udp.ip);
    ++passed;
    if (udp.udp->dgram_cksum == 0) continue;
    ChecksumChange change;
    change.replace(length, udp.udp->dgram_len);  // in the header, and in the pseudo header
    change.replace(length, udp.udp->dgram_len);
    change.replace_run(before[i], checksum_sum(udp.payload));
    change.apply_to(*udp.udp);
  }
  counters_.add(Counter::srtp_protected, passed);
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
    change.apply_to(udp);
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
