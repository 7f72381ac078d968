#include "dataplane/waiting_room.h"

namespace tandem::dataplane {

bool WaitingRoom::holds(std::uint16_t port, std::uint32_t next_hop) const {
  Guest wanted;
  wanted.next_hop = next_hop;
  wanted.port = port;
  return holds_among(count_, wanted);
}

bool WaitingRoom::add(const Guest& guest) {
  if (count_ == kPlaces) return false;
  std::uint32_t alike = 0;
  for (std::uint32_t i = 0; i < count_; ++i) alike += guests_[i].same_hop(guest) ? 1 : 0;
  if (alike >= kPlacesPerHop) return false;
  guests_[count_++] = guest;
  return true;
}

}  // namespace tandem::dataplane
