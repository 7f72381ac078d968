// How a call sounded: the estimate and the parties' reports, each at its direction.
#include "controlplane/media/quality.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::calls {
namespace {

class CallQualityTest : public test::SwitchTest {
 protected:
  // As a worker's sweep does.
  void publish(std::uint16_t address, const wire::FlowRecord& said) {
    for (const auto& [place, flow] : flows) {
      if (flow.key.address != address || flow.kind != wire::FlowKind::kRtp) continue;
      wire::FlowRecord record = said;
      record.generation = flow.generation;
      segment.flow_record(flow.key).write(record);
    }
  }
  cdr::CallRecord live() {
    cdr::CallRecord out;
    calls.each([&](const Call& call) {
      out = call.record();
      call.take_figures(out);
    });
    return out;
  }
  static double best(double delay_ms) {
    return media::opinion_score(media::rating(media::codec_named("PCMU"), {.delay_ms = delay_ms}));
  }
};

TEST_F(CallQualityTest, TheListenersReportStandsAtWhatItHears) {
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  reports[1].reports = 3;  // the callee's: of what came from the caller
  reports[1].lost = 17;
  reports[1].fraction_lost = 64;
  reports[1].jitter_us = 1500;
  reports[1].round_trip_us = 80'000;
  packets_lost = 12;
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
  const auto media = record()["media"];
  const auto& heard_by_callee = media["from_caller"];
  EXPECT_EQ(heard_by_callee["reports"], 3);
  EXPECT_EQ(heard_by_callee["reported_lost"], 17);
  EXPECT_EQ(heard_by_callee["reported_loss_percent"], 25.0);
  EXPECT_EQ(heard_by_callee["reported_jitter_us"], 1500);
  EXPECT_EQ(heard_by_callee["round_trip_us"], 80'000);
  EXPECT_EQ(media["from_callee"]["reports"], 0);
  EXPECT_TRUE(media["from_callee"]["reported_lost"].is_null());
  EXPECT_TRUE(media["from_callee"]["round_trip_us"].is_null());
  // One round trip is known, both directions' delay comes of it and of an assumed one.
  for (const char* side : {"from_caller", "from_callee"}) {
    EXPECT_EQ(media[side]["delay_ms"], 40 + 25 + 20 + 20);
    EXPECT_LT(media[side]["mos"], best(105)) << "packets are lost";
    EXPECT_GT(media[side]["mos"], 2.5);
  }
  EXPECT_GT(media["from_callee"]["mos"], media["from_caller"]["mos"]) << "12 of 234, 12 of 123";
}

TEST_F(CallQualityTest, IsKnownWhileTheCallIsUp) {
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  EXPECT_FALSE(live().from_caller);
  EXPECT_EQ(live().quality_from_caller.mos_x100, 0);
  wire::FlowRecord heard;
  heard.figures.packets = 500;
  publish(0, heard);
  EXPECT_EQ(live().from_caller->packets, 500u);
  EXPECT_NEAR(live().quality_from_caller.mos_x100 / 100.0, best(90), 0.006);
  EXPECT_FALSE(live().from_callee);
  EXPECT_EQ(live().quality_from_callee.mos_x100, 0);
  wire::FlowRecord told;
  told.report.reports = 1;
  told.report.lost = 4;
  publish(1, told);
  EXPECT_EQ(live().quality_from_caller.report.lost, 4);
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
}

// They are kept with the RTP of their party, whichever port they came on.
TEST_F(CallQualityTest, ReportsAmongTheRtpAreFound) {
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  wire::FlowRecord both;
  both.figures.packets = 500;
  both.report.reports = 2;
  both.report.round_trip_us = 10'000;
  publish(0, both);
  EXPECT_EQ(live().quality_from_callee.report.reports, 2u);
  EXPECT_EQ(live().quality_from_caller.delay_ms, 5 + 25 + 20 + 20);
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
}

// A fax is no voice.
TEST_F(CallQualityTest, WhatIsNotHeardHasNoScore) {
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  wire::FlowRecord fax;
  fax.figures.packets = fax.figures.opaque = 100;
  publish(0, fax);
  wire::FlowRecord silent;
  publish(1, silent);
  EXPECT_TRUE(live().from_caller && live().from_callee);
  EXPECT_EQ(live().quality_from_caller.mos_x100, 0);
  EXPECT_EQ(live().quality_from_callee.mos_x100, 0);
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
}

}  // namespace
}  // namespace tandem::calls
