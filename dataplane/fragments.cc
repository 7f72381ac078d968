#include "dataplane/fragments.h"

#include <rte_byteorder.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace tandem::dataplane {
namespace {

using wire::Counter;

constexpr base::Nanos kAgeing = base::Millis{10};

bool same(const auto& datagram, const rte_ipv4_hdr& ip) {
  return datagram.id == ip.packet_id && datagram.from_ip == ip.src_addr &&
         datagram.to_ip == ip.dst_addr;
}

}  // namespace

template <typename Visit>
void Fragments::Blocks::each_word(std::size_t first, std::size_t behind, Visit&& visit) {
  const std::size_t last = behind - 1;
  for (std::size_t word = first / kWordBits; word <= last / kWordBits; ++word) {
    std::uint64_t mask = ~std::uint64_t{0};
    if (word == first / kWordBits) mask &= mask << first % kWordBits;
    if (word == last / kWordBits) mask &= ~std::uint64_t{0} >> (kWordBits - 1 - last % kWordBits);
    visit(word, mask);
  }
}

std::size_t Fragments::Blocks::count(std::size_t first, std::size_t behind) const {
  int count = 0;
  each_word(first, behind, [&](std::size_t word, std::uint64_t mask) {
    count += std::popcount(words_[word] & mask);
  });
  return static_cast<std::size_t>(count);
}

void Fragments::Blocks::set(std::size_t first, std::size_t behind) {
  each_word(first, behind, [&](std::size_t word, std::uint64_t mask) { words_[word] |= mask; });
}

Fragments::Fragments(wire::CounterBlock& counters) : counters_(counters), rooms_(kDatagrams) {
  for (std::uint16_t i = 0; i < kDatagrams; ++i) datagrams_[i].room = i;
}

Bytes Fragments::add(const Ip4Packet& packet, base::Nanos now) {
  counters_.add(Counter::fragments_received);
  Piece piece;
  piece.begin = packet.fragment_offset();
  piece.end = piece.begin + packet.payload.size();
  piece.more = packet.more_fragments();
  if (const Fault fault = check(piece)) {
    counters_.add(fault.reason);
    return {};
  }
  Datagram& datagram = find_or_open(*packet.ip, now);
  if (!place(datagram, packet, piece)) {
    counters_.add(Counter::drop_fragment_overlap);
    forget(datagram);
    return {};
  }
  return datagram.octets == datagram.total ? finish(datagram) : Bytes{};
}

Fault Fragments::check(const Piece& piece) {
  const std::size_t octets = piece.end - piece.begin;
  if (octets == 0 || (piece.more && octets % kBlockOctets != 0)) {
    return {Counter::drop_fragment_malformed};
  }
  if (piece.begin == 0 && octets < kFirstOctetsLeast) return {Counter::drop_fragment_tiny};
  if (piece.end > kOctetsMax) return {Counter::drop_fragment_oversize};
  return {};
}

Fragments::Datagram& Fragments::find_or_open(const rte_ipv4_hdr& ip, base::Nanos now) {
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (same(datagrams_[i], ip)) return datagrams_[i];
  }
  Datagram& fresh = datagrams_[find_place(ip)];
  fresh.from_ip = ip.src_addr;
  fresh.to_ip = ip.dst_addr;
  fresh.id = ip.packet_id;
  fresh.octets = fresh.reach = fresh.total = 0;
  fresh.since = now;
  rooms_[fresh.room].here.clear();
  return fresh;
}

// A free place, or else that of the source's oldest or of the oldest of all.
std::uint32_t Fragments::find_place(const rte_ipv4_hdr& ip) {
  std::uint32_t of_source = 0;
  std::uint32_t oldest = 0;
  std::uint32_t oldest_of_source = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (datagrams_[i].since < datagrams_[oldest].since) oldest = i;
    if (datagrams_[i].from_ip != ip.src_addr) continue;
    if (of_source++ == 0 || datagrams_[i].since < datagrams_[oldest_of_source].since) {
      oldest_of_source = i;
    }
  }
  if (of_source >= kDatagramsPerSource) {
    counters_.add(Counter::drop_fragment_source_full);
    return oldest_of_source;
  }
  if (count_ == kDatagrams) {
    counters_.add(Counter::drop_fragment_table_full);
    return oldest;
  }
  return count_++;
}

bool Fragments::place(Datagram& datagram, const Ip4Packet& packet, const Piece& piece) {
  Room& room = rooms_[datagram.room];
  const auto end = static_cast<std::uint32_t>(piece.end);
  if (datagram.total != 0 && (piece.more ? end > datagram.total : end != datagram.total)) {
    return false;
  }
  const std::size_t first = piece.begin / kBlockOctets;
  const std::size_t behind = (piece.end + kBlockOctets - 1) / kBlockOctets;
  const std::size_t known = room.here.count(first, behind);
  if (known == behind - first) {  // what came first stays
    counters_.add(Counter::drop_fragment_duplicate);
    return true;
  }
  if (known != 0) return false;
  if (!piece.more) {
    if (datagram.reach > end) return false;
    datagram.total = end;
  }
  room.here.set(first, behind);
  if (piece.begin == 0) std::memcpy(room.frame.data(), packet.ether, kEtherBytes + kIp4Bytes);
  std::memcpy(room.frame.data() + kEtherBytes + kIp4Bytes + piece.begin, packet.payload.data(),
              packet.payload.size());
  datagram.octets += static_cast<std::uint32_t>(packet.payload.size());
  datagram.reach = std::max(datagram.reach, end);
  return true;
}

Bytes Fragments::finish(Datagram& datagram) {
  Room& room = rooms_[datagram.room];
  auto& ip = *reinterpret_cast<rte_ipv4_hdr*>(room.frame.data() + kEtherBytes);
  ip.fragment_offset = 0;
  ip.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(kIp4Bytes + datagram.total));
  set_ip4_checksum(ip);
  counters_.add(Counter::datagrams_reassembled);
  const Bytes whole = Bytes(room.frame).first(kEtherBytes + kIp4Bytes + datagram.total);
  forget(datagram);
  return whole;
}

void Fragments::forget(Datagram& datagram) { std::swap(datagram, datagrams_[--count_]); }

void Fragments::review(base::Nanos now) {
  if (count_ == 0 || now < next_review_) return;
  next_review_ = now + kAgeing;
  for (std::uint32_t i = count_; i-- != 0;) {
    if (now - datagrams_[i].since < kPatience) continue;
    counters_.add(Counter::drop_fragment_timeout);
    forget(datagrams_[i]);
  }
}

}  // namespace tandem::dataplane
