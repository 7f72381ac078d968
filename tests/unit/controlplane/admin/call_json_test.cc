// A call as the operator sees it.
#include "controlplane/admin/call_json.h"

#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::admin {
namespace {

class CallJsonTest : public test::SwitchTest {
 protected:
  Json shown(Json (*json)(const calls::Call&, std::uint32_t)) {
    Json out;
    calls.each([&](const calls::Call& call) { out = json(call, 3); });
    return out;
  }
  // 95 of the caller's packets came of 100.
  void hear_caller() {
    for (const auto& [place, flow] : flows) {
      if (flow.key.address != 0 || flow.kind != wire::FlowKind::kRtp) continue;
      wire::FlowRecord record;
      record.generation = flow.generation;
      record.figures.packets = 95;
      record.figures.lost = record.figures.loss_runs = 5;
      segment.flow_record(flow.key).write(record);
    }
  }
};

TEST_F(CallJsonTest, ARowHasLossAndScore) {
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  Json row = shown(call_row);
  EXPECT_TRUE(row["mos"]["from_caller"].is_null());
  EXPECT_TRUE(row["lost"]["from_caller"].is_null());
  hear_caller();
  row = shown(call_row);
  EXPECT_EQ(row["lost"]["from_caller"], 5);
  EXPECT_NEAR(row["mos"]["from_caller"].get<double>(), 3.84, 0.02);
  EXPECT_TRUE(row["mos"]["from_callee"].is_null());
  EXPECT_EQ(row["shard"], 3);
  EXPECT_EQ(row["state"], "answered");
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
}

TEST_F(CallJsonTest, AllOfACallIsShown) {
  bob.on_call = [](sip::InviteSession& call) { call.progress(180); };
  alice.dial(test::kSwitch, "4989");
  net.run(base::Seconds{1});
  EXPECT_EQ(shown(call_in_full)["state"], "ringing");
  bob.leg()->accept("application/sdp", test::kAnswer);
  net.run(base::Seconds{1});
  hear_caller();
  const Json call = shown(call_in_full);
  EXPECT_EQ(call["state"], "answered");
  EXPECT_EQ(call["caller_leg"]["remote"], "10.77.1.2:5060");
  EXPECT_EQ(call["caller_leg"]["local"], "10.77.1.1:5060");
  EXPECT_EQ(call["callee_leg"]["remote"], "10.77.2.2:5060");
  EXPECT_EQ(call["callee_leg"]["protocol"], call["caller_leg"]["protocol"]);
  EXPECT_NE(call["caller_leg"]["call_id"], call["callee_leg"]["call_id"]);
  EXPECT_TRUE(call["callee_leg"].contains("session_interval_s"));
  EXPECT_EQ(call["mapping_gateway"], "acme");
  EXPECT_EQ(call["routing_gateway"], "bcorp");
  EXPECT_EQ(call["media_mode"], "proxy");
  EXPECT_NE(call["media_rule"], "");
  EXPECT_EQ(call["mos_codec"], "PCMU");
  EXPECT_EQ(call["media"]["from_caller"]["lost"], 5);
  EXPECT_TRUE(call["media"]["from_callee"].is_null());
  for (const char* field : {"sequence", "end_ms", "end_reason", "sip_code", "hold_time_s"}) {
    EXPECT_FALSE(call.contains(field)) << field;
  }
  alice.leg()->finish(0);
  net.run(base::Seconds{2});
}

}  // namespace
}  // namespace tandem::admin
