#include "dataplane/latch.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using V = LatchVerdict;

constexpr std::uint32_t kIp = 0x0a000001;
constexpr std::uint16_t kPort = 4000;
constexpr std::uint16_t kOther = 5000;  // behind a NAT

class LatchTest : public ::testing::Test {
 protected:
  LatchTest() {
    flow_.latch = wire::LatchRule::kSignalledIp;
    latch_signal(flow_, kIp, kPort);
  }

  V from(std::uint16_t port, std::uint16_t sequence, std::uint32_t ssrc = 1,
         std::uint32_t ip = kIp) {
    const auto packet = testing::rtp(sequence, 0, ssrc, 20);
    return latch_judge(flow_, ip, port, std::as_bytes(std::span(packet)), authentic_, now_);
  }
  void settle(std::uint16_t port) {
    for (std::uint16_t i = 0; i < 60; ++i) from(port, i);
    ASSERT_EQ(flow_.latch_state, LatchState::kSettled);
    ASSERT_EQ(flow_.remote_port, port);
  }

  Flow flow_;
  base::Nanos now_ = base::Seconds{9};
  bool authentic_ = false;
};

TEST_F(LatchTest, NobodyBeforeSignallingNamesSomebody) {
  latch_signal(flow_, 0, 0);
  EXPECT_EQ(from(kPort, 1), V::kEarly);
  EXPECT_EQ(from(0, 1, 1, 0), V::kEarly);
  EXPECT_FALSE(latch_may_take(flow_, 0, 0));
}

TEST_F(LatchTest, TheSignalledPortIsBelievedAtOnce) {
  EXPECT_EQ(from(kPort, 1), V::kLatched);
  EXPECT_EQ(from(kPort, 2), V::kTaken);
  EXPECT_EQ(from(kPort, 3, 1, kIp + 1), V::kStranger);
}

TEST_F(LatchTest, AnotherPortProvesItselfByGoingOn) {
  EXPECT_EQ(from(kOther, 1), V::kUnproven);
  EXPECT_EQ(from(kOther, 1), V::kUnproven) << "the same packet again";
  EXPECT_EQ(from(kOther, 2, 99), V::kUnproven) << "another stream";
  EXPECT_EQ(from(kOther, 1002, 99), V::kUnproven) << "a leap";
  EXPECT_EQ(from(6000, 1003, 99), V::kUnproven) << "another port";
  EXPECT_EQ(from(6000, 1004, 99), V::kLatched);
  EXPECT_EQ(flow_.remote_port, 6000);
}

TEST_F(LatchTest, SomeLossIsNoLeap) {
  EXPECT_EQ(from(kOther, 65534), V::kUnproven);
  EXPECT_EQ(from(kOther, 3), V::kLatched);
}

TEST_F(LatchTest, AnotherPortIsNobodyUnderTheStrictRule) {
  flow_.latch = wire::LatchRule::kSignalled;
  EXPECT_EQ(from(kOther, 1), V::kStranger);
  EXPECT_EQ(from(kOther, 2), V::kStranger);
  EXPECT_EQ(from(kPort, 3), V::kLatched);
}

TEST_F(LatchTest, NothingCouldBeSentToPortZero) {
  EXPECT_EQ(from(0, 1), V::kStranger);
  EXPECT_EQ(from(0, 2), V::kStranger);
}

TEST_F(LatchTest, APacketUnderTheSignalledAddressDoesNotKeepTheStreamOut) {
  EXPECT_EQ(from(kPort, 777, 66), V::kLatched) << "anybody can write that source";
  EXPECT_EQ(from(kOther, 1), V::kUnproven);
  EXPECT_EQ(from(kOther, 2), V::kLatched);
  EXPECT_EQ(from(kPort, 30000, 66), V::kUnproven);
  EXPECT_EQ(from(kOther, 3), V::kTaken);
}

TEST_F(LatchTest, TheSignalledPortTakesOverWithinTheShortWhile) {
  from(kOther, 1);
  ASSERT_EQ(from(kOther, 2), V::kLatched);
  EXPECT_EQ(from(kPort, 500, 2), V::kUnproven);
  EXPECT_EQ(from(kOther, 3), V::kTaken);
  EXPECT_EQ(from(kPort, 501, 2), V::kLatched);
  EXPECT_EQ(flow_.remote_port, kPort);
  EXPECT_EQ(from(kPort, 502, 2), V::kTaken);
  EXPECT_EQ(from(kOther, 4), V::kStranger) << "back and forth it doesn't go";
  EXPECT_EQ(from(kOther, 5), V::kStranger);
}

TEST_F(LatchTest, AThirdPortNeverTakesOverFromAProvenOne) {
  from(kOther, 1);
  ASSERT_EQ(from(kOther, 2), V::kLatched);
  for (std::uint16_t i = 0; i < 20; ++i) EXPECT_EQ(from(6000, i, 2), V::kStranger);
}

TEST_F(LatchTest, SettledAfterSomePackets) {
  settle(kOther);
  EXPECT_EQ(from(kPort, 1, 2), V::kStranger) << "not even the signalled one any more";
  EXPECT_EQ(from(kPort, 2, 2), V::kStranger);
  EXPECT_EQ(from(kOther, 70), V::kTaken);
  EXPECT_TRUE(latch_holds(flow_, kIp, kOther));
}

TEST_F(LatchTest, SettledAfterTheShortWhile) {
  from(kOther, 1);
  ASSERT_EQ(from(kOther, 2), V::kLatched);
  now_ += kLearningFor;
  EXPECT_EQ(from(kPort, 500, 2), V::kStranger);
  EXPECT_EQ(from(kPort, 501, 2), V::kStranger);
  EXPECT_EQ(from(kOther, 3), V::kTaken);
}

TEST_F(LatchTest, TheSameSignalChangesNothingAnotherLearnsAnew) {
  settle(kOther);
  EXPECT_FALSE(latch_signal(flow_, kIp, kPort));
  EXPECT_EQ(flow_.remote_port, kOther);
  EXPECT_EQ(flow_.latch_state, LatchState::kSettled);
  EXPECT_TRUE(latch_signal(flow_, kIp + 1, kPort));
  EXPECT_EQ(from(kOther, 61), V::kStranger);
  EXPECT_EQ(from(kPort, 1, 3, kIp + 1), V::kLatched);
}

TEST_F(LatchTest, WhatIsDescribedAnewMayMove) {
  settle(kOther);
  latch_renew(flow_, now_);
  EXPECT_EQ(from(7000, 1), V::kUnproven);
  EXPECT_EQ(from(7000, 2), V::kLatched);
  EXPECT_EQ(flow_.remote_port, 7000);
}

TEST_F(LatchTest, WhatIsDescribedAnewAndGoesOnStays) {
  settle(kOther);
  latch_renew(flow_, now_);
  EXPECT_EQ(from(7000, 1), V::kUnproven);
  EXPECT_EQ(from(kOther, 61), V::kTaken);
  EXPECT_EQ(from(7000, 2), V::kStranger);
}

TEST_F(LatchTest, WhatIsDescribedAnewIsLearnedForAShortWhileOnly) {
  settle(kOther);
  latch_renew(flow_, now_);
  now_ += kLearningFor;
  EXPECT_EQ(from(7000, 1), V::kStranger);
  EXPECT_EQ(from(7000, 2), V::kStranger);
  EXPECT_EQ(from(kOther, 61), V::kTaken);
}

TEST_F(LatchTest, ASignalToNobodySilencesTheFlow) {
  settle(kOther);
  EXPECT_TRUE(latch_signal(flow_, 0, 0));
  EXPECT_EQ(from(kOther, 61), V::kEarly);
  EXPECT_EQ(from(kOther, 1, 1, 0), V::kEarly);
}

TEST_F(LatchTest, AFaxHasNoNumbersAndProvesItselfByItsSecondPacket) {
  flow_.kind = wire::FlowKind::kOpaque;
  EXPECT_EQ(from(kOther, 1), V::kUnproven);
  EXPECT_EQ(from(6000, 1), V::kUnproven);
  EXPECT_EQ(from(6000, 1), V::kLatched);
}

TEST_F(LatchTest, WhatIsAuthenticNeedsNoOtherProof) {
  authentic_ = true;
  EXPECT_EQ(from(kOther, 1), V::kLatched);
  EXPECT_EQ(from(kPort, 1), V::kLatched) << "where signalling says";
  EXPECT_EQ(from(6000, 2), V::kStranger);
}

// RTCP on a port of its own: `flow_`; beside it its RTP.
class RtcpLatchTest : public LatchTest {
 protected:
  RtcpLatchTest() {
    flow_.kind = wire::FlowKind::kRtcp;
    flow_.beside = &rtp_;
    flow_.cookie = rtp_.cookie = 5;
    rtp_.generation = 1;
    rtp_.latch = wire::LatchRule::kSignalledIp;
    latch_signal(rtp_, kIp, 3999);
  }
  void hear_rtp(std::uint32_t ssrc) {
    const auto packet = testing::rtp(1, 0, ssrc, 20);
    latch_judge(rtp_, kIp, 3999, std::as_bytes(std::span(packet)), false, now_);
    rtp_.meter.measure(read_rtp(std::as_bytes(std::span(packet))), packet.size(), now_, 8);
  }
  V report(std::uint16_t port, std::uint8_t ssrc, std::uint32_t ip = kIp) {
    const std::array<std::uint8_t, 8> packet{0x80, 201, 0, 1, 0, 0, 0, ssrc};
    return latch_judge(flow_, ip, port, std::as_bytes(std::span(packet)), false, now_);
  }

  Flow rtp_;
};

TEST_F(RtcpLatchTest, TheSignalledPortIsBelieved) {
  EXPECT_EQ(report(kPort, 9), V::kLatched);
  EXPECT_EQ(report(kPort, 9), V::kTaken);
}

TEST_F(RtcpLatchTest, AnotherPortMustSpeakOfItsRtp) {
  EXPECT_EQ(report(kOther, 7), V::kUnproven) << "there is none yet";
  hear_rtp(7);
  EXPECT_EQ(report(kOther, 8), V::kUnproven);
  EXPECT_EQ(report(kOther, 7, kIp + 1), V::kStranger);
  EXPECT_EQ(report(kOther, 7), V::kLatched);
  EXPECT_EQ(report(kPort, 8), V::kUnproven);
  EXPECT_EQ(report(6000, 7), V::kStranger) << "proven";
}

TEST_F(RtcpLatchTest, AnotherCallsRtpProvesNothing) {
  hear_rtp(7);
  rtp_.cookie = 6;
  EXPECT_EQ(report(kOther, 7), V::kUnproven);
}

TEST_F(RtcpLatchTest, OnRtpsPortItTeachesNothing) {
  flow_.kind = wire::FlowKind::kRtp;
  EXPECT_EQ(report(kPort, 7), V::kTaken);
  EXPECT_EQ(flow_.latch_state, LatchState::kOpen);
  EXPECT_EQ(report(kOther, 7), V::kUnproven);
  EXPECT_EQ(report(kOther, 7), V::kUnproven);
}

}  // namespace
}  // namespace tandem::dataplane
