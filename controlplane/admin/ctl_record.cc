#include "controlplane/admin/ctl_record.h"

#include <iostream>

#include "controlplane/admin/record_export.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

CLI::App* add_record_commands(CLI::App& app, RecordOptions& options) {
  auto* cdr = app.add_subcommand("cdr", "call records");
  cdr->require_subcommand(1);
  auto* tail = cdr->add_subcommand("tail", "the last records, a line each (--json: whole)");
  tail->add_option("-n,--count", options.count, "how many")->capture_default_str();
  tail->add_flag("-f,--follow", options.follow, "and those that come");
  auto* out = cdr->add_subcommand("export", "records as a file for others");
  const auto moment = [](const std::string& text) {
    return parse_moment(text)
               ? std::string()
               : text + " is no time: 2026-11-28T21:00:05 (UTC), or milliseconds since 1970";
  };
  auto* fresh =
      out->add_flag("--new", options.fresh, "what hasn't been exported yet (the default)");
  out->add_option("--from", options.from, "the first one's sequence number")->excludes(fresh);
  out->add_option("--to", options.to, "the last one's");
  auto* since = out->add_option("--since", options.since, "calls that ended then or later");
  auto* until = out->add_option("--until", options.until, "calls that ended then or before");
  for (auto* time : {since, until}) time->check(moment)->excludes(fresh);
  out->add_option("--format", options.format, "json (a line each) or csv")
      ->check(CLI::IsMember({"json", "csv"}))
      ->capture_default_str();
  out->add_option("-o,--output", options.file, "a new file; default: the standard output");
  auto* mark = out->add_flag("--mark", options.mark,
                             "they count as exported, once written (--new: the default)");
  out->add_flag("--no-mark", options.no_mark, "they don't")->excludes(mark);
  return cdr;
}

Outcome run_records(ControlClient& client, const CLI::App& command, const RecordOptions& options,
                    bool as_json) {
  if (command.get_name() == "tail") {
    return tail_records(client, options.count, options.follow, as_json);
  }
  ExportOrder order{.csv = options.format == "csv", .file = options.file};
  if (command.count("--from") != 0) order.from = options.from;
  if (command.count("--to") != 0) order.to = options.to;
  if (!options.since.empty()) order.since_ms = parse_moment(options.since);
  if (!options.until.empty()) order.until_ms = parse_moment(options.until);
  const bool chosen = order.from || order.since_ms || order.until_ms;
  order.mark = options.mark || (!chosen && !options.no_mark);
  const Outcome outcome = export_records(client, order);
  if (outcome.kind != Outcome::Kind::kDone) return outcome;
  const Json& result = outcome.result;
  std::cerr << "tandemctl: " << result["records"] << " records";
  if (result["records"] != 0) std::cerr << ", " << result["from"] << " to " << result["to"];
  std::cerr << "; exported up to " << result["exported"] << "\n";
  if (result.value("missing", std::uint64_t{0}) != 0) {
    std::cerr << "tandemctl: " << result["missing"] << " of these numbers are missing: files were "
              << "taken away or damaged\n";
  }
  return outcome;
}

}  // namespace tandem::admin
