#include "controlplane/cdr/csv.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace tandem::cdr {
namespace {

using Json = nlohmann::ordered_json;

// In this order; new ones come last, so that a column keeps its place.
constexpr std::array kFields = {"sequence",         "schema",         "call",
                                "caller",           "callee",         "callee_sent",
                                "caller_account",   "callee_account", "mapping_gateway",
                                "routing_gateway",  "given_up",       "transferred_to",
                                "transferred_from", "caller_call_id", "callee_call_id",
                                "start_ms",         "ring_ms",        "answer_ms",
                                "end_ms",           "hold_ms",        "hold_time_s",
                                "end_reason",       "end_direction",  "sip_code",
                                "media_mode",       "codec"};
// Behind the figures.
constexpr std::array kLater = {"media_rule"};
// Behind these.
constexpr std::array kLaterFigures = {"late",
                                      "gaps",
                                      "loss_runs",
                                      "mos",
                                      "delay_ms",
                                      "reports",
                                      "reported_lost",
                                      "reported_loss_percent",
                                      "reported_jitter_us",
                                      "round_trip_us"};
constexpr std::array kSides = {"from_caller", "from_callee"};
constexpr std::array kFigures = {"packets",        "octets",  "lost",         "reordered",
                                 "duplicated",     "refused", "relayed",      "jitter_us",
                                 "largest_gap_us", "ssrc",    "payload_type", "opaque"};

std::string cell(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      out += "\"\"";
    } else if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f') {
      out += c;
    } else if (c == '\n' || c == '\r') {
      out += c == '\n' ? "\\n" : "\\r";
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    }
    quoted = quoted || c == '"' || c == ',';
  }
  return quoted ? "\"" + out + "\"" : out;
}

std::string cell_of(const Json& record, const char* field) {
  const auto found = record.find(field);
  if (found == record.end() || found->is_null()) return {};
  if (found->is_string()) return cell(found->get_ref<const std::string&>());
  if (found->is_array() && found->empty()) return {};
  return cell(found->dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Of each side; empty cells where there are none.
template <typename Names>
void add_figures(std::string& out, const Json& record, const Names& figures) {
  const Json none = Json::object();
  const auto media = record.find("media");
  for (const char* side : kSides) {
    const bool known = media != record.end() && media->is_object() && media->contains(side) &&
                       (*media)[side].is_object();
    for (const char* figure : figures) out += "," + cell_of(known ? (*media)[side] : none, figure);
  }
}

template <typename Names>
void add_names(std::string& out, const Names& figures) {
  for (const char* side : kSides) {
    for (const char* figure : figures) out += fmt::format(",{}_{}", side, figure);
  }
}

}  // namespace

std::string csv_header() {
  std::string out;
  for (const char* field : kFields) out += (out.empty() ? "" : ",") + std::string(field);
  add_names(out, kFigures);
  for (const char* field : kLater) out += "," + std::string(field);
  add_names(out, kLaterFigures);
  return out + "\r\n";
}

std::string csv_row(const Json& record) {
  std::string out;
  for (const char* field : kFields) {
    if (field != kFields.front()) out += ',';
    out += cell_of(record, field);
  }
  add_figures(out, record, kFigures);
  for (const char* field : kLater) out += "," + cell_of(record, field);
  add_figures(out, record, kLaterFigures);
  return out + "\r\n";
}

}  // namespace tandem::cdr
