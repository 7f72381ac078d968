// Where the payload of an RTP packet begins, and where an RTCP packet's encrypted part does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "drivers/crypto/octets.h"

namespace tandem::crypto {

inline constexpr std::size_t kRtpFixedHeader = 12;
// What SRTCP leaves readable: the first packet's header and sender (RFC 3711 §3.4).
inline constexpr std::size_t kRtcpClearHeader = 8;
// No datagram is longer.
inline constexpr std::size_t kPacketMax = 65535;

struct RtpHeader {
  std::uint32_t size;  // with CSRCs and extension (RFC 3550 §5.1, §5.3.1)
  std::uint32_t timestamp;
  std::uint32_t ssrc;
  std::uint16_t sequence;
};

// Nothing: not RTP, or the header says that it is longer than `packet`.
inline std::optional<RtpHeader> read_rtp_header(std::span<const std::uint8_t> packet) {
  if (packet.size() < kRtpFixedHeader || packet.size() > kPacketMax) return std::nullopt;
  if (packet[0] >> 6 != 2) return std::nullopt;
  std::uint32_t size = kRtpFixedHeader + 4u * (packet[0] & 0x0f);
  if ((packet[0] & 0x10) != 0) {
    if (size + 4 > packet.size()) return std::nullopt;
    size += 4 + 4u * load16(&packet[size + 2]);
  }
  if (size > packet.size()) return std::nullopt;
  return RtpHeader{size, load32(&packet[4]), load32(&packet[8]), load16(&packet[2])};
}

// The sender's SSRC; nothing: not RTCP.
inline std::optional<std::uint32_t> read_rtcp_ssrc(std::span<const std::uint8_t> packet) {
  if (packet.size() < kRtcpClearHeader || packet.size() > kPacketMax) return std::nullopt;
  if (packet[0] >> 6 != 2) return std::nullopt;
  return load32(&packet[4]);
}

}  // namespace tandem::crypto
