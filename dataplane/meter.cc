#include "dataplane/meter.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <cstring>

namespace tandem::dataplane {
namespace {

constexpr std::size_t kRtpBytes = 12;
constexpr std::size_t kRtcpBytes = 8;
constexpr std::size_t kExtensionBytes = 4;
constexpr std::uint8_t kRtcpTypeFirst = 192;
constexpr std::uint8_t kRtcpTypeLast = 223;
// RFC 3550 A.1
constexpr std::uint16_t kMaxDropout = 3000;
constexpr std::uint16_t kMaxMisorder = 100;
constexpr std::uint32_t kCycle = 1u << 16;
constexpr std::uint32_t kWindow = 64;
constexpr std::int64_t kLateMs = wire::FlowFigures::kLateMs;
constexpr std::int64_t kGapUs = wire::FlowFigures::kGapMs * 1000;

std::uint8_t octet(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t word(std::span<const std::byte> bytes, std::size_t at) {
  std::uint16_t raw;
  std::memcpy(&raw, bytes.data() + at, sizeof raw);
  return rte_be_to_cpu_16(raw);
}

std::uint32_t long_word(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t raw;
  std::memcpy(&raw, bytes.data() + at, sizeof raw);
  return rte_be_to_cpu_32(raw);
}

// In units of a stream's timestamps.
std::uint32_t ticks_at(base::Nanos now, std::uint8_t clock_khz) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.count() / 1000) * clock_khz /
                                    1000);
}

bool is_version_2(std::span<const std::byte> payload) { return octet(payload, 0) >> 6 == 2; }

}  // namespace

bool is_rtp(std::span<const std::byte> payload) {
  if (payload.size() < kRtpBytes || !is_version_2(payload)) return false;
  const std::uint8_t first = octet(payload, 0);
  std::size_t header = kRtpBytes + std::size_t{4} * (first & 15);
  const bool extended = (first & 0x10) != 0;
  if (extended) {
    if (payload.size() < header + kExtensionBytes) return false;
    header += kExtensionBytes + std::size_t{4} * word(payload, header + 2);
  }
  return payload.size() >= header;
}

bool is_rtcp_type(std::span<const std::byte> payload) {
  const std::uint8_t type = octet(payload, 1);
  return type >= kRtcpTypeFirst && type <= kRtcpTypeLast;
}

bool is_rtcp(std::span<const std::byte> payload) {
  return payload.size() >= kRtcpBytes && is_version_2(payload) && is_rtcp_type(payload);
}

std::uint32_t read_rtcp_ssrc(std::span<const std::byte> payload) { return long_word(payload, 4); }

RtpHead read_rtp(std::span<const std::byte> payload) {
  RtpHead head;
  head.payload_type = octet(payload, 1) & 127;
  head.sequence = word(payload, 2);
  head.timestamp = long_word(payload, 4);
  head.ssrc = long_word(payload, 8);
  return head;
}

void Meter::measure(const RtpHead& head, std::size_t octets, base::Nanos now,
                    std::uint8_t clock_khz) {
  if (last_ns_ != 0) {
    const std::int64_t gap_us = (now.count() - last_ns_) / 1000;
    if (gap_us >= kGapUs) ++gaps_;
    largest_gap_us_ =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(gap_us, largest_gap_us_, UINT32_MAX));
  }
  last_ns_ = now.count();
  count(octets);
  payload_type_ = head.payload_type;
  bool counts = true;
  if (!started_ || head.ssrc != ssrc_) {
    begin(head);
  } else {
    counts = place(head.sequence);
  }
  if (counts) feel_jitter(head.timestamp, now, clock_khz);
}

void Meter::pause() {
  last_ns_ = 0;
  has_transit_ = false;
}

// What was felt so far stays the same time; no timestamp of one clock is compared with one of the
// other.
void Meter::change_clock(std::uint8_t from_khz, std::uint8_t to_khz) {
  jitter_x16_ = static_cast<std::uint32_t>(std::uint64_t{jitter_x16_} * to_khz / from_khz);
  has_transit_ = false;
}

void Meter::begin(const RtpHead& head) {
  if (started_) lost_before_ += lost_in_run();
  started_ = true;
  ssrc_ = head.ssrc;
  has_transit_ = false;
  restart(head.sequence);
}

void Meter::restart(std::uint16_t sequence) {
  first_ = highest_ = kCycle + sequence;  // a cycle ahead of 0, for what comes late
  received_ = 1;
  seen_ = 1;
  suspect_ = kNone;
}

bool Meter::place(std::uint16_t sequence) {
  const auto ahead = static_cast<std::uint16_t>(sequence - static_cast<std::uint16_t>(highest_));
  if (ahead != 0 && ahead < kMaxDropout) {
    highest_ += ahead;
    if (ahead > 1) ++loss_runs_;
    seen_ = ahead < kWindow ? (seen_ << ahead) | 1 : 1;
    ++received_;
    suspect_ = kNone;
    return true;
  }
  const std::uint32_t behind = (kCycle - ahead) & (kCycle - 1);
  if (behind <= kMaxMisorder) {
    if (behind < kWindow) {
      const std::uint64_t bit = std::uint64_t{1} << behind;
      if (seen_ & bit) {
        ++duplicated_;
        return false;
      }
      seen_ |= bit;
    }
    mend(behind);
    ++reordered_;
    ++received_;
    return true;
  }
  // A very large jump: believed when the next number follows it, for the sender has started anew.
  if (sequence == suspect_) {
    lost_before_ += lost_in_run();
    restart(sequence);
    first_ = highest_ - 1;
    received_ = 2;
    seen_ = 3;
    has_transit_ = false;
    return true;
  }
  suspect_ = static_cast<std::uint16_t>(sequence + 1);
  return false;
}

void Meter::mend(std::uint32_t behind) {
  const std::uint32_t oldest = highest_ - first_;
  if (behind > oldest) {
    // Older than the run's beginning: the run began earlier, so nothing else is made up for.
    first_ = highest_ - behind;
    if (behind > oldest + 1) ++loss_runs_;
    return;
  }
  if (behind >= kWindow - 1) return;  // nobody remembers its neighbours
  const bool after = (seen_ >> (behind - 1) & 1) != 0;
  const bool before = (seen_ >> (behind + 1) & 1) != 0;
  if (after && before) --loss_runs_;
  if (!after && !before) ++loss_runs_;
}

void Meter::feel_jitter(std::uint32_t timestamp, base::Nanos now, std::uint8_t clock_khz) {
  const std::uint32_t transit = ticks_at(now, clock_khz) - timestamp;
  if (has_transit_) {
    const auto change = static_cast<std::int32_t>(transit - transit_);
    const std::uint32_t size =
        change < 0 ? 0u - static_cast<std::uint32_t>(change) : static_cast<std::uint32_t>(change);
    // A timestamp that jumps by more than a minute is another time line, not jitter.
    if (size < 60'000u * clock_khz) {
      jitter_x16_ += size - ((jitter_x16_ + 8) >> 4);
      if (change > static_cast<std::int32_t>(kLateMs * clock_khz)) ++late_;
    }
  }
  transit_ = transit;
  has_transit_ = true;
}

std::optional<RtpHead> Meter::standing(base::Nanos now, std::uint8_t clock_khz) const {
  if (!started_ || !has_transit_) return std::nullopt;
  return RtpHead{.sequence = static_cast<std::uint16_t>(highest_),
                 .timestamp = ticks_at(now, clock_khz) - transit_,
                 .ssrc = ssrc_,
                 .payload_type = payload_type_};
}

std::uint64_t Meter::lost_in_run() const {
  if (!started_) return 0;
  const std::uint64_t expected = std::uint64_t{highest_} - first_ + 1;
  return expected > received_ ? expected - received_ : 0;
}

void Meter::read(std::uint8_t clock_khz, wire::FlowFigures& out) const {
  out.packets = packets_;
  out.octets = octets_;
  out.lost = lost_before_ + lost_in_run();
  out.reordered = reordered_;
  out.duplicated = duplicated_;
  out.jitter_us = static_cast<std::uint32_t>((std::uint64_t{jitter_x16_} >> 4) * 1000 / clock_khz);
  out.largest_gap_us = largest_gap_us_;
  out.ssrc = ssrc_;
  out.payload_type = payload_type_;
  out.implausible = implausible_;
  out.late = late_;
  out.gaps = gaps_;
  out.loss_runs = loss_runs_;
}

}  // namespace tandem::dataplane
