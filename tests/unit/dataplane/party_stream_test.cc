#include "dataplane/party_stream.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;

constexpr base::Nanos kStart = base::Seconds{1000};

class PartyStreamTest : public ::testing::Test {
 protected:
  // What the party hears of a relayed packet; no value: nothing.
  std::optional<RtpHead> relay(const std::vector<std::uint8_t>& packet, base::Nanos at) {
    Frame frame = udp_frame(way_, packet);
    Ip4Packet ip;
    UdpPacket udp;
    EXPECT_FALSE(parse_ip4(frame, ip) || parse_udp(ip, udp));
    if (!stream_.pass(udp, at, 8)) return std::nullopt;
    EXPECT_TRUE(udp_checksum_right(frame));
    EXPECT_TRUE(std::equal(packet.begin() + 12, packet.end(),
                           reinterpret_cast<const std::uint8_t*>(udp.payload.data()) + 12));
    marker_ = (std::to_integer<int>(udp.payload[1]) & 0x80) != 0;
    return read_rtp(udp.payload);
  }
  void play(int frames) {
    for (int i = 0; i < frames; ++i) {
      const RtpHead head = stream_.next(timestamp_, timestamp_, now_);
      timestamp_ += 160;
      now_ += base::Millis{20};
      last_ = head;
    }
  }

  const Way way_{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 4000, 20000};
  PartyStream stream_;
  base::Nanos now_ = kStart;
  std::uint32_t timestamp_ = 0xffffff00;
  RtpHead last_;
  bool marker_ = false;
};

TEST_F(PartyStreamTest, WhatIsRelayedAfterASoundGoesOnWithItsNumbers) {
  stream_.begin(7, 65533, timestamp_);
  play(3);
  EXPECT_EQ(last_.sequence, 0);
  EXPECT_EQ(last_.ssrc, 7u);
  EXPECT_EQ(last_.timestamp, 0xffffff00 + 320);
  const auto first = relay(rtp(100, 50'000, 99), now_);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->ssrc, 7u);
  EXPECT_EQ(first->sequence, 1);
  EXPECT_EQ(first->timestamp, last_.timestamp + 160);
  EXPECT_EQ(first->payload_type, 8);
  EXPECT_TRUE(marker_);
  const auto third = relay(rtp(102, 50'320, 99), now_ + base::Millis{40});
  EXPECT_EQ(third->sequence, 3);
  EXPECT_EQ(third->timestamp, first->timestamp + 320);
  EXPECT_FALSE(marker_);
  // One that was overtaken keeps its place.
  const auto second = relay(rtp(101, 50'160, 99), now_ + base::Millis{41});
  EXPECT_EQ(second->sequence, 2);
  EXPECT_EQ(second->timestamp, first->timestamp + 160);
}

TEST_F(PartyStreamTest, TimeThatPassedInSilenceIsInTheTimestamps) {
  stream_.begin(7, 1, 0);
  timestamp_ = 0;
  play(1);
  now_ += base::Seconds{1};
  EXPECT_EQ(relay(rtp(100, 5, 99), now_)->timestamp, 160u + 8000u);
}

TEST_F(PartyStreamTest, ASoundInTheMiddleOfATalkIsPartOfIt) {
  // Heard as it came, up to number 500.
  stream_.go_on({.sequence = 500, .timestamp = 8000, .ssrc = 99}, now_);
  timestamp_ = stream_.timestamp_at(now_, 8);
  EXPECT_EQ(timestamp_, 8160u);
  play(2);
  EXPECT_EQ(last_.ssrc, 99u);
  EXPECT_EQ(last_.sequence, 502);
  // The source has sent three packets meanwhile, of which nothing was relayed.
  const auto after = relay(rtp(504, 8000 + 3 * 160, 99), now_);
  EXPECT_EQ(after->sequence, 503);
  EXPECT_EQ(after->timestamp, 8160u + 320);
}

TEST_F(PartyStreamTest, WhatIsOlderThanASoundIsRefused) {
  stream_.begin(7, 10, 0);
  play(1);
  ASSERT_TRUE(relay(rtp(100, 0, 99), now_));
  EXPECT_FALSE(relay(rtp(99, 0, 99), now_)) << "its number is the sound's";
  EXPECT_TRUE(relay(rtp(101, 160, 99), now_));
}

TEST_F(PartyStreamTest, AnotherSourceIsTheSameStream) {
  stream_.begin(7, 10, 0);
  play(1);
  relay(rtp(100, 0, 99), now_);
  const auto other = relay(rtp(9000, 77, 1234), now_ + base::Millis{20});
  EXPECT_EQ(other->ssrc, 7u);
  EXPECT_EQ(other->sequence, 13);
  EXPECT_TRUE(marker_);
}

TEST_F(PartyStreamTest, ManyPacketsLaterItStillKnowsWhatIsNew) {
  stream_.begin(7, 10, 0);
  play(1);
  for (std::uint32_t i = 0; i < 70'000; ++i) {
    const auto heard =
        relay(rtp(static_cast<std::uint16_t>(100 + i), 160 * i, 99), now_ + base::Millis{20} * i);
    ASSERT_TRUE(heard) << i;
    ASSERT_EQ(heard->sequence, static_cast<std::uint16_t>(12 + i));
    ASSERT_EQ(heard->timestamp, 0xffffff00 + 160 + 160 * i);
  }
}

}  // namespace
}  // namespace tandem::dataplane
