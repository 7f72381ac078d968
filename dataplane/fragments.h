// Puts UDP datagrams together that come as IPv4 fragments (RFC 791 §3.2): a large INVITE does. The
// octets are copied to a place of fixed size and the packets let go of at once, so that unfinished
// datagrams cost no packet of the pool. Owner: one worker.
//
// Limits: 64 unfinished datagrams, 16 of one source, 2 s each. Who comes when all is full takes the
// place of the oldest: a flood must renew the whole table while one honest datagram arrives to push
// that one out, and a single source pushes out only its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/headers.h"
#include "drivers/base/clock.h"
#include "drivers/wire/counters.h"

namespace tandem::dataplane {

class Fragments {
 public:
  static constexpr std::uint32_t kDatagrams = 64;
  static constexpr std::uint32_t kDatagramsPerSource = 16;
  // Shorter than RFC 1122 §3.3.2 would have it: SIP repeats in half a second, under another
  // identification, and old pieces must not meet a number's next use (RFC 4963).
  static constexpr base::Nanos kPatience = base::Seconds{2};
  // Of the IPv4 payload, UDP header included.
  static constexpr std::size_t kOctetsMax = 65535 - kIp4Bytes;
  // What the narrowest link carries (RFC 791: 68 octets): no first fragment is shorter. Later ones
  // may be, where a second router cut a fragment again.
  static constexpr std::size_t kFirstOctetsLeast = 48;

  // Takes all of its memory, about 4 MiB.
  explicit Fragments(wire::CounterBlock& counters);

  // REQUIRES: packet.is_fragment(). The whole frame, from its Ethernet header on, when this was the
  // last piece missing: good until the next add(). Else empty. All that happens is counted.
  Bytes add(const Ip4Packet& packet, base::Nanos now);
  // Once a turn: gives up what waited too long.
  void review(base::Nanos now);

  std::uint32_t unfinished() const { return count_; }

 private:
  static constexpr std::size_t kBlockOctets = 8;  // the unit of fragment offsets
  static constexpr std::size_t kBlocks = (kOctetsMax + kBlockOctets - 1) / kBlockOctets;

  struct Piece {
    std::size_t begin = 0;  // octets from the start of the IPv4 payload
    std::size_t end = 0;
    bool more = false;
  };
  // Which blocks of a datagram have come; asked and told by ranges.
  class Blocks {
   public:
    std::size_t count(std::size_t first, std::size_t behind) const;
    void set(std::size_t first, std::size_t behind);
    void clear() { words_ = {}; }

   private:
    static constexpr std::size_t kWordBits = 64;
    template <typename Visit>
    static void each_word(std::size_t first, std::size_t behind, Visit&& visit);

    std::array<std::uint64_t, (kBlocks + kWordBits - 1) / kWordBits> words_{};
  };
  struct Room {
    std::array<std::byte, kEtherBytes + kIp4Bytes + kOctetsMax> frame;
    Blocks here;
  };
  struct Datagram {
    std::uint32_t from_ip = 0;  // network order
    std::uint32_t to_ip = 0;
    std::uint16_t id = 0;
    std::uint16_t room = 0;
    std::uint32_t octets = 0;  // that have come, each once
    std::uint32_t reach = 0;   // end of the furthest piece
    std::uint32_t total = 0;   // 0: the last piece hasn't come
    base::Nanos since{};
  };

  static Fault check(const Piece& piece);
  Datagram& find_or_open(const rte_ipv4_hdr& ip, base::Nanos now);
  std::uint32_t find_place(const rte_ipv4_hdr& ip);
  // False: contradicts or overlaps what has come.
  bool place(Datagram& datagram, const Ip4Packet& packet, const Piece& piece);
  Bytes finish(Datagram& datagram);
  void forget(Datagram& datagram);

  wire::CounterBlock& counters_;
  std::vector<Room> rooms_;
  std::array<Datagram, kDatagrams> datagrams_;  // the first count_ are in use; rooms of the rest
  std::uint32_t count_ = 0;                     // are free
  base::Nanos next_review_{};
};

}  // namespace tandem::dataplane
