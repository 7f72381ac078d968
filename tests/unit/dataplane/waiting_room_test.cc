#include "dataplane/waiting_room.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::dataplane {
namespace {

// The room never looks into a packet: any address will do.
WaitingRoom::Guest guest(std::uintptr_t number, std::uint32_t hop, std::uint16_t port = 0) {
  WaitingRoom::Guest out;
  out.packet = reinterpret_cast<rte_mbuf*>(number * 64);
  out.next_hop = hop;
  out.port = port;
  return out;
}

std::uintptr_t number(const WaitingRoom::Guest& guest) {
  return reinterpret_cast<std::uintptr_t>(guest.packet) / 64;
}

TEST(WaitingRoom, LetsGoInOrder) {
  WaitingRoom room;
  for (std::uintptr_t i = 1; i <= 6; ++i) ASSERT_TRUE(room.add(guest(i, i % 2 == 0 ? 20 : 10)));
  EXPECT_TRUE(room.holds(0, 10));
  EXPECT_FALSE(room.holds(1, 10));
  std::vector<std::uintptr_t> gone;
  room.review([&](const WaitingRoom::Guest& one) {
    if (one.next_hop != 10) return false;
    gone.push_back(number(one));
    return true;
  });
  EXPECT_EQ(gone, (std::vector<std::uintptr_t>{1, 3, 5}));
  EXPECT_FALSE(room.holds(0, 10));
  EXPECT_TRUE(room.holds(0, 20));
  gone.clear();
  room.review([&](const WaitingRoom::Guest& one) { return gone.push_back(number(one)), true; });
  EXPECT_EQ(gone, (std::vector<std::uintptr_t>{2, 4, 6}));
  EXPECT_TRUE(room.empty());
}

TEST(WaitingRoom, NobodyOvertakesWhoStayed) {
  WaitingRoom room;
  for (std::uintptr_t i = 1; i <= 4; ++i) ASSERT_TRUE(room.add(guest(i, 10)));
  int asked = 0;
  // The hop becomes known while the room is being looked through.
  room.review([&](const WaitingRoom::Guest&) { return ++asked > 1; });
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(room.holds(0, 10));
}

TEST(WaitingRoom, OneSilentHopLeavesRoomForOthers) {
  WaitingRoom room;
  std::uint32_t taken = 0;
  while (room.add(guest(1, 10))) ++taken;
  EXPECT_EQ(taken, WaitingRoom::kPlacesPerHop);
  EXPECT_TRUE(room.add(guest(2, 20)));
  EXPECT_TRUE(room.add(guest(3, 10, 1)));
}

TEST(WaitingRoom, IsBounded) {
  WaitingRoom room;
  for (std::uint32_t i = 0; i < WaitingRoom::kPlaces; ++i) ASSERT_TRUE(room.add(guest(1, i + 1)));
  EXPECT_FALSE(room.add(guest(1, 9999)));
}

}  // namespace
}  // namespace tandem::dataplane
