#include "controlplane/admin/call_json.h"

#include <array>
#include <optional>
#include <string>

#include "controlplane/media/quality.h"

namespace tandem::admin {
namespace {

Json seconds(base::Seconds time) { return time.count() == 0 ? Json(nullptr) : Json(time.count()); }

Json intervals(const calls::Call& call) {
  return {{"caller", seconds(call.session_interval(calls::kCallerLeg))},
          {"callee", seconds(call.session_interval(calls::kCalleeLeg))}};
}

Json parties_heard(const calls::Call& call) {
  Json heard = Json::array();
  if (call.heard(media::Side::kCaller)) heard.push_back("caller");
  if (call.heard(media::Side::kCallee)) heard.push_back("callee");
  return heard;
}

Json score(std::uint16_t mos_x100) {
  return mos_x100 == 0 ? Json(nullptr) : Json(mos_x100 / 100.0);
}

Json lost(const std::optional<wire::FlowFigures>& figures) {
  return figures ? Json(figures->lost) : Json(nullptr);
}

Json way(const calls::Call& call, int leg, const std::string& call_id) {
  Json out{{"call_id", call_id}};
  const sip::Path* path = call.path(leg);
  out["protocol"] = path == nullptr ? Json(nullptr) : Json(base::protocol_name(path->protocol));
  out["local"] = path == nullptr ? Json(nullptr) : Json(path->local.text());
  out["remote"] = path == nullptr ? Json(nullptr) : Json(path->remote.text());
  out["session_interval_s"] = seconds(call.session_interval(leg));
  return out;
}

// Those of its fields that have no meaning before the end.
constexpr std::array kOfTheEnd = {"sequence",       "schema",        "end_ms",        "hold_ms",
                                  "hold_time_s",    "end_reason",    "end_direction", "sip_code",
                                  "caller_call_id", "callee_call_id"};

}  // namespace

Json call_row(const calls::Call& call, std::uint32_t shard) {
  const cdr::CallRecord& r = call.record();
  cdr::CallRecord heard;  // no copy of all its texts: there may be many calls
  heard.codec = r.codec;
  call.take_figures(heard);
  return {{"id", call.name()},
          {"state", calls::state_name(call.state())},
          {"caller", r.caller},
          {"callee", r.callee},
          {"caller_account", r.caller_account},
          {"callee_account", r.callee_account},
          {"mapping_gateway", r.mapping_gateway},
          {"routing_gateway", r.routing_gateway},
          {"start_ms", r.start_ms},
          {"answer_ms", r.answer_ms},
          {"codec", r.codec},
          {"media_mode", r.media_mode},
          {"media_rule", r.media_rule},
          {"heard", parties_heard(call)},
          {"lost",
           {{"from_caller", lost(heard.from_caller)}, {"from_callee", lost(heard.from_callee)}}},
          {"mos",
           {{"from_caller", score(heard.quality_from_caller.mos_x100)},
            {"from_callee", score(heard.quality_from_callee.mos_x100)}}},
          {"session_interval_s", intervals(call)},
          {"shard", shard}};
}

Json call_in_full(const calls::Call& call, std::uint32_t shard) {
  cdr::CallRecord r = call.record();
  call.take_figures(r);
  Json out{{"id", call.name()}, {"state", calls::state_name(call.state())}, {"shard", shard}};
  out["caller_leg"] = way(call, calls::kCallerLeg, r.caller_call_id);
  out["callee_leg"] = way(call, calls::kCalleeLeg, r.callee_call_id);
  out["heard"] = parties_heard(call);
  // The codec whose values the estimates of MOS were made with.
  out["mos_codec"] = media::codec_named(r.codec).name;
  Json record = Json::parse(cdr::to_json(r, 0, base::Millis{0}));
  for (const char* field : kOfTheEnd) record.erase(field);
  record.erase("call");
  out.update(record);
  return out;
}

}  // namespace tandem::admin
