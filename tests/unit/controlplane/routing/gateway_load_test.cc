#include "controlplane/routing/gateway_load.h"

#include <gtest/gtest.h>

namespace tandem::routing {
namespace {

using base::Millis;
using base::Nanos;
using base::Seconds;

TEST(GatewayLoad, TakesUpToItsCapacity) {
  GatewayLoad load;
  EXPECT_EQ(load.take(2, 0, Nanos{0}), Admission::kTaken);
  EXPECT_EQ(load.take(2, 0, Nanos{0}), Admission::kTaken);
  EXPECT_EQ(load.take(2, 0, Nanos{0}), Admission::kFull);
  EXPECT_EQ(load.calls(), 2u);
  load.give_back();
  EXPECT_EQ(load.take(2, 0, Nanos{0}), Admission::kTaken);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(load.take(0, 0, Nanos{0}), Admission::kTaken);
}

TEST(GatewayLoad, ASecondsWorthOfCallsMayComeAtOnceThenTheyArePaced) {
  GatewayLoad load;
  const Nanos start = Seconds{100};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(load.take(0, 5, start), Admission::kTaken) << i;
  EXPECT_EQ(load.take(0, 5, start), Admission::kTooFast);
  EXPECT_EQ(load.take(0, 5, start + Millis{199}), Admission::kTooFast);
  EXPECT_EQ(load.take(0, 5, start + Millis{200}), Admission::kTaken);
  EXPECT_EQ(load.take(0, 5, start + Millis{200}), Admission::kTooFast);
  EXPECT_EQ(load.calls(), 6u);  // a refused one holds no place
  // However long it was quiet, no more than a second's worth.
  int taken = 0;
  while (load.take(0, 5, start + Seconds{60}) == Admission::kTaken) ++taken;
  EXPECT_EQ(taken, 5);
}

TEST(GatewayLoad, AFullOneUsesUpNoneOfItsRate) {
  GatewayLoad load;
  EXPECT_EQ(load.take(1, 2, Seconds{1}), Admission::kTaken);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(load.take(1, 2, Seconds{1}), Admission::kFull);
  load.give_back();
  EXPECT_EQ(load.take(1, 2, Seconds{1}), Admission::kTaken);
}

TEST(GatewayLoad, RestsUntilTheLatestThatItAskedFor) {
  GatewayLoad load;
  EXPECT_FALSE(load.resting(Seconds{1}));
  load.rest(Seconds{30});
  load.rest(Seconds{20});
  EXPECT_TRUE(load.resting(Seconds{29}));
  EXPECT_FALSE(load.resting(Seconds{30}));
  EXPECT_EQ(load.rests_until(), Nanos{Seconds{30}});
}

TEST(GatewayLoad, ItsAnsweredShareFollowsItsLastCalls) {
  GatewayLoad load;
  EXPECT_EQ(load.asr(), 65'536u);
  for (int i = 0; i < 1000; ++i) load.note_outcome(i % 2 == 0);
  EXPECT_NEAR(load.asr() / 65'536.0, 0.5, 0.02);
  for (int i = 0; i < 1000; ++i) load.note_outcome(false);
  EXPECT_LT(load.asr(), 65'536u / 100);
  for (int i = 0; i < 1000; ++i) load.note_outcome(true);
  EXPECT_GT(load.asr(), 65'536u * 98 / 100);
  EXPECT_EQ(load.asked(), 3000u);
  EXPECT_EQ(load.answered(), 1500u);
}

}  // namespace
}  // namespace tandem::routing
