#include "dataplane/latch.h"

#include <gtest/gtest.h>

namespace tandem::dataplane {
namespace {

constexpr std::uint32_t kIp = 0x0a000001;
constexpr std::uint16_t kPort = 4000;

Flow signalled(wire::LatchRule rule) {
  Flow flow;
  flow.latch = rule;
  latch_signal(flow, kIp, kPort);
  return flow;
}

TEST(Latch, NobodyBeforeSignallingNamesSomebody) {
  Flow flow;
  EXPECT_FALSE(latch_accepts(flow, kIp, kPort));
  EXPECT_FALSE(latch_accepts(flow, 0, 0));
}

TEST(Latch, SignalledTakesExactlyThatEnd) {
  const Flow flow = signalled(wire::LatchRule::kSignalled);
  EXPECT_TRUE(latch_accepts(flow, kIp, kPort));
  EXPECT_FALSE(latch_accepts(flow, kIp, kPort + 1));
  EXPECT_FALSE(latch_accepts(flow, kIp + 1, kPort));
}

TEST(Latch, SignalledIpTakesAnyPort) {
  const Flow flow = signalled(wire::LatchRule::kSignalledIp);
  EXPECT_TRUE(latch_accepts(flow, kIp, kPort + 1));
  EXPECT_FALSE(latch_accepts(flow, kIp + 1, kPort));
  EXPECT_FALSE(latch_accepts(flow, kIp, 0)) << "nothing could be sent back there";
}

TEST(Latch, LockedTakesOnlyItsSource) {
  Flow flow = signalled(wire::LatchRule::kSignalledIp);
  latch_lock(flow, kIp, 5000);
  EXPECT_TRUE(latch_accepts(flow, kIp, 5000));
  EXPECT_FALSE(latch_accepts(flow, kIp, kPort)) << "not even the signalled one any more";
  EXPECT_EQ(flow.remote_port, 5000);
}

TEST(Latch, TheSameSignalChangesNothingAnotherLearnsAnew) {
  Flow flow = signalled(wire::LatchRule::kSignalledIp);
  latch_lock(flow, kIp, 5000);
  EXPECT_FALSE(latch_signal(flow, kIp, kPort));
  EXPECT_TRUE(flow.locked);
  EXPECT_EQ(flow.remote_port, 5000);
  EXPECT_TRUE(latch_signal(flow, kIp + 1, kPort));
  EXPECT_FALSE(flow.locked);
  EXPECT_FALSE(latch_accepts(flow, kIp, 5000));
  EXPECT_TRUE(latch_accepts(flow, kIp + 1, 7000));
}

TEST(Latch, ASignalToNobodySilencesTheFlow) {
  Flow flow = signalled(wire::LatchRule::kSignalledIp);
  latch_lock(flow, kIp, 5000);
  EXPECT_TRUE(latch_signal(flow, 0, 0));
  EXPECT_FALSE(latch_accepts(flow, kIp, 5000));
  EXPECT_FALSE(latch_accepts(flow, 0, 5000));
}

}  // namespace
}  // namespace tandem::dataplane
