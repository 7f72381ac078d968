// Who is behind a next hop's address: port and IPv4 address → MAC. Dataplane main is the sole
// writer of keys and values; workers read without a lock and set only `used`. Bounded: 8192 places
// in sets of 8; a full set refuses and counts.
#pragma once

#include <rte_ether.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace tandem::dataplane {

enum class NeighborState : std::uint8_t {
  kAbsent = 0,  // nobody asked yet
  kAsked = 1,   // ARP requests are under way
  kKnown = 2,
  kFailed = 3,  // nobody answered; the next packet makes main ask again
};

struct Neighbor {
  NeighborState state = NeighborState::kAbsent;
  rte_ether_addr mac{};
};

class NeighborTable {
 public:
  // Any thread. Marks the neighbour as used, so that main keeps it fresh.
  Neighbor use(std::uint16_t port, std::uint32_t ip);
  // Any thread.
  Neighbor look(std::uint16_t port, std::uint32_t ip);
  // Grows with every change: workers look again for packets that wait.
  std::uint32_t version() const { return version_.load(std::memory_order_acquire); }
  // Next hops refused because their set was full.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

  // Main only. False: no place.
  bool put(std::uint16_t port, std::uint32_t ip, const Neighbor& neighbor);
  void erase(std::uint16_t port, std::uint32_t ip);
  // Main only: was it used since the last call?
  bool take_used(std::uint16_t port, std::uint32_t ip);

 private:
  struct alignas(32) Place {
    std::atomic<std::uint64_t> key{0};    // main writes; 0: free
    std::atomic<std::uint64_t> value{0};  // main writes: MAC and state
    std::atomic<std::uint32_t> used{0};   // workers set, main clears
  };
  static constexpr std::size_t kSets = 1024;
  static constexpr std::size_t kPlacesPerSet = 8;
  using Set = std::array<Place, kPlacesPerSet>;

  static std::uint64_t key_of(std::uint16_t port, std::uint32_t ip);
  Set& set_of(std::uint64_t key);
  Place* find(std::uint64_t key);
  static Neighbor read(const Place& place, std::uint64_t key);
  void changed() { version_.fetch_add(1, std::memory_order_release); }

  std::array<Set, kSets> sets_;
  alignas(64) std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace tandem::dataplane
