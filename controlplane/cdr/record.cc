#include "controlplane/cdr/record.h"

#include <nlohmann/json.hpp>

namespace tandem::cdr {
namespace {

using Json = nlohmann::ordered_json;

Json figures_json(const std::optional<wire::FlowFigures>& figures) {
  if (!figures) return nullptr;
  return {{"packets", figures->packets},
          {"octets", figures->octets},
          {"lost", figures->lost},
          {"reordered", figures->reordered},
          {"duplicated", figures->duplicated},
          {"refused", figures->refused},
          {"relayed", figures->relayed},
          {"jitter_us", figures->jitter_us},
          {"largest_gap_us", figures->largest_gap_us},
          {"ssrc", figures->ssrc},
          {"payload_type", figures->payload_type}};
}

}  // namespace

std::int64_t hold_time_s(std::int64_t hold_ms, base::Millis precision) {
  const std::int64_t rest = hold_ms % 1000;
  return hold_ms / 1000 + (rest != 0 && rest >= precision.count() ? 1 : 0);
}

std::string to_json(const CallRecord& record, std::uint64_t sequence, base::Millis precision) {
  Json media = nullptr;
  if (record.from_caller || record.from_callee) {
    media = {{"from_caller", figures_json(record.from_caller)},
             {"from_callee", figures_json(record.from_callee)}};
  }
  const Json json = {{"sequence", sequence},
                     {"call", record.call},
                     {"caller", record.caller},
                     {"callee", record.callee},
                     {"callee_sent", record.callee_sent},
                     {"mapping_gateway", record.mapping_gateway},
                     {"routing_gateway", record.routing_gateway},
                     {"caller_call_id", record.caller_call_id},
                     {"callee_call_id", record.callee_call_id},
                     {"start_ms", record.start_ms},
                     {"ring_ms", record.ring_ms},
                     {"answer_ms", record.answer_ms},
                     {"end_ms", record.end_ms},
                     {"hold_ms", record.hold_ms},
                     {"hold_time_s", hold_time_s(record.hold_ms, precision)},
                     {"end_reason", record.end_reason},
                     {"end_direction", record.end_direction},
                     {"sip_code", record.sip_code},
                     {"media_mode", record.media_mode},
                     {"codec", record.codec},
                     {"media", media}};
  // Peers' bytes may be no UTF-8; a record is never refused for that.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tandem::cdr
