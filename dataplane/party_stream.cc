#include "dataplane/party_stream.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <cstring>

namespace tandem::dataplane {
namespace {

constexpr std::uint32_t kPacketMs = 20;  // what a packet of an unknown stream is taken to hold
// A packet may come so many behind others and still be placed: far above what networks reorder, far
// below half of the numbers.
constexpr std::uint16_t kBehindMost = 1024;

std::int16_t distance(std::uint16_t from, std::uint16_t to) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from));
}

}  // namespace

void write_rtp(Bytes out, const RtpHead& head, bool marker) {
  auto* at = reinterpret_cast<std::uint8_t*>(out.data());
  at[0] = 0x80;
  at[1] = static_cast<std::uint8_t>((marker ? 0x80 : 0) | (head.payload_type & 0x7f));
  const std::uint16_t sequence = rte_cpu_to_be_16(head.sequence);
  const std::uint32_t timestamp = rte_cpu_to_be_32(head.timestamp);
  const std::uint32_t ssrc = rte_cpu_to_be_32(head.ssrc);
  std::memcpy(at + 2, &sequence, sizeof sequence);
  std::memcpy(at + 4, &timestamp, sizeof timestamp);
  std::memcpy(at + 8, &ssrc, sizeof ssrc);
}

void PartyStream::begin(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp) {
  *this = {};
  begun_ = true;
  ssrc_ = ssrc;
  last_sequence_ = floor_ = sequence;
  last_timestamp_ = timestamp;
}

void PartyStream::go_on(const RtpHead& last, base::Nanos now) {
  begin(last.ssrc, last.sequence, last.timestamp);
  last_ns_ = now.count();
}

// At least a packet later than the last one.
std::uint32_t PartyStream::timestamp_at(base::Nanos now, std::uint8_t clock_khz) const {
  if (last_ns_ == 0) return last_timestamp_;
  const std::int64_t passed_us = std::max<std::int64_t>((now.count() - last_ns_) / 1000, 0);
  const auto ticks = static_cast<std::uint32_t>(passed_us * clock_khz / 1000);
  return last_timestamp_ + std::max(ticks, kPacketMs * clock_khz);
}

RtpHead PartyStream::next(std::uint32_t timestamp, std::uint32_t reached, base::Nanos now) {
  joined_ = false;
  last_timestamp_ = reached;
  last_ns_ = now.count();
  floor_ = ++last_sequence_;
  return {.sequence = last_sequence_, .timestamp = timestamp, .ssrc = ssrc_};
}

std::optional<StreamNames> PartyStream::names() const {
  if (!joined_) return std::nullopt;
  return StreamNames{.source = source_,
                     .ssrc = ssrc_,
                     .timestamp_shift = timestamp_shift_,
                     .sequence_shift = sequence_shift_};
}

bool PartyStream::pass(UdpPacket& packet, base::Nanos now, std::uint8_t clock_khz) {
  const Bytes head = packet.payload.first(kRtpFixedBytes);
  RtpHead of = read_rtp(head);
  const bool begins = !joined_ || of.ssrc != source_;
  if (begins) {
    joined_ = true;
    source_ = of.ssrc;
    floor_ = last_sequence_;
    sequence_shift_ = static_cast<std::uint16_t>(last_sequence_ + 1 - of.sequence);
    timestamp_shift_ = timestamp_at(now, clock_khz) - of.timestamp;
  }
  of.ssrc = ssrc_;
  of.sequence = static_cast<std::uint16_t>(of.sequence + sequence_shift_);
  of.timestamp += timestamp_shift_;
  if (distance(last_sequence_, of.sequence) > 0) {
    last_sequence_ = of.sequence;
    last_timestamp_ = of.timestamp;
    last_ns_ = now.count();
    if (distance(floor_, last_sequence_) > kBehindMost) {
      floor_ = static_cast<std::uint16_t>(last_sequence_ - kBehindMost);
    }
  } else if (distance(floor_, of.sequence) <= 0) {
    return false;
  }
  const std::uint64_t before = checksum_sum(head);
  const auto first = static_cast<std::uint8_t>(head[0]);
  const auto second = static_cast<std::uint8_t>(head[1]);
  of.payload_type = second & 0x7f;
  write_rtp(head, of, begins || (second & 0x80) != 0);
  head[0] = std::byte{first};
  if (packet.udp->dgram_cksum == 0) return true;
  ChecksumChange change;
  change.replace_run(before, checksum_sum(head));
  change.apply_to(*packet.udp);
  return true;
}

}  // namespace tandem::dataplane
