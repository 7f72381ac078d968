#include "dataplane/rtcp.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::dataplane {
namespace {

using base::Millis;
using base::Nanos;
using base::Seconds;

constexpr Nanos kNow = Seconds{5000};
constexpr std::uint32_t kMiddle = 0xabcd1234;

class Octets {
 public:
  Octets& octet(unsigned value) {
    out_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Octets& word(unsigned value) { return octet(value >> 8).octet(value & 255); }
  Octets& longs(std::initializer_list<std::uint32_t> values) {
    for (const auto value : values) word(value >> 16).word(value & 0xffff);
    return *this;
  }
  Octets& add(const std::vector<std::byte>& more) {
    out_.insert(out_.end(), more.begin(), more.end());
    return *this;
  }
  operator std::vector<std::byte>() const { return out_; }

 private:
  std::vector<std::byte> out_;
};

struct Block {
  std::uint32_t ssrc = 1;
  std::uint8_t fraction = 0;
  std::int32_t lost = 0;
  std::uint32_t jitter = 0;
  std::uint32_t last_sr = 0;
  std::uint32_t delay = 0;
};

std::vector<std::byte> blocks(const std::vector<Block>& of) {
  Octets out;
  for (const Block& b : of) {
    out.longs({b.ssrc, b.fraction << 24 | (static_cast<std::uint32_t>(b.lost) & 0xffffff), 77,
               b.jitter, b.last_sr, b.delay});
  }
  return out;
}

std::vector<std::byte> receiver_report(const std::vector<Block>& of, std::uint32_t sender = 9) {
  const auto count = static_cast<unsigned>(of.size());
  return Octets()
      .octet(0x80 | count)
      .octet(201)
      .word(1 + 6 * count)
      .longs({sender})
      .add(blocks(of));
}

std::vector<std::byte> sender_report(std::uint32_t middle, const std::vector<Block>& of = {},
                                     std::uint32_t sender = 8) {
  const auto count = static_cast<unsigned>(of.size());
  return Octets()
      .octet(0x80 | count)
      .octet(200)
      .word(6 + 6 * count)
      .longs({sender, 0x7777u << 16 | middle >> 16, middle << 16 | 0x5555, 160, 1, 160})
      .add(blocks(of));
}

std::vector<std::byte> source_description() {
  return Octets().octet(0x81).octet(202).word(2).longs({9, 0x01026162});
}

// `here`: what one party sends to us; `there`: the other party.
class RtcpTest : public ::testing::Test {
 protected:
  bool here_says(const std::vector<std::byte>& payload, Nanos now = kNow) {
    return here.read(payload, there, now);
  }
  bool there_says(const std::vector<std::byte>& payload, Nanos now = kNow) {
    return there.read(payload, here, now);
  }
  wire::ReceptionReport report() const { return here.report(8); }

  RtcpReader here, there;
};

TEST_F(RtcpTest, NothingIsKnownAtFirst) {
  EXPECT_EQ(report().reports, 0u);
  EXPECT_TRUE(here_says(receiver_report({})));
  EXPECT_EQ(report().reports, 0u) << "there was nothing in it";
  EXPECT_EQ(report().round_trip_us, 0u);
}

TEST_F(RtcpTest, TheLatestReportCounts) {
  EXPECT_TRUE(here_says(receiver_report({{.ssrc = 5, .fraction = 3, .lost = 2, .jitter = 8}})));
  EXPECT_TRUE(
      here_says(sender_report(1, {{.ssrc = 6, .fraction = 128, .lost = 0x7fffff, .jitter = 400}})));
  EXPECT_EQ(report().reports, 2u);
  EXPECT_EQ(report().ssrc, 6u);
  EXPECT_EQ(report().fraction_lost, 128);
  EXPECT_EQ(report().lost, 0x7fffff);
  EXPECT_EQ(report().jitter_us, 50'000u);
  EXPECT_EQ(here.report(48).jitter_us, 8'333u);
}

TEST_F(RtcpTest, DuplicatesMakeALossOfLessThanNothing) {
  EXPECT_TRUE(here_says(receiver_report({{.lost = -3}})));
  EXPECT_EQ(report().lost, -3);
  EXPECT_TRUE(here_says(receiver_report({{.lost = -0x800000}})));
  EXPECT_EQ(report().lost, -0x800000);
}

TEST_F(RtcpTest, AnyJitterFits) {
  EXPECT_TRUE(here_says(receiver_report({{.jitter = UINT32_MAX}})));
  EXPECT_EQ(here.report(1).jitter_us, UINT32_MAX);
}

TEST_F(RtcpTest, OfSeveralBlocksTheOneAboutTheOtherPartyIsTaken) {
  const std::vector<Block> several = {{.ssrc = 1, .lost = 1}, {.ssrc = 2, .lost = 2}, {.ssrc = 3}};
  EXPECT_TRUE(here_says(receiver_report(several)));
  EXPECT_EQ(report().lost, 1) << "nobody has said who he is";
  EXPECT_TRUE(there_says(sender_report(7, {}, 2)));
  EXPECT_TRUE(here_says(receiver_report(several)));
  EXPECT_EQ(report().lost, 2);
  EXPECT_EQ(report().reports, 2u);
}

TEST_F(RtcpTest, ReadsCompoundAndReducedPackets) {
  const auto compound = Octets()
                            .add(receiver_report({{.lost = 4}}))
                            .add(source_description())
                            .add(Octets().octet(0x80).octet(204).word(2).longs({9, 0x6e616d65}));
  EXPECT_TRUE(here_says(compound));
  EXPECT_EQ(report().lost, 4);
  EXPECT_TRUE(here_says(source_description()));
  EXPECT_TRUE(here_says(Octets().octet(0x81).octet(206).word(2).longs({9, 1}))) << "feedback alone";
  EXPECT_EQ(report().reports, 1u);
}

TEST_F(RtcpTest, WhatIsNotWholeIsNotRead) {
  const std::vector<std::byte> good =
      Octets().add(sender_report(1, {{.lost = 4}})).add(source_description());
  for (std::size_t size = 1; size < good.size(); ++size) {
    const bool whole = size == 52;  // the sender report alone
    EXPECT_EQ(here_says({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), whole)
        << size;
  }
  EXPECT_EQ(report().reports, 1u);
  EXPECT_TRUE(here_says(good));
  const auto with = [&](std::size_t at, unsigned value) {
    auto bad = good;
    bad[at] = static_cast<std::byte>(value);
    return bad;
  };
  EXPECT_FALSE(here_says(with(0, 0x41))) << "version 1";
  EXPECT_FALSE(here_says(with(0, 0x82))) << "two blocks of one";
  EXPECT_FALSE(here_says(with(1, 111))) << "no RTCP";
  EXPECT_FALSE(here_says(with(3, 11))) << "shorter than its blocks";
  EXPECT_FALSE(here_says(with(2, 255))) << "longer than the datagram";
  EXPECT_FALSE(here_says(with(52, 0x01))) << "the second packet's version";
  EXPECT_FALSE(here_says(Octets().add(good).octet(0))) << "an octet behind it";
  EXPECT_EQ(report().reports, 2u);
}

// RFC 3711 §3.4: the first 8 octets are plain, and behind the rest come E, an index and a tag.
TEST_F(RtcpTest, EncryptedReportsAreNotRead) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    std::vector<std::byte> packet =
        Octets().add(sender_report(1, {{.lost = 4}})).add(source_description());
    std::uint32_t noise = seed;
    for (std::size_t at = 8; at < packet.size(); ++at) {
      packet[at] = static_cast<std::byte>((noise = noise * 1664525 + 1013904223) >> 24);
    }
    packet = Octets().add(packet).longs({0x80000000u | seed, 0x12345678, 0x9abcdef0}).word(7);
    EXPECT_FALSE(here_says(packet)) << seed;
    const auto alone = Octets().add(sender_report(seed)).longs({0x80000001, 1, 2}).word(3);
    EXPECT_FALSE(here_says(alone));
  }
  EXPECT_EQ(report().reports, 0u);
}

TEST_F(RtcpTest, TheRoundTripIsFromTheReportThatPassedToItsAnswer) {
  EXPECT_TRUE(there_says(sender_report(kMiddle)));
  // It held the report for half a second.
  EXPECT_TRUE(
      here_says(receiver_report({{.last_sr = kMiddle, .delay = 32768}}), kNow + Millis{530}));
  EXPECT_EQ(report().round_trip_us, 30'000u);
  EXPECT_TRUE(here_says(receiver_report({{}}), kNow + Seconds{2}));
  EXPECT_EQ(report().round_trip_us, 30'000u) << "one without an answer changes nothing";
  EXPECT_EQ(there.report(8).round_trip_us, 0u);
}

TEST_F(RtcpTest, AnAnswerMayCrossLaterReports) {
  for (std::uint32_t i = 1; i <= 4; ++i) {
    EXPECT_TRUE(there_says(sender_report(i), kNow + Seconds{i}));
  }
  EXPECT_TRUE(here_says(receiver_report({{.last_sr = 1}}), kNow + Seconds{5}));
  EXPECT_EQ(report().round_trip_us, 0u) << "forgotten";
  EXPECT_TRUE(here_says(receiver_report({{.last_sr = 2}}), kNow + Seconds{5}));
  EXPECT_EQ(report().round_trip_us, 3'000'000u);
  EXPECT_TRUE(here_says(receiver_report({{.last_sr = 4}}), kNow + Seconds{5}));
  EXPECT_EQ(report().round_trip_us, 1'000'000u);
}

TEST_F(RtcpTest, NoRoundTripIsMadeUp) {
  EXPECT_TRUE(there_says(sender_report(kMiddle)));
  const auto answer = [&](Block block, Nanos at) { here_says(receiver_report({block}), at); };
  answer({.last_sr = kMiddle + 1}, kNow + Millis{10});
  answer({.last_sr = 0, .delay = 1}, kNow + Millis{10});
  answer({.last_sr = kMiddle, .delay = 65536}, kNow + Millis{900});  // it would have been early
  answer({.last_sr = kMiddle, .delay = UINT32_MAX}, kNow + Millis{900});  // 18 hours
  answer({.last_sr = kMiddle}, kNow + Seconds{61});
  EXPECT_EQ(report().reports, 5u);
  EXPECT_EQ(report().round_trip_us, 0u);
  // One that is as short as can be is not "unknown"; what it told is rounded.
  answer({.last_sr = kMiddle, .delay = 655}, kNow + Nanos{9'990'000});
  EXPECT_EQ(report().round_trip_us, 1u);
}

TEST_F(RtcpTest, TheClocksWrapHarmsNothing) {
  const Nanos before_wrap = std::chrono::microseconds{UINT32_MAX - 5'000};
  EXPECT_TRUE(there_says(sender_report(kMiddle), before_wrap));
  EXPECT_TRUE(here_says(receiver_report({{.last_sr = kMiddle}}), before_wrap + Millis{20}));
  EXPECT_EQ(report().round_trip_us, 20'000u);
}

}  // namespace
}  // namespace tandem::dataplane
