#include "dataplane/party_reports.h"

#include <rte_byteorder.h>

#include <cstring>

namespace tandem::dataplane {
namespace {

constexpr std::size_t kRtcpHead = 8;  // with the SSRC of who speaks, in all types
constexpr std::size_t kSenderInfo = 20;
constexpr std::size_t kReportBlock = 24;
constexpr std::uint8_t kTypeSenderReport = 200;
constexpr std::uint8_t kTypeReceiverReport = 201;
constexpr std::uint8_t kRtpFeedback = 205;  // RFC 4585 §6.1
constexpr std::uint8_t kPayloadFeedback = 206;

std::uint32_t load(Bytes bytes, std::size_t at) {
  std::uint32_t raw;
  std::memcpy(&raw, bytes.data() + at, sizeof raw);
  return rte_be_to_cpu_32(raw);
}

void store(Bytes bytes, std::size_t at, std::uint32_t value) {
  const std::uint32_t raw = rte_cpu_to_be_32(value);
  std::memcpy(bytes.data() + at, &raw, sizeof raw);
}

std::uint8_t type_of(Bytes packet) { return std::to_integer<std::uint8_t>(packet[1]); }

// Calls change(packet) for each whole packet of the compound.
template <typename Change>
void each_packet(Bytes compound, Change&& change) {
  while (compound.size() >= kRtcpHead) {
    const std::size_t words =
        std::to_integer<std::size_t>(compound[2]) << 8 | std::to_integer<std::size_t>(compound[3]);
    const std::size_t size = (words + 1) * 4;
    if (size < kRtcpHead || size > compound.size()) return;
    change(compound.first(size));
    compound = compound.subspan(size);
  }
}

// An extended highest sequence number (§6.4.1): cycles above, the party's number below.
std::uint32_t as_sent(std::uint32_t extended, std::uint16_t shift) {
  const auto number = static_cast<std::uint16_t>(extended);
  const auto sent = static_cast<std::uint16_t>(number - shift);
  const std::uint32_t cycles = extended >> 16;
  const bool before = sent > number && cycles != 0;
  return (before ? cycles - 1 : cycles) << 16 | sent;
}

void rename_blocks(Bytes packet, std::size_t at, const StreamNames& names) {
  const std::size_t count = std::to_integer<std::size_t>(packet[0]) & 31;
  for (std::size_t i = 0; i < count && at + kReportBlock <= packet.size(); ++i) {
    if (load(packet, at) == names.ssrc) {
      store(packet, at, names.source);
      store(packet, at + 8, as_sent(load(packet, at + 8), names.sequence_shift));
    }
    at += kReportBlock;
  }
}

}  // namespace

void name_for_party(Bytes compound, const StreamNames& names) {
  each_packet(compound, [&](Bytes packet) {
    if (load(packet, 4) != names.source) return;
    store(packet, 4, names.ssrc);
    if (type_of(packet) != kTypeSenderReport || packet.size() < kRtcpHead + kSenderInfo) return;
    store(packet, 16, load(packet, 16) + names.timestamp_shift);
  });
}

void name_for_source(Bytes compound, const StreamNames& names) {
  each_packet(compound, [&](Bytes packet) {
    const std::uint8_t type = type_of(packet);
    if (type == kTypeSenderReport) rename_blocks(packet, kRtcpHead + kSenderInfo, names);
    if (type == kTypeReceiverReport) rename_blocks(packet, kRtcpHead, names);
    if ((type == kRtpFeedback || type == kPayloadFeedback) && packet.size() >= 12 &&
        load(packet, 8) == names.ssrc) {
      store(packet, 8, names.source);
    }
  });
}

}  // namespace tandem::dataplane
