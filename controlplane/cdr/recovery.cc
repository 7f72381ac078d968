#include "controlplane/cdr/recovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "controlplane/cdr/journal_reader.h"
#include "drivers/base/log.h"

namespace tandem::cdr {
namespace {

// Whether the journal has this very record under that number. The number alone might be another
// journal's.
bool written(const Journal& journal, std::uint64_t sequence, const CallRecord& record) {
  if (sequence == 0) return false;
  const Page page =
      read_page(journal.files(),
                {.from = sequence, .last = std::min(sequence, journal.last()), .records = 1});
  if (page.lines.empty()) return false;
  const auto json = nlohmann::json::parse(page.lines.front(), nullptr, false);
  const auto says = [&](const char* field, const auto& value) {
    const auto found = json.find(field);
    return found != json.end() && *found == value;
  };
  return json.is_object() && says("call", record.call) && says("start_ms", record.start_ms) &&
         says("end_ms", record.end_ms);
}

void end_lost(CallRecord& record, std::int64_t last_beat_ms, std::string_view lost) {
  record.end_ms = std::max({last_beat_ms, record.start_ms, record.ring_ms, record.answer_ms});
  if (record.answer_ms != 0) record.hold_ms = record.end_ms - record.answer_ms;
  record.end_reason = lost;
  record.end_direction = "switch";
}

}  // namespace

Recovered recover(OpenCalls& calls, Journal& journal, std::string_view lost) {
  Recovered count;
  std::uint64_t cut = 0;
  calls.each_left([&](const OpenCalls::Left& left) {
    if (!left.record) {
      ++count.corrupt;
      calls.free(left.slot);
      return;
    }
    CallRecord record = *left.record;
    if (left.finished && written(journal, left.sequence, record)) {
      calls.free(left.slot);
      return;
    }
    ++(left.finished ? count.finished : count.up);
    std::uint32_t slot = left.slot;
    if (!left.finished) {
      end_lost(record, calls.last_beat_ms(), lost);
      calls.keep(slot, record, true);
    }
    if (left.cut) ++cut;
    journal.append(std::move(record), {&calls, slot});
  });
  if (count != Recovered{}) {
    LOG(kWarning, "cdr",
        "a former control plane was killed: {} calls were up, {} records had not been written, {} "
        "slots are unreadable",
        count.up, count.finished, count.corrupt);
  }
  if (cut != 0) LOG(kWarning, "cdr", "{} of those records were too long to be kept whole", cut);
  return count;
}

}  // namespace tandem::cdr
