// Cuts a UDP datagram of ours that is larger than the MTU into IPv4 fragments (RFC 791 §3.2). Works
// on bytes; owns nothing. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/headers.h"
#include "dataplane/local_port.h"

namespace tandem::dataplane {

class Cutter {
 public:
  // Most pieces that a datagram makes: 64 KiB on the least MTU.
  static constexpr std::size_t kPiecesMax =
      (kUdpPayloadMax + kUdpBytes) / ((kMtuLeast - kIp4Bytes) / 8 * 8) + 1;

  // `id`: in host order; no two datagrams that may be under way together to one receiver have the
  // same (RFC 6864 §4.3). REQUIRES: payload of kUdpPayloadMax at most; mtu of kMtuLeast at least.
  Cutter(const UdpAddresses& addresses, std::uint8_t tos, std::uint16_t id, ConstBytes payload,
         std::uint16_t mtu);

  std::size_t pieces() const { return (total() + piece_ - 1) / piece_; }
  std::size_t frame_bytes(std::size_t piece) const;
  // All but the Ethernet addresses. REQUIRES: frame of frame_bytes(piece).
  void write(std::size_t piece, Bytes frame) const;

 private:
  std::size_t total() const { return kUdpBytes + payload_.size(); }

  UdpHeads heads_;
  ConstBytes payload_;
  std::size_t piece_;  // IPv4 payload of each but the last
};

}  // namespace tandem::dataplane
