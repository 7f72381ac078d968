#include "dataplane/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

const Way kWay{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 5070, 5060};

Frame datagram(std::size_t octets, unsigned seed = 1, Way way = kWay) {
  std::mt19937 engine(seed);
  std::vector<std::uint8_t> payload(octets);
  for (auto& octet : payload) octet = static_cast<std::uint8_t>(engine());
  return udp_frame(way, payload);
}

class FragmentsTest : public ::testing::Test {
 protected:
  Bytes add(Frame frame) {
    Ip4Packet packet;
    EXPECT_FALSE(parse_ip4(frame, packet));
    return fragments_.add(packet, now_);
  }
  // The frame that these pieces make, demanded of the last one.
  Frame together(const std::vector<Frame>& pieces) {
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) EXPECT_TRUE(add(pieces[i]).empty()) << i;
    const Bytes whole = add(pieces.back());
    return {whole.begin(), whole.end()};
  }
  void expect_same(Frame found, const Frame& sent) {
    ASSERT_EQ(found.size(), sent.size());
    EXPECT_TRUE(ip_checksum_right(found));
    EXPECT_TRUE(udp_checksum_right(found));
    EXPECT_EQ(
        std::memcmp(payload_of(found), sent.data() + kUdpFrameBytes, sent.size() - kUdpFrameBytes),
        0);
    Ip4Packet packet;
    ASSERT_FALSE(parse_ip4(found, packet));
    EXPECT_FALSE(packet.is_fragment());
  }
  std::uint64_t count(Counter counter) const { return counters_.get(counter); }

  wire::CounterBlock counters_;
  Fragments fragments_{counters_};
  base::Nanos now_ = base::Seconds{100};
};

TEST_F(FragmentsTest, InOrderAndInAnyOther) {
  const Frame sent = datagram(6001);
  std::mt19937 engine(3);
  for (std::uint16_t round = 0; round < 200; ++round) {
    std::vector<Frame> pieces = pieces_of(sent, round, 1480);
    ASSERT_EQ(pieces.size(), 5u);
    if (round != 0) std::shuffle(pieces.begin(), pieces.end(), engine);
    expect_same(together(pieces), sent);
  }
  EXPECT_EQ(count(Counter::datagrams_reassembled), 200u);
  EXPECT_EQ(count(Counter::fragments_received), 1000u);
  EXPECT_EQ(fragments_.unfinished(), 0u);
}

TEST_F(FragmentsTest, TheLargestAndTheSmallestPieces) {
  const Frame largest = datagram(kUdpPayloadMax);
  expect_same(together(pieces_of(largest, 1, 1480)), largest);
  expect_same(together(pieces_of(largest, 2, 48)), largest);
  // A second router on the way leaves small pieces between large ones.
  const Frame sent = datagram(3000);
  expect_same(together({piece_of(sent, 3, 0, 1472, true), piece_of(sent, 3, 1472, 8, true),
                        piece_of(sent, 3, 1480, 1472, true), piece_of(sent, 3, 2952, 8, true),
                        piece_of(sent, 3, 2960, 48, false)}),
              sent);
}

TEST_F(FragmentsTest, ManyAtOnceDoNotMix) {
  std::vector<Frame> sent;
  std::vector<std::vector<Frame>> pieces;
  for (std::uint8_t i = 0; i < 60; ++i) {
    Way way = kWay;
    way.from_ip = ip(10, 77, 1, static_cast<std::uint8_t>(10 + i % 6));
    sent.push_back(datagram(4000, i, way));
    pieces.push_back(pieces_of(sent.back(), static_cast<std::uint16_t>(i / 6), 1480));
  }
  for (std::size_t piece = 0; piece < 2; ++piece) {
    for (auto& of : pieces) EXPECT_TRUE(add(of[piece]).empty());
  }
  EXPECT_EQ(fragments_.unfinished(), 60u);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const Bytes whole = add(pieces[i][2]);
    expect_same({whole.begin(), whole.end()}, sent[i]);
  }
}

TEST_F(FragmentsTest, ARepeatedPieceIsPassedOver) {
  const Frame sent = datagram(4000);
  auto pieces = pieces_of(sent, 9, 1480);
  Frame other = pieces[1];
  other.back() ^= std::byte{1};
  expect_same(together({pieces[0], pieces[0], pieces[1], other, pieces[0], pieces[2]}), sent);
  EXPECT_EQ(count(Counter::drop_fragment_duplicate), 3u);
  pieces = pieces_of(sent, 10, 1480);
  expect_same(together({pieces[2], pieces[2], pieces[1], pieces[0]}), sent);
}

TEST_F(FragmentsTest, OverlapsEndTheDatagram) {
  const Frame sent = datagram(4000);
  std::uint16_t id = 0;
  const auto refused = [&](std::vector<Frame> pieces) {
    for (const Frame& piece : pieces) EXPECT_TRUE(add(piece).empty());
    EXPECT_EQ(fragments_.unfinished(), 0u);
    EXPECT_EQ(count(Counter::drop_fragment_overlap), std::uint64_t{++id});
  };
  // Teardrop: the second begins inside the first.
  refused({piece_of(sent, id, 0, 1480, true), piece_of(sent, id, 1472, 1480, true)});
  refused({piece_of(sent, id, 1480, 1480, true), piece_of(sent, id, 0, 1488, true)});
  // A second end, before or behind the first one.
  refused({piece_of(sent, id, 2960, 1048, false), piece_of(sent, id, 2960, 1040, false)});
  refused({piece_of(sent, id, 2960, 1040, false), piece_of(sent, id, 2960, 1048, false)});
  // A piece behind the end, and an end before a piece.
  refused({piece_of(sent, id, 1480, 1480, false), piece_of(sent, id, 2960, 1040, true)});
  refused({piece_of(sent, id, 2960, 1040, true), piece_of(sent, id, 1480, 1480, false)});
  refused({piece_of(sent, id, 2960, 1040, true), piece_of(sent, id, 1480, 24, false)});
  EXPECT_EQ(count(Counter::datagrams_reassembled), 0u);
}

TEST_F(FragmentsTest, RefusesPiecesThatCannotBe) {
  const Frame sent = datagram(60000);
  EXPECT_TRUE(add(piece_of(sent, 1, 0, 40, true)).empty());
  EXPECT_EQ(count(Counter::drop_fragment_tiny), 1u);
  EXPECT_TRUE(add(piece_of(sent, 2, 0, 1479, true)).empty());
  EXPECT_TRUE(add(piece_of(sent, 3, 1480, 0, false)).empty());
  EXPECT_EQ(count(Counter::drop_fragment_malformed), 2u);
  Frame death = piece_of(sent, 4, 0, 1480, false);  // the ping of death
  ip_of(death)->fragment_offset = rte_cpu_to_be_16(0x1fff);
  sign_ip(death);
  EXPECT_TRUE(add(death).empty());
  ip_of(death)->fragment_offset = rte_cpu_to_be_16((65515 - 1480) / 8 + 1);
  sign_ip(death);
  EXPECT_TRUE(add(death).empty());
  EXPECT_EQ(count(Counter::drop_fragment_oversize), 2u);
  EXPECT_EQ(fragments_.unfinished(), 0u);
}

TEST_F(FragmentsTest, GivesUpOnMissingPieces) {
  const auto pieces = pieces_of(datagram(4000), 1, 1480);
  add(pieces[0]);
  now_ += base::Seconds{1};
  add(pieces_of(datagram(4000), 2, 1480)[0]);
  now_ += Fragments::kPatience - base::Seconds{1} - base::Millis{1};
  fragments_.review(now_);
  EXPECT_EQ(fragments_.unfinished(), 2u);
  now_ += base::Millis{20};
  fragments_.review(now_);
  EXPECT_EQ(fragments_.unfinished(), 1u);
  EXPECT_EQ(count(Counter::drop_fragment_timeout), 1u);
  EXPECT_TRUE(add(pieces[1]).empty());
  EXPECT_TRUE(add(pieces[2]).empty()) << "the first piece is gone";
}

TEST_F(FragmentsTest, ASourcePushesOutOnlyItsOwn) {
  Way honest = kWay;
  honest.from_ip = ip(10, 77, 1, 9);
  const Frame sent = datagram(4000, 5, honest);
  const auto pieces = pieces_of(sent, 7, 1480);
  add(pieces[0]);
  const Frame flood = datagram(4000);
  for (std::uint32_t id = 0; id < 10000; ++id) {
    now_ += base::Nanos{1000};
    add(piece_of(flood, static_cast<std::uint16_t>(id), 0, 1480, true));
    ASSERT_LE(fragments_.unfinished(), Fragments::kDatagramsPerSource + 1);
  }
  EXPECT_EQ(count(Counter::drop_fragment_source_full), 10000u - Fragments::kDatagramsPerSource);
  expect_same(together({pieces[1], pieces[2]}), sent);
}

TEST_F(FragmentsTest, AFloodFromEverywhereIsBounded) {
  const auto from = [](std::uint32_t i) {
    Way way = kWay;
    way.from_ip = ip(10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                     static_cast<std::uint8_t>(i));
    return datagram(4000, 1, way);
  };
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    now_ += base::Nanos{1000};
    add(piece_of(from(i), 1, 0, 1480, true));
    ASSERT_LE(fragments_.unfinished(), Fragments::kDatagrams);
  }
  EXPECT_EQ(count(Counter::drop_fragment_table_full), 1000u - Fragments::kDatagrams);
  // The newest are still there.
  const Frame sent = from(1000 - Fragments::kDatagrams + 1);
  expect_same(together({piece_of(sent, 1, 1480, 1480, true), piece_of(sent, 1, 2960, 1048, false)}),
              sent);
}

TEST_F(FragmentsTest, RandomPiecesNeverLeaveAHole) {
  std::mt19937 engine(23);
  const Frame all[] = {datagram(8000, 1), datagram(8000, 2), datagram(8000, 3)};
  std::uint64_t wholes = 0;
  for (int i = 0; i < 200000; ++i) {
    now_ += base::Millis{1};
    fragments_.review(now_);
    const std::size_t begin = engine() % 40 * 200;
    const bool more = engine() % 4 != 0;
    const std::size_t octets = std::min<std::size_t>(engine() % 8 * 200 + 200, 8008 - begin);
    const auto id = static_cast<std::uint16_t>(engine() % 3);
    const Frame& sent = all[id];
    const Bytes whole = add(piece_of(sent, id, begin, octets, more));
    if (whole.empty()) continue;
    ++wholes;
    ASSERT_LE(whole.size(), sent.size());
    ASSERT_EQ(
        std::memcmp(whole.data() + kEtherBytes + kIp4Bytes, sent.data() + kEtherBytes + kIp4Bytes,
                    whole.size() - kEtherBytes - kIp4Bytes),
        0)
        << "a hole was taken for octets";
  }
  EXPECT_GT(wholes, 100u);
  EXPECT_EQ(count(Counter::datagrams_reassembled), wholes);
}

}  // namespace
}  // namespace tandem::dataplane
