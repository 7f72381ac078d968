#include "controlplane/media/quality.h"

#include <gtest/gtest.h>

namespace tandem::media {
namespace {

// G.107 Annex B, Table B.1, and its defaults' R.
TEST(Quality, OpinionScoresAreThoseOfTheTable) {
  for (const auto& [rating, mos] : {std::pair{93.2, 4.41},
                                    {90.0, 4.34},
                                    {80.0, 4.03},
                                    {70.0, 3.60},
                                    {60.0, 3.10},
                                    {50.0, 2.58},
                                    {0.0, 1.0},
                                    {100.0, 4.5}}) {
    EXPECT_NEAR(opinion_score(rating), mos, 0.007) << rating;
  }
  EXPECT_EQ(opinion_score(-50), 1);
  EXPECT_EQ(opinion_score(3), 1) << "where the curve dips";
  EXPECT_EQ(opinion_score(150), 4.5);
  for (double rating = -10; rating < 110; rating += 0.5) {
    EXPECT_LE(opinion_score(rating), opinion_score(rating + 0.5)) << rating;
  }
}

TEST(Quality, WithoutAnyFaultTheRatingIsTheDefault) {
  EXPECT_NEAR(rating(codec_named("PCMA"), {}), 93.2, 0.02);
  EXPECT_NEAR(opinion_score(rating(codec_named("PCMA"), {})), 4.41, 0.005);
}

// The curve of G.108 for the same echo, of an older edition, within what has changed since.
TEST(Quality, DelayCostsWhatThePlanningGuideSays) {
  for (const auto& [delay_ms, expected] : {std::pair{50.0, 92.0},
                                           {100.0, 91.0},
                                           {150.0, 89.5},
                                           {200.0, 86.0},
                                           {250.0, 79.5},
                                           {300.0, 73.0},
                                           {350.0, 67.5},
                                           {400.0, 62.5},
                                           {450.0, 58.5}}) {
    EXPECT_NEAR(rating(codec_named("PCMU"), {.delay_ms = delay_ms}), expected, 1.0) << delay_ms;
  }
  for (double delay_ms = 0; delay_ms < 1000; delay_ms += 5) {
    EXPECT_LT(delay_impairment(delay_ms), delay_impairment(delay_ms + 5)) << delay_ms;
  }
}

// Ie + (95 − Ie) · Ppl ⁄ (Ppl ⁄ BurstR + Bpl), worked out by hand.
TEST(Quality, LossesCostWhatTheCodecMakesOfThem) {
  struct Row {
    const char* codec;
    double loss, burst, impairment;
  };
  for (const Row& row : {Row{"PCMA", 0, 1, 0},
                         {"PCMA", 5, 1, 15.78},    // 475 / 30.1
                         {"PCMU", 5, 2, 17.21},    // 475 / 27.6
                         {"PCMA", 100, 1, 75.94},  // 9500 / 125.1
                         {"G729", 0, 1, 11},
                         {"G729", 5, 1, 28.5},   // 11 + 420 / 24
                         {"G723", 2, 1, 23.84},  // 15 + 160 / 18.1
                         {"GSM", 1, 1, 26.82},   // 20 + 75 / 11
                         {"AMR", 1, 1, 13.18},   // 5 + 90 / 11
                         {"iLBC", 5, 1, 22.35}}) {
    EXPECT_NEAR(equipment_impairment(codec_named(row.codec), row.loss, row.burst), row.impairment,
                0.01)
        << row.codec << " " << row.loss;
  }
}

TEST(Quality, NamesAreThoseOfSdpInAnyCaseAndOthersAreG711) {
  EXPECT_EQ(codec_named("g729").ie, 11);
  EXPECT_EQ(codec_named("OPUS").name, "opus");
  EXPECT_EQ(codec_named("speex").name, "PCMA");
  EXPECT_EQ(codec_named("").name, "PCMA");
}

wire::FlowFigures figures(std::uint64_t packets, std::uint64_t lost = 0, std::uint32_t runs = 0) {
  wire::FlowFigures out;
  out.packets = packets;
  out.lost = lost;
  out.loss_runs = runs;
  return out;
}

Conditions conditions(const wire::FlowFigures& of, std::uint32_t one = 0, std::uint32_t other = 0) {
  return conditions_of(of, codec_named("PCMA"), one, other);
}

TEST(Quality, LossIsOfWhatWasSent) {
  EXPECT_EQ(conditions(figures(0)).loss_percent, 0);
  EXPECT_EQ(conditions(figures(950, 50, 50)).loss_percent, 5);
  wire::FlowFigures twice = figures(1000, 50, 50);
  twice.duplicated = 40;
  twice.opaque = 10;
  EXPECT_EQ(conditions(twice).loss_percent, 5) << "neither is another packet of voice";
  wire::FlowFigures late = figures(950, 50, 50);
  late.late = 100;
  EXPECT_EQ(conditions(late).loss_percent, 15);
  late.late = UINT32_MAX;
  EXPECT_EQ(conditions(late).loss_percent, 100) << "whatever the figures say";
  wire::FlowFigures odd = figures(5);
  odd.duplicated = 9;
  EXPECT_EQ(conditions(odd).loss_percent, 0);
}

TEST(Quality, LossesInRowAreABurst) {
  EXPECT_EQ(conditions(figures(1000)).burst_ratio, 1);
  EXPECT_EQ(conditions(figures(950, 50, 50)).burst_ratio, 1) << "evenly spread is no burst";
  EXPECT_NEAR(conditions(figures(990, 10, 5)).burst_ratio, 1.98, 0.001);
  EXPECT_EQ(conditions(figures(990, 10, 1)).burst_ratio, 8);
  EXPECT_EQ(conditions(figures(900, 100, 10)).burst_ratio, 2) << "what the model knows above 2 %";
}

TEST(Quality, DelayIsBothWaysThePacketAndTheBuffer) {
  wire::FlowFigures of = figures(100);
  EXPECT_EQ(conditions(of).delay_ms, 25 + 25 + 20 + 20) << "assumed";
  EXPECT_EQ(conditions(of, 200'000).delay_ms, 100 + 25 + 20 + 20);
  EXPECT_EQ(conditions(of, 200'000, 10'000).delay_ms, 100 + 5 + 20 + 20);
  of.jitter_us = 15'000;
  EXPECT_EQ(conditions(of).delay_ms, 50 + 20 + 30);
  of.jitter_us = 500'000;
  EXPECT_EQ(conditions(of).delay_ms, 50 + 20 + 60);
  EXPECT_EQ(conditions_of(of, codec_named("G723"), 0, 0).delay_ms, 50 + 37.5 + 60);
}

}  // namespace
}  // namespace tandem::media
