#include "dataplane/neighbor.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane {
namespace {

using base::Millis;
using base::Nanos;
using base::Seconds;
using testing::ip;
using testing::kFarMac;

constexpr rte_ether_addr kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
const std::uint32_t kHop = ip(10, 77, 1, 2);

class NeighborTest : public ::testing::Test {
 protected:
  void hear(NeighborReport::Kind kind, const rte_ether_addr& mac = {}) {
    NeighborReport report;
    report.kind = kind;
    report.ip = kHop;
    report.mac = mac;
    keeper_.hear(report, now_);
  }
  void pass(Nanos time) {
    for (const Nanos end = now_ + time; now_ < end;) {
      now_ += Millis{20};
      keeper_.turn(now_);
    }
  }
  bool is_at(const rte_ether_addr& mac) {
    const Neighbor found = table_->look(0, kHop);
    return rte_is_same_ether_addr(&found.mac, &mac) != 0;
  }
  NeighborState state() { return table_->look(0, kHop).state; }

  Nanos now_ = Seconds{100};
  std::unique_ptr<NeighborTable> table_ = std::make_unique<NeighborTable>();
  std::vector<NeighborOrder> asked_;
  NeighborKeeper keeper_{*table_, [this](const NeighborOrder& order) { asked_.push_back(order); }};
};

TEST_F(NeighborTest, AsksAtOnceAndLearns) {
  hear(NeighborReport::Kind::kWanted);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].ip, kHop);
  EXPECT_TRUE(rte_is_same_ether_addr(&asked_[0].mac, &kBroadcast));
  EXPECT_EQ(state(), NeighborState::kAsked);
  hear(NeighborReport::Kind::kWanted);
  EXPECT_EQ(asked_.size(), 1u) << "already being asked for";
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  EXPECT_EQ(state(), NeighborState::kKnown);
  EXPECT_TRUE(is_at(kFarMac[0]));
  EXPECT_EQ(table_->look(1, kHop).state, NeighborState::kAbsent) << "known on that port only";
}

TEST_F(NeighborTest, AsksThreeTimesThenFailsAndIsAskedAgainOnDemand) {
  hear(NeighborReport::Kind::kWanted);
  pass(Millis{2900});
  EXPECT_EQ(asked_.size(), 3u);
  EXPECT_EQ(state(), NeighborState::kAsked);
  pass(Millis{200});
  EXPECT_EQ(asked_.size(), 3u);
  EXPECT_EQ(state(), NeighborState::kFailed);
  hear(NeighborReport::Kind::kWanted);
  EXPECT_EQ(asked_.size(), 4u);
  EXPECT_EQ(state(), NeighborState::kAsked);
}

TEST_F(NeighborTest, AFailedOneIsForgottenInTheEnd) {
  hear(NeighborReport::Kind::kWanted);
  pass(Seconds{70});
  EXPECT_EQ(state(), NeighborState::kAbsent);
  EXPECT_EQ(keeper_.size(), 0u);
}

TEST_F(NeighborTest, RefreshesWhoIsUsedByUnicastFirst) {
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  table_->use(0, kHop);
  pass(Millis{60500});
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_TRUE(rte_is_same_ether_addr(&asked_[0].mac, &kFarMac[0]));
  EXPECT_EQ(state(), NeighborState::kKnown) << "used on while it is asked";
  pass(Seconds{1});
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_TRUE(rte_is_same_ether_addr(&asked_[1].mac, &kBroadcast));
  hear(NeighborReport::Kind::kTold, kFarMac[1]);
  EXPECT_TRUE(is_at(kFarMac[1]));
  pass(Seconds{30});
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(NeighborTest, WhoStopsAnsweringFails) {
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  table_->use(0, kHop);
  pass(Seconds{64});
  EXPECT_EQ(asked_.size(), 3u);
  EXPECT_EQ(state(), NeighborState::kFailed);
}

TEST_F(NeighborTest, ForgetsWhoIsNotUsed) {
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  pass(Seconds{61});
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(state(), NeighborState::kAbsent);
}

TEST_F(NeighborTest, OverheardWordsMatterOnlyForTheKnown) {
  hear(NeighborReport::Kind::kMoved, kFarMac[0]);
  EXPECT_EQ(state(), NeighborState::kAbsent);
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  hear(NeighborReport::Kind::kMoved, kFarMac[1]);
  EXPECT_TRUE(is_at(kFarMac[1]));
}

TEST_F(NeighborTest, AFullTableRefusesAndCounts) {
  NeighborReport report;
  report.kind = NeighborReport::Kind::kTold;
  report.mac = kFarMac[0];
  for (std::uint32_t i = 0; i < 20000; ++i) {
    report.ip = i + 1;
    keeper_.hear(report, now_);
  }
  EXPECT_GT(table_->refused(), 20000u - 8192u - 1);
  EXPECT_EQ(keeper_.size() + table_->refused(), 20000u);
  std::size_t known = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    known += table_->look(0, i + 1).state == NeighborState::kKnown ? 1 : 0;
  }
  EXPECT_EQ(known, keeper_.size());
  pass(Seconds{61});
  EXPECT_EQ(keeper_.size(), 0u) << "and gives all places back";
}

TEST_F(NeighborTest, TheTalkAsksOnlyForWhatIsNotUnderWay) {
  RingHome<ReportRing> home;
  ReportRing reports = home.ring();
  NeighborTalk talk(*table_, reports);
  talk.want(0, 0);
  EXPECT_EQ(reports.count(), 0u) << "no next hop, nothing to find";
  talk.want(0, kHop);
  EXPECT_EQ(reports.count(), 1u);
  hear(NeighborReport::Kind::kWanted);
  talk.want(0, kHop);
  EXPECT_EQ(reports.count(), 1u);
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  talk.want(0, kHop);
  EXPECT_EQ(reports.count(), 1u);
}

TEST_F(NeighborTest, EveryChangeShowsInTheVersion) {
  const auto before = table_->version();
  hear(NeighborReport::Kind::kWanted);
  const auto asked = table_->version();
  EXPECT_NE(asked, before);
  hear(NeighborReport::Kind::kTold, kFarMac[0]);
  EXPECT_NE(table_->version(), asked);
}

}  // namespace
}  // namespace tandem::dataplane
