#include "controlplane/routing/row_import.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::routing {

base::Result<void> RowImport::rows(std::string_view text) {
  std::vector<std::string_view> texts;
  std::vector<Row> parsed;
  while (!text.empty()) {
    const std::uint64_t line = ++lines_;
    std::string_view row = base::split_first(text, '\n');
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (line == 1 && row.starts_with("\xef\xbb\xbf")) row.remove_prefix(3);  // byte order mark
    if (base::trim(row).empty()) continue;
    if (format_ == Format::kCsv && !std::exchange(headed_, true)) {
      const auto header = fields_.csv(row);
      if (!header) return base::error(fmt::format("line {}: {}", line, header.error_text()));
      continue;
    }
    parsed.push_back({.line = line});
    texts.push_back(row);
  }
  tbb::parallel_for(std::size_t{0}, parsed.size(),
                    [&](std::size_t i) { parsed[i].values = fields_.read(texts[i]); });
  for (const Row& row : parsed) {
    if (row.values)
      take(row);
    else
      refuse(row.line, row.values.error_text());
  }
  return {};
}

void RowImport::refuse(std::uint64_t line, std::string reason) {
  if (!refused_.insert(line).second) return;
  if (faults_.size() < kFaultsMax) faults_.push_back({line, std::move(reason)});
}

base::Result<ImportReport> RowImport::finish() {
  compare();
  ImportReport report;
  report.refused = refused_.size();
  report.faults = std::move(faults_);
  std::sort(report.faults.begin(), report.faults.end(),
            [](const RowFault& a, const RowFault& b) { return a.line < b.line; });
  if (report.refused != 0 && !keep_going_) return report;
  if (auto done = commit(report); !done) return std::move(done).take_error();
  report.kept = true;
  return report;
}

}  // namespace tandem::routing
