#include "dataplane/rtcp.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <cstring>

namespace tandem::dataplane {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kReceiverReport = 201;
// Where the report blocks begin, behind the header, the SSRC and the sender's information.
constexpr std::size_t kBlocksOfSender = 28;
constexpr std::size_t kBlocksOfReceiver = 8;
constexpr std::size_t kBlockBytes = 24;
// The middle 32 bits of the NTP timestamp in a sender report.
constexpr std::size_t kMiddleOfTime = 10;
// A longer round trip isn't one: an LSR that was made up, or comes again.
constexpr std::int64_t kRoundTripMaxUs = 60'000'000;

std::uint8_t octet(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint32_t long_word(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t raw;
  std::memcpy(&raw, bytes.data() + at, sizeof raw);
  return rte_be_to_cpu_32(raw);
}

// The first packet of a compound one; empty: none that is whole.
std::span<const std::byte> first_packet(std::span<const std::byte> compound) {
  if (compound.size() < kHeaderBytes || octet(compound, 0) >> 6 != 2) return {};
  const std::size_t bytes = ((octet(compound, 2) << 8 | octet(compound, 3)) + std::size_t{1}) * 4;
  if (bytes > compound.size()) return {};
  const std::uint8_t type = octet(compound, 1);
  if (type < 192 || type > 223) return {};
  const std::size_t blocks = std::size_t{octet(compound, 0)} & 31;
  std::size_t least = kHeaderBytes;
  if (type == kSenderReport) least = kBlocksOfSender + blocks * kBlockBytes;
  if (type == kReceiverReport) least = kBlocksOfReceiver + blocks * kBlockBytes;
  return bytes < least ? std::span<const std::byte>{} : compound.first(bytes);
}

// To its last octet. Encrypted reports aren't (RFC 3711 §3.4: an index and a tag follow, and all
// but the first 8 octets are noise).
bool is_whole(std::span<const std::byte> compound) {
  while (!compound.empty()) {
    const auto packet = first_packet(compound);
    if (packet.empty()) return false;
    compound = compound.subspan(packet.size());
  }
  return true;
}

std::uint32_t micros(base::Nanos now) { return static_cast<std::uint32_t>(now.count() / 1000); }

}  // namespace

bool RtcpReader::read(std::span<const std::byte> payload, const RtcpReader& other,
                      base::Nanos now) {
  if (!is_whole(payload)) return false;
  while (!payload.empty()) {
    const auto packet = first_packet(payload);
    payload = payload.subspan(packet.size());
    const std::uint8_t type = octet(packet, 1);
    if (type != kSenderReport && type != kReceiverReport) continue;
    sender_ = long_word(packet, kHeaderBytes);
    const bool sends = type == kSenderReport;
    if (sends) {
      passed_[next_] = {long_word(packet, kMiddleOfTime), micros(now)};
      next_ = static_cast<std::uint8_t>((next_ + 1u) % passed_.size());
    }
    const std::size_t begin = sends ? kBlocksOfSender : kBlocksOfReceiver;
    const std::size_t blocks = std::size_t{octet(packet, 0)} & 31;
    take_blocks(packet.subspan(begin, blocks * kBlockBytes), other, now);
  }
  return true;
}

// The one about the other party's stream, where that has told its SSRC and there are several.
void RtcpReader::take_blocks(std::span<const std::byte> blocks, const RtcpReader& other,
                             base::Nanos now) {
  if (blocks.empty()) return;
  std::size_t chosen = 0;
  for (std::size_t at = 0; at < blocks.size(); at += kBlockBytes) {
    if (long_word(blocks, at) == other.sender_) chosen = at;
  }
  take(blocks.subspan(chosen, kBlockBytes), other, now);
}

void RtcpReader::take(std::span<const std::byte> block, const RtcpReader& other, base::Nanos now) {
  ++reports_;
  ssrc_ = long_word(block, 0);
  fraction_lost_ = octet(block, 4);
  const std::uint32_t lost = long_word(block, 4) << 8;  // 24 bits with a sign
  lost_ = static_cast<std::int32_t>(lost) >> 8;
  jitter_ = long_word(block, 12);
  feel_round_trip(long_word(block, 16), long_word(block, 20), other, now);
}

// RFC 3550 §6.4.1, from the moment when the sender report passed us.
void RtcpReader::feel_round_trip(std::uint32_t last_sr, std::uint32_t delay,
                                 const RtcpReader& other, base::Nanos now) {
  if (last_sr == 0) return;
  for (const SenderReport& passed : other.passed_) {
    if (passed.middle != last_sr) continue;
    const std::int64_t since = micros(now) - passed.at_us;
    const std::int64_t held = static_cast<std::int64_t>(std::uint64_t{delay} * 1'000'000 >> 16);
    // 1/65536 s is as fine as it told.
    const std::int64_t trip = since - held;
    if (trip >= -15 && trip <= kRoundTripMaxUs) {
      round_trip_us_ = static_cast<std::uint32_t>(std::max<std::int64_t>(trip, 1));
    }
    return;
  }
}

wire::ReceptionReport RtcpReader::report(std::uint8_t clock_khz) const {
  wire::ReceptionReport out;
  out.reports = reports_;
  out.ssrc = ssrc_;
  out.lost = lost_;
  const std::uint64_t jitter_us = std::uint64_t{jitter_} * 1000 / clock_khz;
  out.jitter_us = static_cast<std::uint32_t>(std::min<std::uint64_t>(jitter_us, UINT32_MAX));
  out.round_trip_us = round_trip_us_;
  out.fraction_lost = fraction_lost_;
  return out;
}

}  // namespace tandem::dataplane
