#include "dataplane/neighbor_table.h"

#include <cstring>

namespace tandem::dataplane {
namespace {

constexpr unsigned kStateShift = 48;

std::uint64_t pack(const Neighbor& neighbor) {
  std::uint64_t value = 0;
  std::memcpy(&value, neighbor.mac.addr_bytes, sizeof neighbor.mac.addr_bytes);
  return value | static_cast<std::uint64_t>(neighbor.state) << kStateShift;
}

Neighbor unpack(std::uint64_t value) {
  Neighbor out;
  out.state = static_cast<NeighborState>(value >> kStateShift & 3);
  std::memcpy(out.mac.addr_bytes, &value, sizeof out.mac.addr_bytes);
  return out;
}

}  // namespace

std::uint64_t NeighborTable::key_of(std::uint16_t port, std::uint32_t ip) {
  return (std::uint64_t{port} + 1) << 32 | ip;
}

NeighborTable::Set& NeighborTable::set_of(std::uint64_t key) {
  static_assert(kSets == 1 << 10);
  return sets_[key * 0x9E3779B97F4A7C15ull >> (64 - 10)];
}

NeighborTable::Place* NeighborTable::find(std::uint64_t key) {
  for (Place& place : set_of(key)) {
    if (place.key.load(std::memory_order_acquire) == key) return &place;
  }
  return nullptr;
}

Neighbor NeighborTable::read(const Place& place, std::uint64_t key) {
  const std::uint64_t value = place.value.load(std::memory_order_acquire);
  // Main may have given the place to another neighbour in between.
  return place.key.load(std::memory_order_acquire) == key ? unpack(value) : Neighbor{};
}

Neighbor NeighborTable::look(std::uint16_t port, std::uint32_t ip) {
  const std::uint64_t key = key_of(port, ip);
  const Place* place = find(key);
  return place != nullptr ? read(*place, key) : Neighbor{};
}

Neighbor NeighborTable::use(std::uint16_t port, std::uint32_t ip) {
  const std::uint64_t key = key_of(port, ip);
  Place* place = find(key);
  if (place == nullptr) return {};
  // A store without need would take the line away from the other workers.
  if (place->used.load(std::memory_order_relaxed) == 0) {
    place->used.store(1, std::memory_order_relaxed);
  }
  return read(*place, key);
}

bool NeighborTable::put(std::uint16_t port, std::uint32_t ip, const Neighbor& neighbor) {
  const std::uint64_t key = key_of(port, ip);
  Place* free = nullptr;
  for (Place& place : set_of(key)) {
    const std::uint64_t there = place.key.load(std::memory_order_relaxed);
    if (there == key) {
      place.value.store(pack(neighbor), std::memory_order_release);
      changed();
      return true;
    }
    if (there == 0 && free == nullptr) free = &place;
  }
  if (free == nullptr) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  free->value.store(pack(neighbor), std::memory_order_release);
  free->used.store(0, std::memory_order_relaxed);
  free->key.store(key, std::memory_order_release);
  changed();
  return true;
}

void NeighborTable::erase(std::uint16_t port, std::uint32_t ip) {
  Place* place = find(key_of(port, ip));
  if (place == nullptr) return;
  place->key.store(0, std::memory_order_release);
  changed();
}

bool NeighborTable::take_used(std::uint16_t port, std::uint32_t ip) {
  Place* place = find(key_of(port, ip));
  return place != nullptr && place->used.exchange(0, std::memory_order_relaxed) != 0;
}

}  // namespace tandem::dataplane
