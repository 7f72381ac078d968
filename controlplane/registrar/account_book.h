// The accounts, in the store and in the table that REGISTERs are measured by: each change is on
// disk before the table has it and before it is answered as done. One import at a time goes on
// beside nothing else; it is one transaction, however many rows it has. Owner: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/registrar/account.h"
#include "controlplane/registrar/account_rows.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/store/database.h"
#include "controlplane/store/import_report.h"
#include "drivers/base/clock.h"

namespace tandem::registrar {

using store::ImportReport;
using store::RowFault;

class AccountBook {
 public:
  static constexpr std::size_t kFaultsMax = 1000;
  // An import that is silent for this long is given up.
  static constexpr base::Nanos kImportPatience = base::Seconds{60};

  struct Setup {
    std::string path;
    std::vector<std::string> realms;
    AccountTable& table;
    // Frees what readers may still look at, when they no longer do.
    std::function<void(AccountTable::Retired)> retire;
    // An account is gone, or may no longer register: what it has registered ends.
    std::function<void(const AccountKey&)> ended;
  };
  static base::Result<std::unique_ptr<AccountBook>> open(Setup setup);
  AccountBook(const AccountBook&) = delete;
  AccountBook& operator=(const AccountBook&) = delete;
  ~AccountBook();

  base::Result<Account> add(const AccountWords& words);  // refused when it exists
  base::Result<Account> set(const AccountWords& words);  // refused when it doesn't
  base::Result<Account> remove(const AccountWords& words);
  base::Result<Account> find(const AccountWords& words);
  // In the order of realm and user, at most so many.
  base::Result<std::vector<Account>> list(std::size_t most);

  // Rows of a file, in order, any number in one call, each with its end of line; of CSV, the first
  // one names the columns. Without keep_going, finish() takes nothing when a row was refused.
  enum class RowFormat : std::uint8_t { kCsv, kJson };
  base::Result<void> begin_import(RowFormat format, bool keep_going, base::Nanos now);
  base::Result<void> import_rows(std::string_view text, base::Nanos now);
  base::Result<ImportReport> finish_import();
  void cancel_import();
  // Now and then: a forgotten import ends.
  void tend(base::Nanos now);

 private:
  enum class Mode : std::uint8_t { kAdd, kSet, kPut };
  struct Batch;
  struct Import;
  struct ParsedRow;

  AccountBook(Setup setup, store::Database database, store::Statement insert,
              store::Statement select, store::Statement erase);

  base::Result<void> load();
  base::Result<void> idle() const;
  base::Result<std::optional<Account>> read(const std::string& user, const std::string& realm);
  base::Result<void> write(const Account& account);
  base::Result<Account> put(Batch& batch, const AccountEdit& edit, Mode mode);
  base::Result<void> claim_numbers(Batch& batch, const AccountKey& key, const Account& before,
                                   const Account& after);
  base::Result<void> commit(Batch& batch);
  base::Result<Account> change(const AccountWords& words, Mode mode);
  void take_row(Import& import, std::uint64_t line, const base::Result<AccountEdit>& edit);

  Setup setup_;
  store::Database database_;
  store::Statement insert_;
  store::Statement select_;
  store::Statement erase_;
  std::unique_ptr<Import> import_;
};

}  // namespace tandem::registrar
