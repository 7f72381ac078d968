// The switching table: every combination of its parameters against every event.
#include "controlplane/calls/failover.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::calls {
namespace {

struct Event {
  const char* name;
  Attempt attempt;
  // Which of the five parameters ends the call here, when it is on (the bits below).
  unsigned stops;
};

constexpr unsigned kAfterSdp = 1, kAfterTimeout = 2, kAfterRtp = 4, kAfterBusy = 8, kUntil = 16;

const Event kEvents[] = {
    {"404", {.status = 404}, 0},
    {"503", {.status = 503}, 0},
    {"603", {.status = 603}, 0},
    {"401", {.status = 401}, 0},
    {"302", {.status = 302}, 0},
    {"486", {.status = 486}, kAfterBusy},
    {"600", {.status = 600}, kAfterBusy},
    {"silence", {.status = 408, .silent = true}, kAfterTimeout},
    {"a response 408", {.status = 408}, 0},
    {"503 after SDP", {.status = 503, .described = true}, kAfterSdp},
    {"silence after SDP",
     {.status = 408, .silent = true, .described = true},
     kAfterSdp | kAfterTimeout},
    {"486 after SDP", {.status = 486, .described = true}, kAfterSdp | kAfterBusy},
    {"503 after RTP", {.status = 503, .described = true, .heard = true}, kAfterSdp | kAfterRtp},
    {"486 after RTP, without SDP", {.status = 486, .heard = true}, kAfterRtp | kAfterBusy},
};

config::Parameters parameters_with(unsigned on) {
  config::Parameters out;
  const auto set = [&](const char* name, unsigned bit) {
    EXPECT_TRUE(out.set(name, (on & bit) != 0 ? "on" : "off").ok());
  };
  set("SS_SIP_STOP_SWITCH_AFTER_SDP", kAfterSdp);
  set("SS_SIP_USER_AGENT_STOP_SWITCH_AFTER_INVITE_TIMEOUT", kAfterTimeout);
  set("SS_GATEWAY_SWITCH_STOP_AFTER_RTP_START", kAfterRtp);
  set("SS_GATEWAY_SWITCH_STOP_AFTER_USER_BUSY", kAfterBusy);
  set("SS_GATEWAY_SWITCH_UNTIL_CONNECT", kUntil);
  return out;
}

TEST(Failover, EveryCombinationOfTheFiveParameters) {
  const config::Gateway gateway;
  for (unsigned on = 0; on < 32; ++on) {
    const auto parameters = parameters_with(on);
    for (const Event& event : kEvents) {
      const bool expected = (on & kUntil) != 0 || (on & event.stops) == 0;
      EXPECT_EQ(goes_on(parameters, gateway, event.attempt), expected)
          << event.name << ", parameters " << on;
    }
  }
}

TEST(Failover, TheDefaultsCommitAtMediaAndBusyOnly) {
  const config::Parameters defaults;
  for (const Event& event : kEvents) {
    EXPECT_EQ(goes_on(defaults, {}, event.attempt),
              (event.stops & (kAfterSdp | kAfterRtp | kAfterBusy)) == 0)
        << event.name;
  }
}

TEST(Failover, ListedCodesStop) {
  config::Gateway gateway;
  gateway.stop_codes = {{404, 404}, {500, 599}};
  const config::Parameters defaults;
  EXPECT_FALSE(goes_on(defaults, gateway, {.status = 404}));
  EXPECT_FALSE(goes_on(defaults, gateway, {.status = 503}));
  EXPECT_TRUE(goes_on(defaults, gateway, {.status = 403}));
  // A time-out is no response.
  gateway.stop_codes = {{408, 408}};
  EXPECT_TRUE(goes_on(defaults, gateway, {.status = 408, .silent = true}));
  EXPECT_FALSE(goes_on(defaults, gateway, {.status = 408}));
  EXPECT_TRUE(goes_on(parameters_with(kUntil), gateway, {.status = 408}));
}

TEST(Failover, TheLimitCountsGateways) {
  config::Parameters parameters;
  ASSERT_TRUE(parameters.set("SS_GATEWAY_SWITCH_LIMIT", "2").ok());
  EXPECT_TRUE(goes_on(parameters, {}, {.status = 404, .tried = 1}));
  EXPECT_FALSE(goes_on(parameters, {}, {.status = 404, .tried = 2}));
  ASSERT_TRUE(parameters.set("SS_GATEWAY_SWITCH_UNTIL_CONNECT", "on").ok());
  EXPECT_TRUE(goes_on(parameters, {}, {.status = 404, .tried = 2}));
}

TEST(Failover, WhoRangAndDidNotAnswerIsNotRungAgain) {
  EXPECT_FALSE(goes_on(config::Parameters{}, {}, {.status = 408, .rang = true}));
  EXPECT_TRUE(goes_on(parameters_with(kUntil), {}, {.status = 408, .rang = true}));
}

TEST(Failover, RetryAfterInSeconds) {
  EXPECT_EQ(rest_s("30"), 30u);
  EXPECT_EQ(rest_s(" 120 (in maintenance)"), 120u);
  EXPECT_EQ(rest_s("18000;duration=3600"), 3600u);  // an hour at most
  EXPECT_EQ(rest_s("99999999999999999999999"), 3600u);
  for (const auto* nothing : {"", "0", "soon", "-5", ";duration=3", "1x"}) {
    EXPECT_EQ(rest_s(nothing), 0u) << nothing;
  }
}

}  // namespace
}  // namespace tandem::calls
