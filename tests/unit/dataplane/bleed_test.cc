// Attacks on a call's media, as rtpbleed and its kin make them: whoever isn't a party neither hears
// an octet nor moves a stream, whenever he comes; and each refusal is counted by name. All through
// relay(), on frames.
#include <gtest/gtest.h>

#include "dataplane/flow_table.h"
#include "dataplane/latch.h"
#include "dataplane/relay.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

constexpr std::uint32_t kSsrc = 0x5eed;

// The caller's RTP and RTCP (10.77.1.2:4000 and 4001, to 20000 and 20001 of ours) are attacked; the
// callee sends to the caller, and where that goes is where the attacker would like to be.
class BleedTest : public ::testing::Test {
 protected:
  BleedTest() {
    for (Flow* flow : {&caller_, &callee_, &caller_rtcp_, &callee_rtcp_}) {
      flow->latch = wire::LatchRule::kSignalledIp;
      flow->cookie = 7;
      flow->next_hop = ip(10, 77, flow->key.address == 0 ? 1 : 2, 2);
    }
    caller_rtcp_.kind = callee_rtcp_.kind = wire::FlowKind::kRtcp;
    latch_signal(caller_, kCaller, rte_cpu_to_be_16(4000));
    latch_signal(caller_rtcp_, kCaller, rte_cpu_to_be_16(4001));
    latch_signal(callee_, kCallee, rte_cpu_to_be_16(6000));
    latch_signal(callee_rtcp_, kCallee, rte_cpu_to_be_16(6001));
  }

  static wire::CorridorPlan plan() {
    wire::CorridorPlan plan;
    plan.address_count = 2;
    return plan;
  }
  Relayed pass(Flow& flow, std::uint32_t from_ip, std::uint16_t from_port,
               const std::vector<std::uint8_t>& payload, Frame* sent = nullptr) {
    const std::uint16_t side = flow.key.address;
    Frame frame =
        udp_frame({kFarMac[side], kOurMac[side], from_ip,
                   ip(10, 77, static_cast<std::uint8_t>(side + 1), 1), from_port, flow.key.port},
                  payload);
    Ip4Packet packet;
    UdpPacket udp;
    EXPECT_FALSE(parse_ip4(frame, packet));
    EXPECT_FALSE(parse_udp(packet, udp));
    const Relayed out = relay(udp, flow, ports_, now_);
    if (sent != nullptr) *sent = frame;
    return out;
  }
  // Refused, and the reason.
  Counter attack(std::uint32_t from_ip, std::uint16_t from_port, std::uint16_t sequence,
                 std::uint32_t ssrc = 0xbad) {
    const Relayed out = pass(caller_, from_ip, from_port, rtp(sequence, 0, ssrc));
    EXPECT_TRUE(out.fault);
    return out.fault.reason;
  }
  bool talk(std::uint16_t port, std::uint16_t sequence) {
    return !pass(caller_, kCaller, port, rtp(sequence, 0, kSsrc)).fault;
  }
  // Where the callee's media go now.
  void expect_heard_by(std::uint16_t port) {
    Frame sent;
    ASSERT_FALSE(pass(callee_, kCallee, 6000, rtp(++callee_sequence_), &sent).fault);
    EXPECT_EQ(ip_of(sent)->dst_addr, kCaller);
    EXPECT_EQ(udp_of(sent)->dst_port, rte_cpu_to_be_16(port));
  }
  std::vector<std::uint8_t> report_of(std::uint32_t ssrc) {
    auto out = rtp(6, 0, 0, 16);
    out[1] = 200;
    for (int i = 0; i < 4; ++i) {
      out[static_cast<std::size_t>(4 + i)] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * i));
    }
    return out;
  }

  const std::uint32_t kCaller = ip(10, 77, 1, 2);
  const std::uint32_t kCallee = ip(10, 77, 2, 2);
  const std::uint32_t kMallory = ip(10, 77, 1, 66);
  base::Nanos now_ = base::Seconds{50};
  std::uint16_t callee_sequence_ = 0;
  std::vector<LocalPort> ports_ = two_ports();
  std::vector<Flow> memory_{FlowTable::places(plan())};
  FlowTable flows_{memory_, plan(), 0};
  Flow& caller_ = flows_.open({0, 20000}, {1, 30000}, 1);
  Flow& callee_ = flows_.open({1, 30000}, {0, 20000}, 2);
  Flow& caller_rtcp_ = flows_.open({0, 20001}, {1, 30001}, 3);
  Flow& callee_rtcp_ = flows_.open({1, 30001}, {0, 20001}, 4);
};

TEST_F(BleedTest, BeforeSignallingNobodyGetsIn) {
  latch_signal(caller_, 0, 0);
  for (std::uint16_t i = 0; i < 100; ++i)
    EXPECT_EQ(attack(kMallory, 9, i), Counter::drop_media_early);
  latch_signal(caller_, kCaller, rte_cpu_to_be_16(4000));
  expect_heard_by(4000);
  EXPECT_TRUE(talk(4000, 1));
}

// A spray over the port range before the party has said a word, from wherever.
TEST_F(BleedTest, BeforeLearningStrangersGetNothing) {
  for (std::uint16_t i = 0; i < 100; ++i) {
    EXPECT_EQ(attack(kMallory, 4000, i), Counter::drop_media_stranger);
  }
  expect_heard_by(4000);
  EXPECT_EQ(caller_.latch_state, LatchState::kOpen);
  EXPECT_EQ(caller_.figures().refused, 100u);
  EXPECT_EQ(caller_.figures().packets, 0u);
}

// Somebody else behind the party's NAT sprays: single packets prove nothing.
TEST_F(BleedTest, BeforeLearningASprayFromTheSameHostGetsNothing) {
  for (std::uint16_t i = 0; i < 200; ++i) {
    EXPECT_EQ(attack(kCaller, static_cast<std::uint16_t>(7000 + i), i),
              Counter::drop_media_unproven);
  }
  expect_heard_by(4000);
}

TEST_F(BleedTest, DuringLearningStrangersGetNothing) {
  ASSERT_TRUE(talk(4000, 1));
  ASSERT_TRUE(talk(4000, 2));
  for (std::uint16_t i = 0; i < 20; ++i) {
    EXPECT_EQ(attack(kMallory, 4000, i), Counter::drop_media_stranger);
    EXPECT_EQ(attack(kCaller, 4001, i), Counter::drop_media_stranger);
    ASSERT_TRUE(talk(4000, static_cast<std::uint16_t>(3 + i)));
    expect_heard_by(4000);
  }
}

TEST_F(BleedTest, AfterLearningStrangersGetNothing) {
  for (std::uint16_t i = 0; i < 100; ++i) ASSERT_TRUE(talk(4000, i));
  ASSERT_EQ(caller_.latch_state, LatchState::kSettled);
  for (std::uint16_t i = 0; i < 100; ++i) {
    EXPECT_EQ(attack(kMallory, 4000, i), Counter::drop_media_stranger);
    EXPECT_EQ(attack(kCaller, 4001, i, kSsrc), Counter::drop_media_stranger);
  }
  expect_heard_by(4000);
}

TEST_F(BleedTest, SilenceThenAStranger) {
  for (std::uint16_t i = 0; i < 5; ++i) ASSERT_TRUE(talk(4444, i) || i == 0);
  expect_heard_by(4444);
  now_ += base::Seconds{3600};
  for (std::uint16_t i = 0; i < 100; ++i) {
    EXPECT_EQ(attack(kMallory, 4444, i), Counter::drop_media_stranger);
    EXPECT_EQ(attack(kCaller, 4445, i), Counter::drop_media_stranger);
    EXPECT_EQ(attack(kCaller, 4000, i), Counter::drop_media_stranger);
  }
  expect_heard_by(4444);
  EXPECT_TRUE(talk(4444, 6));
}

// The signalled source is written by somebody else: what he sends is heard, until it is
// contradicted, for nothing tells it from the party's; but nothing moves, and the party isn't kept
// out.
TEST_F(BleedTest, ASpoofedSourceMovesNothing) {
  EXPECT_FALSE(pass(caller_, kCaller, 4000, rtp(9, 0, 0xbad)).fault);
  expect_heard_by(4000);
  EXPECT_FALSE(talk(4444, 1)) << "the party, behind a NAT";
  EXPECT_TRUE(talk(4444, 2));
  expect_heard_by(4444);
  EXPECT_EQ(attack(kCaller, 4000, 500), Counter::drop_media_unproven);
  EXPECT_EQ(attack(kCaller, 4000, 20000), Counter::drop_media_unproven);
  EXPECT_EQ(attack(kCaller, 4000, 20001, 0xbae), Counter::drop_media_unproven) << "wrong SSRC";
  expect_heard_by(4444);
  for (std::uint16_t i = 3; i < 60; ++i) ASSERT_TRUE(talk(4444, i));
  EXPECT_EQ(attack(kCaller, 4000, 20002, 0xbae), Counter::drop_media_stranger);
  expect_heard_by(4444);
}

TEST_F(BleedTest, RtcpMovesNoVoice) {
  const auto report = report_of(0xbad);
  EXPECT_EQ(pass(caller_, kMallory, 4000, report).fault.reason, Counter::drop_rtcp_stranger);
  EXPECT_EQ(pass(caller_, kCaller, 5555, report).fault.reason, Counter::drop_rtcp_unproven);
  EXPECT_EQ(pass(caller_, kCaller, 5555, report).fault.reason, Counter::drop_rtcp_unproven);
  expect_heard_by(4000);
  EXPECT_EQ(caller_.latch_state, LatchState::kOpen);
}

TEST_F(BleedTest, RtcpComesFromItsPartyAlone) {
  ASSERT_TRUE(talk(4000, 1));
  ASSERT_TRUE(talk(4000, 2));
  EXPECT_EQ(pass(caller_rtcp_, kMallory, 4001, report_of(kSsrc)).fault.reason,
            Counter::drop_rtcp_stranger);
  EXPECT_EQ(pass(caller_rtcp_, kCaller, 5001, report_of(0xbad)).fault.reason,
            Counter::drop_rtcp_unproven);
  EXPECT_EQ(caller_rtcp_.latch_state, LatchState::kOpen);
  EXPECT_FALSE(pass(caller_rtcp_, kCaller, 4444, report_of(kSsrc)).fault) << "behind a NAT";
  EXPECT_EQ(pass(caller_rtcp_, kCaller, 5001, report_of(kSsrc)).fault.reason,
            Counter::drop_rtcp_stranger);
  Frame sent;
  ASSERT_FALSE(pass(callee_rtcp_, kCallee, 6001, report_of(1), &sent).fault);
  EXPECT_EQ(udp_of(sent)->dst_port, rte_cpu_to_be_16(4444));
}

TEST_F(BleedTest, ARenewalIsNoDoorForStrangers) {
  for (std::uint16_t i = 0; i < 100; ++i) ASSERT_TRUE(talk(4000, i));
  latch_renew(caller_, now_);
  for (std::uint16_t i = 0; i < 20; ++i) {
    EXPECT_EQ(attack(kMallory, 4000, i), Counter::drop_media_stranger);
    EXPECT_EQ(attack(kCaller, static_cast<std::uint16_t>(7000 + i), i),
              Counter::drop_media_unproven);
  }
  ASSERT_TRUE(talk(4000, 100));
  EXPECT_EQ(attack(kCaller, 7019, 20), Counter::drop_media_stranger);
  expect_heard_by(4000);
}

TEST_F(BleedTest, ANewPlaceIsTheOnlyOne) {
  for (std::uint16_t i = 0; i < 100; ++i) ASSERT_TRUE(talk(4000, i));
  latch_signal(caller_, ip(10, 77, 1, 3), rte_cpu_to_be_16(4100));
  EXPECT_EQ(attack(kCaller, 4000, 100, kSsrc), Counter::drop_media_stranger) << "the former one";
  EXPECT_EQ(attack(kMallory, 4100, 1), Counter::drop_media_stranger);
  EXPECT_FALSE(pass(caller_, ip(10, 77, 1, 3), 4100, rtp(1)).fault);
}

// The voice was SRTP, and moved by what is authentic alone; the fax that took its place isn't.
TEST_F(BleedTest, AFaxIsNotAuthenticForTheVoiceBeforeIt) {
  caller_.srtp = 1;
  caller_.kind = callee_.kind = wire::FlowKind::kOpaque;
  ASSERT_FALSE(pass(caller_, kCaller, 4000, rtp(1)).fault);
  latch_renew(caller_, now_);
  EXPECT_EQ(attack(kCaller, 7000, 1), Counter::drop_media_unproven);
  expect_heard_by(4000);
}

TEST_F(BleedTest, GarbageIsNothing) {
  for (std::size_t octets = 0; octets < 40; ++octets) {
    const std::vector<std::uint8_t> zeros(octets);
    EXPECT_EQ(pass(caller_, kCaller, 4000, zeros).fault.reason, Counter::drop_media_not_rtp);
    EXPECT_EQ(pass(caller_, kMallory, 4000, zeros).fault.reason, Counter::drop_media_stranger);
  }
  EXPECT_EQ(caller_.latch_state, LatchState::kOpen);
}

}  // namespace
}  // namespace tandem::dataplane
