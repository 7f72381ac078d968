#include "dataplane/telephone_event.h"

#include <gtest/gtest.h>

#include <array>

namespace tandem::dataplane {
namespace {

std::optional<EventReader::Heard> hear(EventReader& reader, std::uint32_t timestamp,
                                       std::uint8_t event, std::uint16_t duration, bool end) {
  return reader.read({.timestamp = timestamp}, {.event = event, .end = end, .duration = duration});
}

TEST(TelephoneEventTest, IsWrittenAsTheRfcHasIt) {
  std::array<std::byte, 4> out{};
  TelephoneEvent{.event = 11, .volume = 10, .end = true, .duration = 800}.write(out);
  EXPECT_EQ(out, (std::array{std::byte{11}, std::byte{0x8a}, std::byte{3}, std::byte{0x20}}));
  const auto read = TelephoneEvent::read(out);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->event, 11);
  EXPECT_EQ(read->volume, 10);
  EXPECT_TRUE(read->end);
  EXPECT_EQ(read->duration, 800);
  EXPECT_FALSE(TelephoneEvent::read(std::span(out).first(3)));
}

TEST(TelephoneEventTest, AnEventIsToldOnceAtItsEnd) {
  EventReader reader;
  EXPECT_FALSE(hear(reader, 1000, 5, 160, false));
  EXPECT_FALSE(hear(reader, 1000, 5, 320, false));
  const auto told = hear(reader, 1000, 5, 480, true);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->event, 5);
  EXPECT_EQ(told->duration, 480);
  EXPECT_FALSE(hear(reader, 1000, 5, 480, true));
  EXPECT_FALSE(hear(reader, 1000, 5, 480, true));
  EXPECT_FALSE(hear(reader, 1000, 5, 320, false)) << "overtaken";
  // The same digit again.
  EXPECT_TRUE(hear(reader, 9000, 5, 480, true));
}

TEST(TelephoneEventTest, OneWhoseEndsAreLostIsToldByTheNext) {
  EventReader reader;
  EXPECT_FALSE(hear(reader, 1000, 5, 160, false));
  const auto lost = hear(reader, 5000, 6, 160, false);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->event, 5);
  EXPECT_EQ(lost->duration, 160);
  const auto next = hear(reader, 5000, 6, 320, true);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->event, 6);
}

TEST(TelephoneEventTest, TheNextOnesEndAloneTellsBothOneAfterTheOther) {
  EventReader reader;
  hear(reader, 1000, 5, 160, false);
  EXPECT_EQ(hear(reader, 5000, 6, 320, true)->event, 5);
  EXPECT_EQ(hear(reader, 5000, 6, 320, true)->event, 6);
  EXPECT_FALSE(hear(reader, 5000, 6, 320, true));
}

TEST(TelephoneEventTest, WhatTheNetworkDelayedIsNoDigit) {
  EventReader reader;
  EXPECT_TRUE(hear(reader, 1000, 5, 160, true));
  EXPECT_TRUE(hear(reader, 5000, 6, 160, true));
  EXPECT_FALSE(hear(reader, 1000, 5, 160, true));
  // A source with other timestamps is none of that.
  EXPECT_TRUE(hear(reader, 5000 - 0x40000000u, 7, 160, true));
}

TEST(TelephoneEventTest, ALongOneIsOneInAllItsSegments) {
  EventReader reader;
  EXPECT_FALSE(hear(reader, 1000, 5, 0xffff, false));
  EXPECT_FALSE(hear(reader, 1000 + 0xffff, 5, 160, false));
  EXPECT_TRUE(hear(reader, 1000 + 0xffff, 5, 320, true));
}

}  // namespace
}  // namespace tandem::dataplane
