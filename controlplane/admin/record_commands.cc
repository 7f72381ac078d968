#include "controlplane/admin/record_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "controlplane/cdr/journal_reader.h"

namespace tandem::admin {
namespace {

constexpr std::uint64_t kNumberMax = std::numeric_limits<std::uint64_t>::max();

// False: it is there, and no number.
bool read_number(const Json& args, const char* name, std::optional<std::uint64_t>& out) {
  const auto found = args.find(name);
  if (found == args.end()) return true;
  if (!found->is_number_unsigned()) return false;
  out = found->get<std::uint64_t>();
  return true;
}

base::Error no_number(const char* command, const char* name) {
  return base::error(fmt::format("{}: \"{}\" must be a number from 0 on", command, name));
}

}  // namespace

bool RecordCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  using Work = base::Result<Json> (RecordCommands::*)(const Json& args);
  Work work = nullptr;
  if (command == "cdr read") work = &RecordCommands::read;
  if (command == "cdr mark") work = &RecordCommands::mark;
  if (work == nullptr) return false;
  thread_.post([this, work, args, answer] {
    loop_.post([answer, result = (this->*work)(args)] { answer(result); });
  });
  return true;
}

base::Result<Json> RecordCommands::read(const Json& args) {
  std::optional<std::uint64_t> from, to, since, until, tail;
  for (const auto& [name, number] : {std::pair{"from", &from},
                                     {"to", &to},
                                     {"since", &since},
                                     {"until", &until},
                                     {"tail", &tail}}) {
    if (!read_number(args, name, *number)) return no_number("cdr read", name);
  }
  const std::uint64_t last = journal_.last();
  const std::uint64_t exported = journal_.files().exported();
  cdr::PageOrder order{.from = from.value_or(exported + 1),
                       .last = std::min(last, to.value_or(kNumberMax)),
                       .records = kPageRecords,
                       .octets = kPageOctets};
  if (tail) order.from = last - std::min(last, *tail) + 1;
  order.from = std::max<std::uint64_t>(order.from, 1);
  const cdr::Page page = cdr::read_page(journal_.files(), order);
  Json records = Json::array();
  for (const std::string& line : page.lines) {
    Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) continue;  // damaged: its number is missing, which the reader sees
    const auto end = record.find("end_ms");
    const bool known = end != record.end() && end->is_number_unsigned();
    const auto ended = known ? end->get<std::uint64_t>() : 0;
    if (ended < since.value_or(0) || ended > until.value_or(kNumberMax)) continue;
    records.push_back(std::move(record));
  }
  return Json{{"records", std::move(records)},
              {"from", order.from},
              {"next", page.next},
              {"last", last},
              {"exported", exported}};
}

base::Result<Json> RecordCommands::mark(const Json& args) {
  std::optional<std::uint64_t> from, to;
  if (!read_number(args, "from", from) || !from) return no_number("cdr mark", "from");
  if (!read_number(args, "to", to) || !to) return no_number("cdr mark", "to");
  if (*to > journal_.last()) {
    return base::error(fmt::format("cdr mark: the last record is {}", journal_.last()));
  }
  if (auto marked = journal_.files().mark_exported(*from, *to); !marked) {
    return base::error("cdr mark: " + marked.error_text());
  }
  return Json{{"exported", journal_.files().exported()}};
}

}  // namespace tandem::admin
