// An import: rows of a file, in pieces, and what became of each. Nothing is changed before it is
// finished, and then all at once or not at all. Owner: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "controlplane/routing/row_fields.h"
#include "controlplane/store/import_report.h"

namespace tandem::routing {

using store::ImportReport;
using store::RowFault;

class RowImport {
 public:
  static constexpr std::size_t kFaultsMax = 1000;

  enum class Format : std::uint8_t { kCsv, kJson };
  RowImport(Format format, bool keep_going, RowFields fields)
      : format_(format), keep_going_(keep_going), fields_(std::move(fields)) {}
  RowImport(const RowImport&) = delete;
  RowImport& operator=(const RowImport&) = delete;
  virtual ~RowImport() = default;

  // In order, any number in one call, each with its end of line; of CSV, the first one names the
  // columns. A failure is the end of the import.
  base::Result<void> rows(std::string_view text);
  // Takes all of it, or nothing where a row was refused and it doesn't keep going.
  base::Result<ImportReport> finish();

 protected:
  struct Row {
    std::uint64_t line;
    base::Result<RowFields::Values> values = base::error({});
  };
  virtual void take(const Row& row) = 0;
  // What can be said of all rows together only: refuse() what can't be.
  virtual void compare() = 0;
  // Makes the changes, of rows that weren't refused, and counts them.
  virtual base::Result<void> commit(ImportReport& report) = 0;

  void refuse(std::uint64_t line, std::string reason);
  bool refused(std::uint64_t line) const { return refused_.contains(line); }

 private:
  Format format_;
  bool keep_going_;
  RowFields fields_;
  bool headed_ = false;
  std::uint64_t lines_ = 0;
  std::unordered_set<std::uint64_t> refused_{};
  std::vector<RowFault> faults_{};
};

}  // namespace tandem::routing
