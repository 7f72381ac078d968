// Our registrations with others, in the store and in memory: each change is on disk before it is
// said to be done and before whoever lives by it is told. The store has their passwords in clear,
// as they must answer the challenge of any realm: its file is for its owner alone, whatever it was
// before. Owner: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/registrar/outbound_record.h"
#include "controlplane/store/database.h"
#include "controlplane/store/import_report.h"

namespace tandem::registrar {

using store::ImportReport;
using store::RowFault;

class OutboundBook {
 public:
  static constexpr std::size_t kRecordsMax = 10'000;
  static constexpr std::size_t kFaultsMax = 1000;

  struct Setup {
    std::string path;
    const config::Site& site;  // outlives this
    // What has changed; nullptr: it was removed. Not called for what open() finds.
    std::function<void(const std::string& name, const OutboundRecord* now)> changed;
    // Why one can't go: a gateway whose calls go through it. Empty: it can.
    std::function<std::string(const std::string& name)> needed_by{};
  };
  static base::Result<std::unique_ptr<OutboundBook>> open(Setup setup);

  base::Result<OutboundRecord> add(const OutboundWords& words);  // refused when it exists
  base::Result<OutboundRecord> set(const OutboundWords& words);  // refused when it doesn't
  base::Result<OutboundRecord> remove(const std::string& name);
  base::Result<OutboundRecord> find(const std::string& name) const;
  const std::map<std::string, OutboundRecord>& all() const { return records_; }

  // A whole file (outbound_rows): rows that name a registration change it. Without keep_going
  // nothing is taken when a row is refused.
  base::Result<ImportReport> import(std::string_view file, bool keep_going);

 private:
  OutboundBook(Setup setup, store::Database database, store::Statement insert,
               store::Statement erase);

  base::Result<void> load();
  base::Result<void> write(const OutboundRecord& record);
  base::Result<OutboundRecord> put(const OutboundWords& words, const OutboundRecord* before);

  Setup setup_;
  store::Database database_;
  store::Statement insert_;
  store::Statement erase_;
  std::map<std::string, OutboundRecord> records_;
};

}  // namespace tandem::registrar
