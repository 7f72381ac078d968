#include "controlplane/cdr/record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tandem::cdr {
namespace {

using base::Millis;

TEST(HoldTime, ARestBelowThePrecisionStartsNoSecond) {
  EXPECT_EQ(hold_time_s(0, Millis{50}), 0);
  EXPECT_EQ(hold_time_s(1, Millis{50}), 0);
  EXPECT_EQ(hold_time_s(49, Millis{50}), 0);
  EXPECT_EQ(hold_time_s(50, Millis{50}), 1);
  EXPECT_EQ(hold_time_s(1000, Millis{50}), 1);
  EXPECT_EQ(hold_time_s(1049, Millis{50}), 1);
  EXPECT_EQ(hold_time_s(1050, Millis{50}), 2);
  EXPECT_EQ(hold_time_s(1999, Millis{50}), 2);
  EXPECT_EQ(hold_time_s(7'200'000, Millis{50}), 7200);
}

TEST(HoldTime, TheEndsOfThePrecisionsRange) {
  EXPECT_EQ(hold_time_s(1000, Millis{0}), 1);
  EXPECT_EQ(hold_time_s(1001, Millis{0}), 2);
  EXPECT_EQ(hold_time_s(1998, Millis{999}), 1);
  EXPECT_EQ(hold_time_s(1999, Millis{999}), 2);
}

TEST(Record, IsOneLineWithEveryField) {
  CallRecord record;
  record.call = "c1";
  record.caller = "4930\n\"x\"";
  record.hold_ms = 1050;
  record.sip_code = 200;
  record.from_caller = wire::FlowFigures{};
  record.from_caller->packets = UINT64_MAX;
  record.from_caller->ssrc = UINT32_MAX;
  const auto line = to_json(record, 42, Millis{50});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["sequence"], 42);
  EXPECT_EQ(json["caller"], record.caller);
  EXPECT_EQ(json["hold_time_s"], 2);
  EXPECT_EQ(json["media"]["from_caller"]["packets"], UINT64_MAX);
  EXPECT_TRUE(json["media"]["from_callee"].is_null());
  for (const auto* field :
       {"call", "callee", "callee_sent", "mapping_gateway", "routing_gateway", "caller_call_id",
        "callee_call_id", "start_ms", "ring_ms", "answer_ms", "end_ms", "hold_ms", "end_reason",
        "end_direction", "sip_code", "media_mode", "codec"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
}

TEST(Record, NamesTheGatewaysGivenUpInTheirOrder) {
  CallRecord record;
  EXPECT_EQ(nlohmann::json::parse(to_json(record, 1, Millis{50}))["given_up"].size(), 0u);
  record.given_up = {
      {.routing_gateway = "a", .callee_sent = "\"1", .callee_call_id = "c", .sip_code = 302},
      {.routing_gateway = "b", .callee_sent = "2", .callee_call_id = "d", .sip_code = 480}};
  const auto json = nlohmann::json::parse(to_json(record, 1, Millis{50}))["given_up"];
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["callee_sent"], "\"1");
  EXPECT_EQ(json[1]["routing_gateway"], "b");
  EXPECT_EQ(json[1]["sip_code"], 480);
}

TEST(Record, WithoutMediaThereAreNoFigures) {
  EXPECT_TRUE(nlohmann::json::parse(to_json({}, 1, Millis{50}))["media"].is_null());
}

// Numbers come from peers: whatever bytes they hold, the line is JSON and one line.
TEST(Record, AnyBytesMakeARecord) {
  CallRecord record;
  for (int c = 0; c < 256; ++c) record.callee += static_cast<char>(c);
  record.caller = "\xff\xfe\xc3";
  record.codec = std::string("\0\r\n", 3);
  const auto line = to_json(record, 1, Millis{50});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_FALSE(nlohmann::json::parse(line, nullptr, false).is_discarded());
}

TEST(Record, SaysHowADirectionSounded) {
  CallRecord record;
  record.from_caller = record.from_callee = wire::FlowFigures{};
  record.from_caller->late = 3;
  record.from_caller->gaps = 2;
  record.from_caller->loss_runs = 1;
  Quality& quality = record.quality_from_caller;
  quality.mos_x100 = 405;
  quality.delay_ms = 90;
  quality.report = {
      .reports = 7, .lost = -2, .jitter_us = 1250, .round_trip_us = 31'000, .fraction_lost = 13};
  const auto line = to_json(record, 1, Millis{50});
  EXPECT_NE(line.find("\"mos\":4.05,"), std::string::npos) << "two places";
  const auto json = nlohmann::json::parse(line)["media"];
  const auto& good = json["from_caller"];
  EXPECT_EQ(good["late"], 3);
  EXPECT_EQ(good["gaps"], 2);
  EXPECT_EQ(good["loss_runs"], 1);
  EXPECT_EQ(good["mos"], 4.05);
  EXPECT_EQ(good["delay_ms"], 90);
  EXPECT_EQ(good["reports"], 7);
  EXPECT_EQ(good["reported_lost"], -2);
  EXPECT_EQ(good["reported_loss_percent"], 5.07);
  EXPECT_EQ(good["reported_jitter_us"], 1250);
  EXPECT_EQ(good["round_trip_us"], 31'000);
  const auto& unknown = json["from_callee"];
  EXPECT_EQ(unknown["reports"], 0);
  for (const char* field : {"mos", "delay_ms", "reported_lost", "reported_loss_percent",
                            "reported_jitter_us", "round_trip_us"}) {
    EXPECT_TRUE(unknown.contains(field) && unknown[field].is_null()) << field;
  }
}

}  // namespace
}  // namespace tandem::cdr
