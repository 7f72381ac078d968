#include "controlplane/cdr/record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <nlohmann/json.hpp>

namespace tandem::cdr {
namespace {

// Writes one object, member after member. Numbers and plain text are most of a record and are
// written as they are; text that needs any care is the JSON library's.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }

  void add(std::string_view name, std::string_view text) {
    begin(name);
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return c >= ' ' && c <= '~' && c != '"' && c != '\\';
    });
    if (plain) {
      out_.append("\"").append(text).append("\"");
      return;
    }
    // Peers' bytes may be no UTF-8; a record is never refused for that.
    const nlohmann::json replaced = text;
    out_ += replaced.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  void add(std::string_view name, std::integral auto number) {
    begin(name);
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out_.append(digits.data(), end);
  }
  // In hundredths, with two places.
  void add_hundredths(std::string_view name, std::uint32_t hundredths) {
    add(name, hundredths / 100);
    out_ += {'.', static_cast<char>('0' + hundredths / 10 % 10),
             static_cast<char>('0' + hundredths % 10)};
  }
  void add_null(std::string_view name) {
    begin(name);
    out_ += "null";
  }
  void begin(std::string_view name) {
    out_.append(first_ ? "\"" : ",\"").append(name).append("\":");
    first_ = false;
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void add_quality(Members& members, const Quality& quality) {
  if (quality.mos_x100 == 0) {
    members.add_null("mos");
    members.add_null("delay_ms");
  } else {
    members.add_hundredths("mos", quality.mos_x100);
    members.add("delay_ms", quality.delay_ms);
  }
  const wire::ReceptionReport& report = quality.report;
  members.add("reports", report.reports);
  if (report.reports == 0) {
    for (const char* name : {"reported_lost", "reported_loss_percent", "reported_jitter_us"}) {
      members.add_null(name);
    }
  } else {
    members.add("reported_lost", report.lost);
    members.add_hundredths("reported_loss_percent", report.fraction_lost * 10'000u / 256);
    members.add("reported_jitter_us", report.jitter_us);
  }
  if (report.round_trip_us == 0)
    members.add_null("round_trip_us");
  else
    members.add("round_trip_us", report.round_trip_us);
}

void add_figures(std::string& out, const std::optional<wire::FlowFigures>& figures,
                 const Quality& quality) {
  if (!figures) {
    out += "null";
    return;
  }
  Members members(out);
  members.add("packets", figures->packets);
  members.add("octets", figures->octets);
  members.add("lost", figures->lost);
  members.add("reordered", figures->reordered);
  members.add("duplicated", figures->duplicated);
  members.add("refused", figures->refused);
  members.add("relayed", figures->relayed);
  members.add("jitter_us", figures->jitter_us);
  members.add("largest_gap_us", figures->largest_gap_us);
  members.add("ssrc", figures->ssrc);
  members.add("payload_type", figures->payload_type);
  members.add("opaque", figures->opaque);
  members.add("late", figures->late);
  members.add("gaps", figures->gaps);
  members.add("loss_runs", figures->loss_runs);
  add_quality(members, quality);
  members.end();
}

void add_given_up(std::string& out, const std::vector<GivenUp>& attempts) {
  out += '[';
  for (const GivenUp& attempt : attempts) {
    if (&attempt != attempts.data()) out += ',';
    Members members(out);
    members.add("routing_gateway", attempt.routing_gateway);
    members.add("callee_account", attempt.callee_account);
    members.add("callee_sent", attempt.callee_sent);
    members.add("callee_call_id", attempt.callee_call_id);
    members.add("sip_code", attempt.sip_code);
    members.end();
  }
  out += ']';
}

}  // namespace

std::int64_t hold_time_s(std::int64_t hold_ms, base::Millis precision) {
  const std::int64_t rest = hold_ms % 1000;
  return hold_ms / 1000 + (rest != 0 && rest >= precision.count() ? 1 : 0);
}

std::string to_json(const CallRecord& record, std::uint64_t sequence, base::Millis precision) {
  std::string out;
  out.reserve(2048);
  Members members(out);
  members.add("sequence", sequence);
  members.add("schema", kSchema);
  members.add("call", record.call);
  members.add("caller", record.caller);
  members.add("callee", record.callee);
  members.add("callee_sent", record.callee_sent);
  members.add("caller_account", record.caller_account);
  members.add("callee_account", record.callee_account);
  members.add("mapping_gateway", record.mapping_gateway);
  members.add("routing_gateway", record.routing_gateway);
  members.begin("given_up");
  add_given_up(out, record.given_up);
  members.add("transferred_to", record.transferred_to);
  members.add("transferred_from", record.transferred_from);
  members.add("caller_call_id", record.caller_call_id);
  members.add("callee_call_id", record.callee_call_id);
  members.add("start_ms", record.start_ms);
  members.add("ring_ms", record.ring_ms);
  members.add("answer_ms", record.answer_ms);
  members.add("end_ms", record.end_ms);
  members.add("hold_ms", record.hold_ms);
  members.add("hold_time_s", hold_time_s(record.hold_ms, precision));
  members.add("end_reason", record.end_reason);
  members.add("end_direction", record.end_direction);
  members.add("sip_code", record.sip_code);
  members.add("media_mode", record.media_mode);
  members.add("media_rule", record.media_rule);
  members.add("codec", record.codec);
  members.begin("media");
  if (record.from_caller || record.from_callee) {
    Members media(out);
    media.begin("from_caller");
    add_figures(out, record.from_caller, record.quality_from_caller);
    media.begin("from_callee");
    add_figures(out, record.from_callee, record.quality_from_callee);
    media.end();
  } else {
    out += "null";
  }
  members.end();
  return out;
}

}  // namespace tandem::cdr
