// Ethernet, IPv4 and UDP headers in a frame: bounds, checks, checksums. Works on bytes in place and
// owns nothing. Any thread.
//
// Checksums (RFC 1071) are summed in the machine's order, which leaves the result in network order.
#pragma once

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/fault.h"

namespace tandem::dataplane {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

inline constexpr std::size_t kEtherBytes = sizeof(rte_ether_hdr);
inline constexpr std::size_t kIp4Bytes = sizeof(rte_ipv4_hdr);
inline constexpr std::size_t kUdpBytes = sizeof(rte_udp_hdr);
inline constexpr std::size_t kUdpFrameBytes = kEtherBytes + kIp4Bytes + kUdpBytes;
static_assert(kUdpFrameBytes == 42);

// An IPv4 packet whose header is sound. The headers lie in the frame, one behind the other.
struct Ip4Packet {
  rte_ether_hdr* ether = nullptr;
  rte_ipv4_hdr* ip = nullptr;
  Bytes payload;  // as long as the IPv4 header says; padding of the frame is cut off

  std::size_t frame_bytes() const { return kEtherBytes + kIp4Bytes + payload.size(); }
  // A piece of a datagram: `payload` belongs `fragment_offset()` octets behind its beginning.
  bool is_fragment() const { return more_fragments() || fragment_offset() != 0; }
  bool more_fragments() const;
  std::size_t fragment_offset() const;
};

struct UdpPacket {
  rte_ether_hdr* ether = nullptr;
  rte_ipv4_hdr* ip = nullptr;
  rte_udp_hdr* udp = nullptr;
  Bytes payload;

  std::size_t frame_bytes() const { return kUdpFrameBytes + payload.size(); }
};

// REQUIRES: the frame's EtherType is IPv4 and it has kEtherBytes. Checks version, length,
// checksum, options.
Fault parse_ip4(Bytes frame, Ip4Packet& out);
// REQUIRES: no fragment.
// A UDP length below the IPv4 payload is believed, and the IPv4 length shortened to it.
Fault parse_udp(const Ip4Packet& packet, UdpPacket& out);

// The unfolded sum of the 16-bit words of `bytes`, added to `sum`. Only the last piece of a
// checksum may have an odd length.
std::uint64_t checksum_sum(ConstBytes bytes, std::uint64_t sum = 0);
// One's complement of the folded sum: what goes into the header; 0 over a header that holds its
// right checksum.
std::uint16_t checksum_finish(std::uint64_t sum);

void set_ip4_checksum(rte_ipv4_hdr& ip);
std::uint16_t udp_checksum(const rte_ipv4_hdr& ip, const rte_udp_hdr& udp, ConstBytes payload);
// True also for a packet without a checksum (RFC 768: zero).
bool udp_checksum_holds(const UdpPacket& packet);

// Changes words under a checksum without reading the rest (RFC 1624, eqn. 3): an error that was in
// the packet stays in it.
class ChecksumChange {
 public:
  void replace(std::uint16_t old_word, std::uint16_t new_word) {
    sum_ += static_cast<std::uint16_t>(~old_word);
    sum_ += new_word;
  }
  void replace32(std::uint32_t old_words, std::uint32_t new_words) {
    sum_ += ~old_words;
    sum_ += new_words;
  }
  // A run of words as checksum_sum() has them before and after; it begins at an even octet.
  void replace_run(std::uint64_t old_sum, std::uint64_t new_sum) {
    sum_ += checksum_finish(old_sum);
    sum_ += static_cast<std::uint16_t>(~checksum_finish(new_sum));
  }
  std::uint16_t apply(std::uint16_t checksum) const {
    return checksum_finish(sum_ + static_cast<std::uint16_t>(~checksum));
  }
  // No checksum stays none, and none becomes one (RFC 768).
  void apply_to(rte_udp_hdr& udp) const {
    if (udp.dgram_cksum == 0) return;
    const std::uint16_t sum = apply(udp.dgram_cksum);
    udp.dgram_cksum = sum == 0 ? 0xffff : sum;
  }

 private:
  std::uint64_t sum_ = 0;
};

// A UDP datagram of ours from scratch.
struct UdpAddresses {
  std::uint32_t from_ip = 0;  // network order, ports too
  std::uint32_t to_ip = 0;
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
};
// What one IPv4 packet holds at most (RFC 791: a length of 16 bits).
inline constexpr std::size_t kUdpPayloadMax = 65535 - kIp4Bytes - kUdpBytes;

struct UdpHeads {
  rte_ipv4_hdr ip;  // of the whole, may be fragmented; without checksum
  rte_udp_hdr udp;  // with it
};
// REQUIRES: payload of kUdpPayloadMax at most.
UdpHeads make_udp_heads(const UdpAddresses& addresses, std::uint8_t tos, ConstBytes payload);

// The frame of a datagram that isn't fragmented. REQUIRES: `frame` is kUdpFrameBytes + payload
// bytes long and the payload is in its place already. The Ethernet addresses are left to the
// caller.
void build_udp(Bytes frame, const UdpAddresses& addresses, std::uint8_t tos);
// The parts of such a frame.
UdpPacket built_udp(Bytes frame);

inline constexpr std::uint8_t kFreshTtl = 64;

}  // namespace tandem::dataplane
