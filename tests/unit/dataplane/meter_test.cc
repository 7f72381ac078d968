#include "dataplane/meter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using base::Millis;
using base::Nanos;

std::vector<std::byte> raw(std::initializer_list<int> octets, std::size_t length = 0) {
  std::vector<std::byte> out;
  for (const int octet : octets) out.push_back(static_cast<std::byte>(octet));
  if (out.size() < length) out.resize(length);
  return out;
}

// Feeds packets 20 ms apart, timestamps to match.
class Stream {
 public:
  void packet(int sequence, std::uint32_t ssrc = 1, Nanos late = {}) {
    RtpHead head;
    head.sequence = static_cast<std::uint16_t>(sequence);
    head.timestamp = static_cast<std::uint32_t>(sequence) * 160;
    head.ssrc = ssrc;
    head.payload_type = 8;
    now_ += Millis{20};
    meter_.measure(head, 172, now_ + late, 8);
  }
  void run(int from, int to) {
    for (int i = from; i <= to; ++i) packet(i);
  }
  void pause(Nanos time) { now_ += time; }
  // Something else for a while.
  void fax(Nanos time) {
    meter_.pause();
    meter_.count(40);
    now_ += time;
    meter_.pause();
  }
  void rtcp() { meter_.count(60); }
  wire::FlowFigures figures() const {
    wire::FlowFigures out;
    meter_.read(8, out);
    return out;
  }

 private:
  Meter meter_;
  Nanos now_ = base::Seconds{1000};
};

TEST(Meter, KnowsRtp) {
  EXPECT_TRUE(is_rtp(raw({0x80, 0}, 12)));
  EXPECT_FALSE(is_rtp(raw({0x80, 0}, 11)));
  EXPECT_FALSE(is_rtp(raw({0x40, 0}, 12)));
  EXPECT_FALSE(is_rtp({}));
  EXPECT_TRUE(is_rtp(raw({0x82, 0}, 20)));
  EXPECT_FALSE(is_rtp(raw({0x82, 0}, 19))) << "two CSRCs need 8 octets";
  const auto extended = raw({0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1}, 20);
  EXPECT_TRUE(is_rtp(extended));
  EXPECT_FALSE(is_rtp(std::span(extended).first(19)));
  EXPECT_FALSE(is_rtp(std::span(extended).first(15)));
  EXPECT_FALSE(is_rtp(raw({0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 200)));
}

TEST(Meter, KnowsRtcp) {
  EXPECT_TRUE(is_rtcp(raw({0x80, 200}, 8)));
  EXPECT_TRUE(is_rtcp(raw({0x81, 192}, 8)));
  EXPECT_TRUE(is_rtcp(raw({0x81, 223}, 8)));
  EXPECT_FALSE(is_rtcp(raw({0x80, 200}, 7)));
  EXPECT_FALSE(is_rtcp(raw({0x80, 191}, 8)));
  EXPECT_FALSE(is_rtcp(raw({0x80, 224}, 8)));
  EXPECT_FALSE(is_rtcp(raw({0x00, 200}, 8)));
}

TEST(Meter, ReadsTheHeader) {
  const auto packet = testing::rtp(0x1234, 0xa1b2c3d4, 0xdeadbeef);
  const RtpHead head = read_rtp(std::as_bytes(std::span(packet)));
  EXPECT_EQ(head.sequence, 0x1234);
  EXPECT_EQ(head.timestamp, 0xa1b2c3d4);
  EXPECT_EQ(head.ssrc, 0xdeadbeef);
  EXPECT_EQ(head.payload_type, 8);
}

TEST(Meter, AnEvenStreamHasNoFaults) {
  Stream stream;
  stream.run(100, 599);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.packets, 500u);
  EXPECT_EQ(figures.octets, 500u * 172);
  EXPECT_EQ(figures.lost, 0u);
  EXPECT_EQ(figures.reordered, 0u);
  EXPECT_EQ(figures.duplicated, 0u);
  EXPECT_EQ(figures.jitter_us, 0u);
  EXPECT_EQ(figures.largest_gap_us, 20'000u);
  EXPECT_EQ(figures.ssrc, 1u);
  EXPECT_EQ(figures.payload_type, 8);
}

TEST(Meter, WhatIsOnlyCountedMakesNoGap) {
  Stream stream;
  stream.rtcp();
  stream.run(1, 50);
  EXPECT_EQ(stream.figures().largest_gap_us, 20'000u);
  stream.fax(base::Seconds{30});
  stream.run(51, 100);
  EXPECT_EQ(stream.figures().largest_gap_us, 20'000u);
  EXPECT_EQ(stream.figures().jitter_us, 0u);
  EXPECT_EQ(stream.figures().lost, 0u);
  EXPECT_EQ(stream.figures().packets, 102u);
}

TEST(Meter, CountsLossAcrossTheWrap) {
  Stream stream;
  stream.run(65500, 65533);
  stream.run(65538, 65600);  // 65534, 65535, 0 and 1 are missing
  EXPECT_EQ(stream.figures().lost, 4u);
  for (int cycle = 0; cycle < 40; ++cycle) stream.run(cycle * 2000 + 65, cycle * 2000 + 2064);
  EXPECT_EQ(stream.figures().lost, 4u);
}

TEST(Meter, LateIsNotLost) {
  Stream stream;
  stream.run(1, 10);
  stream.packet(12);
  stream.packet(13);
  stream.packet(11);
  stream.packet(14);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.lost, 0u);
  EXPECT_EQ(figures.reordered, 1u);
  EXPECT_EQ(figures.duplicated, 0u);
}

TEST(Meter, LateAcrossTheWrapAndBeforeTheFirst) {
  Stream stream;
  stream.packet(65536);  // number 0 comes first
  stream.packet(65535);
  stream.packet(65537);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.lost, 0u);
  EXPECT_EQ(figures.reordered, 1u);
}

TEST(Meter, ADuplicateHidesNoLoss) {
  Stream stream;
  stream.run(1, 10);
  stream.packet(10);
  stream.packet(9);
  stream.packet(12);  // 11 is lost
  stream.packet(12);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.duplicated, 3u);
  EXPECT_EQ(figures.reordered, 0u);
  EXPECT_EQ(figures.lost, 1u);
  EXPECT_EQ(figures.packets, 14u);
}

TEST(Meter, OneWildNumberIsIgnoredTwoAreANewStart) {
  Stream stream;
  stream.run(1, 100);
  stream.packet(102);  // 101 is lost
  stream.packet(40000);
  EXPECT_EQ(stream.figures().lost, 1u);
  stream.run(103, 110);
  EXPECT_EQ(stream.figures().lost, 1u);
  stream.run(50000, 50010);
  stream.packet(50012);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.lost, 2u) << "what was lost before the new start still counts";
  EXPECT_EQ(figures.duplicated, 0u);
}

TEST(Meter, ANewSourceStartsAnewAndKeepsTheSum) {
  Stream stream;
  stream.run(1, 10);
  stream.packet(12);
  stream.packet(50000, 2);
  stream.packet(50003, 2);
  const auto figures = stream.figures();
  EXPECT_EQ(figures.lost, 3u);
  EXPECT_EQ(figures.ssrc, 2u);
}

TEST(Meter, MeasuresJitterAsTheRfcDoes) {
  Stream stream;
  // Alternately 0 and 5 ms late: |D| is always 5 ms, where the estimate settles.
  for (int i = 0; i < 400; ++i) stream.packet(i, 1, i % 2 == 0 ? Millis{0} : Millis{5});
  EXPECT_NEAR(stream.figures().jitter_us, 5000, 150);
}

// A codec of another clock: its timestamps are no jitter, and what was felt stays the time it was.
TEST(Meter, AnotherClockIsNoJitter) {
  Meter meter;
  Nanos now = base::Seconds{1000};
  std::uint32_t timestamp = 0;
  std::uint16_t sequence = 0;
  const auto run = [&](int packets, std::uint8_t khz, Nanos late) {
    for (int i = 0; i < packets; ++i) {
      RtpHead head;
      head.sequence = ++sequence;
      head.timestamp = timestamp += 20u * khz;
      now += Millis{20};
      meter.measure(head, 172, now + (i % 2 == 0 ? Nanos{} : late), khz);
    }
  };
  wire::FlowFigures figures;
  run(400, 8, Millis{5});
  meter.read(8, figures);
  const auto before = figures.jitter_us;  // in steps of 125 us
  meter.change_clock(8, 48);
  meter.read(48, figures);
  EXPECT_NEAR(figures.jitter_us, before, 125);
  run(1, 48, {});
  meter.read(48, figures);
  EXPECT_NEAR(figures.jitter_us, before, 125);
  run(400, 48, {});
  meter.read(48, figures);
  EXPECT_LT(figures.jitter_us, 50u);
  EXPECT_EQ(figures.lost, 0u);
}

TEST(Meter, KeepsTheLargestGap) {
  Stream stream;
  stream.run(1, 5);
  stream.pause(Millis{500});
  stream.run(6, 10);
  EXPECT_EQ(stream.figures().largest_gap_us, 520'000u);
}

TEST(Meter, LossesComeInRuns) {
  Stream stream;
  stream.run(0, 9);
  stream.run(11, 19);  // one
  stream.run(23, 29);  // three
  EXPECT_EQ(stream.figures().loss_runs, 2u);
  stream.packet(21);  // of the three, the one in the middle
  EXPECT_EQ(stream.figures().loss_runs, 3u);
  stream.packet(20);
  EXPECT_EQ(stream.figures().loss_runs, 2u);
  stream.packet(22);
  stream.packet(10);
  EXPECT_EQ(stream.figures().loss_runs, 0u);
  EXPECT_EQ(stream.figures().lost, 0u);
}

TEST(Meter, ARunThatBeganEarlierThanThoughtMayHaveALoss) {
  Stream stream;
  stream.packet(10);
  stream.packet(9);
  EXPECT_EQ(stream.figures().loss_runs, 0u);
  stream.packet(6);
  EXPECT_EQ(stream.figures().loss_runs, 1u);
  EXPECT_EQ(stream.figures().lost, 2u);
  stream.packet(7);
  stream.packet(8);
  EXPECT_EQ(stream.figures().loss_runs, 0u);
}

// Against a look at the whole list, for orders that are as confused as a network makes them.
TEST(Meter, RunsOfLossesAreWhatAListOfAllSays) {
  std::uint32_t noise = 7;
  const auto random = [&](std::uint32_t below) {
    return ((noise = noise * 1664525 + 1013904223) >> 8) % below;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<std::uint32_t, int>> order;  // when it comes, which
    for (int number = 0; number < 300; ++number) {
      const bool kept = number == 0 || number == 299 || random(10) != 0;
      const auto due = static_cast<std::uint32_t>(number) * 4 + 200;
      if (kept) order.emplace_back(due + (number == 0 ? 0 : random(160)), number);
    }
    std::sort(order.begin(), order.end());
    std::vector<bool> came(300);
    Stream stream;
    for (const auto& [when, number] : order) {
      came[static_cast<std::size_t>(number)] = true;
      stream.packet(65400 + number);
    }
    std::uint32_t runs = 0;
    std::uint64_t lost = 0;
    for (std::size_t i = 1; i < came.size(); ++i) {
      if (!came[i]) ++lost;
      if (!came[i] && came[i - 1]) ++runs;
    }
    ASSERT_EQ(stream.figures().lost, lost) << round;
    ASSERT_EQ(stream.figures().loss_runs, runs) << round;
  }
}

TEST(Meter, LateIsWhatTookLongerThanABufferWaits) {
  Stream stream;
  stream.run(0, 9);
  stream.packet(10, 1, Millis{60});
  EXPECT_EQ(stream.figures().late, 0u);
  stream.packet(11);
  stream.packet(12, 1, Millis{61});
  EXPECT_EQ(stream.figures().late, 1u);
  // A stay that is longer from now on is a buffer's to follow.
  for (int i = 13; i < 40; ++i) stream.packet(i, 1, Millis{61});
  EXPECT_EQ(stream.figures().late, 1u);
  stream.run(40, 60);
  EXPECT_EQ(stream.figures().late, 1u) << "sooner is never late";
}

TEST(Meter, GapsAreCounted) {
  Stream stream;
  stream.run(0, 9);
  stream.pause(Millis{179});
  stream.run(10, 19);
  EXPECT_EQ(stream.figures().gaps, 0u);
  stream.pause(Millis{180});
  stream.run(20, 29);
  stream.pause(base::Seconds{5});
  stream.run(30, 39);
  EXPECT_EQ(stream.figures().gaps, 2u);
  EXPECT_EQ(stream.figures().largest_gap_us, 5'020'000u);
}

}  // namespace
}  // namespace tandem::dataplane
