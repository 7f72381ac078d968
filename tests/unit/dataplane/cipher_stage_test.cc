#include "dataplane/cipher_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

#include "dataplane/flow_table.h"
#include "dataplane/latch.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/payload_key_command.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using crypto::PayloadMode;
using wire::Counter;

constexpr base::Nanos kNow = base::Seconds{50};
constexpr std::size_t kRtpHead = 12;

// Packets go from 10.77.1.2:4000+2n by port 20000+2n to 10.77.2.2:6000+2n, n being the call.
class CipherStageTest : public ::testing::Test {
 protected:
  PayloadKeys::Place key(PayloadMode mode, const std::string& text) {
    const wire::PayloadKeyName name = ++last_key_;
    for (const auto& command : set_key_commands(name, mode, text)) {
      EXPECT_FALSE(keys_.set(command.set_key, 0));
    }
    const auto place = keys_.find(name, 0);
    keys_.hold(place);
    return place;
  }
  // Number of the call; keys of where it comes from and of where it goes to.
  std::uint16_t call(PayloadKeys::Place from, PayloadKeys::Place to) {
    const auto shift = static_cast<std::uint16_t>(2 * calls_++);
    const wire::FlowKey in{0, static_cast<std::uint16_t>(20000 + shift)};
    const wire::FlowKey out{1, static_cast<std::uint16_t>(30000 + shift)};
    Flow& a = flows_.open(in, out, 1);
    Flow& b = flows_.open(out, in, 2);
    for (Flow* flow : {&a, &b}) flow->latch = wire::LatchRule::kSignalledIp;
    latch_signal(a, ip(10, 77, 1, 2), rte_cpu_to_be_16(static_cast<std::uint16_t>(4000 + shift)));
    latch_signal(b, ip(10, 77, 2, 2), rte_cpu_to_be_16(static_cast<std::uint16_t>(6000 + shift)));
    b.next_hop = ip(10, 77, 2, 2);
    a.payload_key = from;
    b.payload_key = to;
    return shift / 2;
  }
  Flow& flow(std::uint16_t call) {
    return flows_.at({0, static_cast<std::uint16_t>(20000 + 2 * call)});
  }
  Frame frame_of(std::uint16_t call, const std::vector<std::uint8_t>& payload,
                 bool with_checksum = true, std::uint8_t last = 2) {
    const auto shift = static_cast<std::uint16_t>(2 * call);
    return udp_frame(
        {kFarMac[0], kOurMac[0], ip(10, 77, 1, last), ip(10, 77, 1, 1),
         static_cast<std::uint16_t>(4000 + shift), static_cast<std::uint16_t>(20000 + shift)},
        payload, with_checksum);
  }

  // What the worker does to a burst, in the same order. What is sent, in the order of sending.
  std::vector<Frame*> pass(std::deque<Frame>& frames) {
    std::vector<Frame*> sent;
    std::vector<Arrival> arrivals;
    for (Frame& frame : frames) {
      arrivals.push_back(classify(frame, 0, ports_[0], flows_, signals_));
      EXPECT_EQ(arrivals.back().kind, Arrival::Kind::kMedia);
    }
    stage_.open(arrivals);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const Relayed way = relay(arrivals[i].udp, *arrivals[i].flow, ports_, kNow);
      if (way.fault) continue;
      auto* packet = reinterpret_cast<rte_mbuf*>(&frames[i]);
      if (!stage_.keep(packet, arrivals[i].udp, arrivals[i].flow->kind, *arrivals[i].flow->peer,
                       way, 0))
        sent.push_back(&frames[i]);
    }
    if (!stage_.holds_any()) return sent;
    for (const auto& kept : stage_.seal()) {
      EXPECT_EQ(kept.port, 1);
      EXPECT_EQ(kept.next_hop, ip(10, 77, 2, 2));
      sent.push_back(reinterpret_cast<Frame*>(kept.packet));
    }
    EXPECT_FALSE(stage_.holds_any());
    return sent;
  }
  static std::vector<std::uint8_t> payload(Frame& frame) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(payload_of(frame));
    return {at, at + (frame.size() - kUdpFrameBytes)};
  }
  // By the cipher alone, which is its own inverse.
  std::vector<std::uint8_t> ciphered(std::vector<std::uint8_t> packet, PayloadKeys::Place place) {
    crypto::PayloadJob job{.packet = packet, .key = &keys_.at(place)};
    crypto::PayloadCipher(crypto_).run({&job, 1});
    EXPECT_TRUE(job.done);
    return packet;
  }
  std::uint64_t count(Counter counter) const { return counters_.get(counter); }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.address_count = 2;
    return plan;
  }

  crypto::IpsecMb crypto_ = crypto::IpsecMb::open().value();
  PayloadKeys keys_{crypto_, 1};
  wire::CounterBlock counters_;
  SrtpSessions srtp_{crypto_, {}};
  CipherStage stage_{crypto_, keys_, srtp_, counters_};
  std::vector<LocalPort> ports_ = two_ports();
  SignalPorts signals_{2};
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  std::uint16_t calls_ = 0;
  wire::PayloadKeyName last_key_ = 0;
};

// Every mode to every mode, all in one burst; packets of every length.
TEST_F(CipherStageTest, DeciphersAndEnciphersMixedBursts) {
  const std::vector<PayloadKeys::Place> keys{PayloadKeys::kNone, key(PayloadMode::kXor, "short"),
                                             key(PayloadMode::kRc4, "sixteen or more.."),
                                             key(PayloadMode::kAes128, "0123456789abcdef")};
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      call(keys[from], keys[to]);
      pairs.emplace_back(from, to);
    }
  }
  for (std::uint16_t round = 0; round < 200; ++round) {
    std::deque<Frame> frames;
    std::vector<std::vector<std::uint8_t>> wanted;
    for (std::uint16_t n = 0; n < 16; ++n) {
      const auto plain = rtp(round, round * 160u, 77u + n, (round * 3 + n) % 200);
      const auto from = keys[pairs[n].first];
      const auto to = keys[pairs[n].second];
      frames.push_back(frame_of(n, from != 0 ? ciphered(plain, from) : plain, round % 5 != 0));
      wanted.push_back(to != 0 ? ciphered(plain, to) : plain);
    }
    auto sent = pass(frames);
    ASSERT_EQ(sent.size(), 16u);
    for (std::size_t n = 0; n < frames.size(); ++n) {
      ASSERT_EQ(payload(frames[n]), wanted[n]) << pairs[n].first << " to " << pairs[n].second;
      ASSERT_TRUE(ip_checksum_right(frames[n]));
      if (round % 5 == 0) {
        ASSERT_EQ(udp_of(frames[n])->dgram_cksum, 0) << "it had none";
      } else {
        ASSERT_NE(udp_of(frames[n])->dgram_cksum, 0);
        ASSERT_TRUE(udp_checksum_right(frames[n]));
      }
    }
  }
  EXPECT_EQ(count(Counter::media_deciphered), 200u * 12);
  EXPECT_EQ(count(Counter::media_enciphered), 200u * 12);
}

TEST_F(CipherStageTest, WhatCameBrokenStaysBroken) {
  const auto n = call(key(PayloadMode::kAes128, "0123456789abcdef"), key(PayloadMode::kXor, "x"));
  std::mt19937 random(1);
  for (std::uint16_t i = 0; i < 500; ++i) {
    std::deque<Frame> frames{frame_of(n, rtp(i))};
    frames[0][kUdpFrameBytes + kRtpHead + random() % 160] ^= std::byte{0x10};
    ASSERT_EQ(pass(frames).size(), 1u);
    ASSERT_FALSE(udp_checksum_right(frames[0]));
  }
}

TEST_F(CipherStageTest, PacketsOfAFlowKeepTheirOrder) {
  const auto n = call(0, key(PayloadMode::kRc4, "sixteen or more.."));
  std::deque<Frame> frames;
  for (std::uint16_t i = 0; i < CipherStage::kMax; ++i) frames.push_back(frame_of(n, rtp(i)));
  const auto sent = pass(frames);
  ASSERT_EQ(sent.size(), frames.size());
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(sent[i], &frames[i]);
}

// RTCP on the same port (RFC 5761), on its own flow, and a fax.
TEST_F(CipherStageTest, LeavesEverythingElseAsItIs) {
  const auto secret = key(PayloadMode::kXor, "secret");
  const auto muxed = call(secret, secret);
  auto report = rtp(1);
  report[1] = 200;
  const auto rtcp = call(secret, secret);
  flow(rtcp).kind = flow(rtcp).peer->kind = wire::FlowKind::kRtcp;
  flow(muxed).peer->rtcp_way = wire::RtcpWay::kRtpPort;
  const auto fax = call(secret, secret);
  flow(fax).kind = wire::FlowKind::kOpaque;
  std::deque<Frame> frames{frame_of(muxed, report), frame_of(rtcp, report), frame_of(fax, rtp(9))};
  ASSERT_EQ(pass(frames).size(), 3u);
  EXPECT_EQ(payload(frames[0]), report);
  EXPECT_EQ(payload(frames[1]), report);
  EXPECT_EQ(payload(frames[2]), rtp(9));
  EXPECT_EQ(count(Counter::media_deciphered) + count(Counter::media_enciphered), 0u);
}

TEST_F(CipherStageTest, KeepsExtensionAndSourcesReadable) {
  const auto n = call(0, key(PayloadMode::kAes128, "0123456789abcdef"));
  auto packet = rtp(1);
  packet[0] = 0x80 | 0x10 | 2;  // two CSRCs, and an extension of one word behind them
  packet[12 + 8 + 2] = 0;
  packet[12 + 8 + 3] = 1;
  std::deque<Frame> frames{frame_of(n, packet)};
  ASSERT_EQ(pass(frames).size(), 1u);
  const auto out = payload(frames[0]);
  ASSERT_EQ(out.size(), packet.size());
  EXPECT_TRUE(std::equal(out.begin(), out.begin() + 28, packet.begin()));
  EXPECT_NE(out, packet);
}

// The work isn't done, and the packet stays what it was.
TEST_F(CipherStageTest, StrangersAndNonsenseAreNotWorthTheWork) {
  const auto n = call(key(PayloadMode::kAes128, "0123456789abcdef"), 0);
  auto longer = rtp(2, 0, 1, 0);
  longer[0] |= 15;
  std::deque<Frame> frames{frame_of(n, rtp(1), true, 99), frame_of(n, longer),
                           frame_of(n, {0x80, 8, 0, 1})};
  EXPECT_TRUE(pass(frames).empty());
  EXPECT_EQ(payload(frames[0]), rtp(1));
  EXPECT_EQ(count(Counter::media_deciphered), 0u);
  EXPECT_EQ(flow(n).refused, 3u);
}

// Voice that decodes to silence under the right key.
std::vector<std::uint8_t> silence(std::uint16_t sequence, std::uint8_t type) {
  auto out = rtp(sequence, sequence * 160u);
  out[1] = type;
  const std::uint8_t quiet = type == 8 ? 0xd5 : 0xff;
  std::fill(out.begin() + kRtpHead, out.end(), quiet);
  return out;
}

TEST_F(CipherStageTest, AWrongKeyIsNoticed) {
  for (const auto mode : {PayloadMode::kAes128, PayloadMode::kRc4}) {
    const auto right = key(mode, "0123456789abcdef");
    for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{8}}) {
      const auto good = call(right, 0);
      const auto bad = call(key(mode, "0123456789abcdeF"), 0);
      const auto before = count(Counter::media_implausible);
      for (std::uint16_t i = 0; i < 16 + 640; ++i) {
        const auto packet = ciphered(silence(i, type), right);
        std::deque<Frame> frames{frame_of(good, packet), frame_of(bad, packet)};
        ASSERT_EQ(pass(frames).size(), 2u) << "noise is relayed all the same";
      }
      EXPECT_EQ(flow(good).figures().implausible, 0u);
      // The first sixteen and ten of the others; one in a thousand passes for something else.
      EXPECT_GE(flow(bad).figures().implausible, 24u);
      EXPECT_LE(flow(bad).figures().implausible, 26u);
      EXPECT_EQ(count(Counter::media_implausible) - before, flow(bad).figures().implausible);
    }
  }
}

TEST_F(CipherStageTest, OfOtherCodecsItCannotTell) {
  const auto n = call(key(PayloadMode::kAes128, "0123456789abcdef"), 0);
  for (std::uint16_t i = 0; i < 40; ++i) {
    std::deque<Frame> frames{frame_of(n, silence(i, 18))};
    ASSERT_EQ(pass(frames).size(), 1u);
  }
  EXPECT_EQ(count(Counter::media_implausible), 0u);
}

}  // namespace
}  // namespace tandem::dataplane
