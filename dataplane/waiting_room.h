// Where packets wait while their next hop is being found. Bounded: 256 in all, 64 for one next hop,
// 3 s at most. They leave in the order they came. Owner: one worker; doesn't own the packets.
#pragma once

#include <array>
#include <cstdint>

#include "drivers/base/clock.h"

struct rte_mbuf;

namespace tandem::dataplane {

class WaitingRoom {
 public:
  static constexpr std::uint32_t kPlaces = 256;
  static constexpr std::uint32_t kPlacesPerHop = 64;
  static constexpr base::Nanos kPatience = base::Seconds{3};

  struct Guest {
    rte_mbuf* packet = nullptr;
    base::Nanos since{};
    std::uint32_t next_hop = 0;
    std::uint16_t port = 0;
    bool same_hop(const Guest& other) const {
      return next_hop == other.next_hop && port == other.port;
    }
  };

  bool empty() const { return count_ == 0; }
  bool holds(std::uint16_t port, std::uint32_t next_hop) const;
  // False: full.
  bool add(const Guest& guest);

  // Asks for each guest, in order, whether it goes: `goes(guest)` true means that the callee took
  // the packet. A guest stays when an earlier one for the same hop stayed.
  template <typename Goes>
  void review(Goes&& goes) {
    std::uint32_t stay = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Guest guest = guests_[i];
      if (holds_among(stay, guest) || !goes(guest)) guests_[stay++] = guest;
    }
    count_ = stay;
  }

 private:
  bool holds_among(std::uint32_t count, const Guest& guest) const {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (guests_[i].same_hop(guest)) return true;
    }
    return false;
  }

  std::array<Guest, kPlaces> guests_{};
  std::uint32_t count_ = 0;
};

}  // namespace tandem::dataplane
