// What is kept of a call attempt (behaviour: one record per call, also failed ones). Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/base/clock.h"
#include "drivers/wire/messages.h"

namespace tandem::cdr {

// The version of a record's line (docs/RECORDS.md): raised when a field changes its meaning or goes
// away; new fields alone don't raise it.
constexpr int kSchema = 1;

// A gateway, or a phone, that was tried before the one that the record names.
struct GivenUp {
  std::string routing_gateway;
  std::string callee_account{};  // of a phone
  std::string callee_sent;
  std::string callee_call_id;
  int sip_code = 0;  // its final response
};

// How the listener heard a direction, as far as it can be told.
struct Quality {
  wire::ReceptionReport report;  // the listener's own word, by RTCP
  std::uint16_t mos_x100 = 0;    // estimated from what came to us (ITU-T G.107); 0: no voice came
  std::uint16_t delay_ms = 0;    // one way, which that was estimated with
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Quality) == 32);

struct CallRecord {
  std::string call;    // our id, as `show calls` has it
  std::string caller;  // numbers as received
  std::string callee;
  std::string callee_sent;     // as sent to the routing gateway; the URI that a phone registered
  std::string caller_account;  // user@realm; empty: a gateway's call
  std::string callee_account;
  std::string mapping_gateway;
  std::string routing_gateway;    // empty: never routed
  std::vector<GivenUp> given_up;  // in the order in which they were tried
  // Calls (`call` of their records) that a transfer ties to this one: of whom this call's party
  // went on to, and of whom one came from. Empty: none.
  std::string transferred_to;
  std::string transferred_from;
  std::string caller_call_id;
  std::string callee_call_id;
  // Milliseconds since 1970; 0: didn't happen.
  std::int64_t start_ms = 0;
  std::int64_t ring_ms = 0;
  std::int64_t answer_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t hold_ms = 0;  // answer to end, by the monotonic clock
  std::string end_reason;
  std::string end_direction;  // "caller", "callee", "switch"
  int sip_code = 0;           // what the caller got, or 200
  std::string media_mode;     // "proxy", "direct", "none"
  std::string media_rule{};   // why (calls/media_policy.h)
  std::string codec;
  std::optional<wire::FlowFigures> from_caller;
  std::optional<wire::FlowFigures> from_callee;
  Quality quality_from_caller{};  // of what came from it, where from_caller is there
  Quality quality_from_callee{};
};

// Whole billed seconds: a hold time, or the rest of one, below the precision
// (SERVER_BILLING_HOLD_TIME_PRECISION) doesn't start another second.
std::int64_t hold_time_s(std::int64_t hold_ms, base::Millis precision);

// One line of JSON, without the line end.
std::string to_json(const CallRecord& record, std::uint64_t sequence, base::Millis precision);

}  // namespace tandem::cdr
