#include "controlplane/registrar/account_book.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "controlplane/registrar/schema.h"
#include "drivers/base/log.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

constexpr std::string_view kColumns = "user, realm, ha1_md5, ha1_sha256, numbers, devices, enabled";

struct KeyHash {
  std::size_t operator()(const base::KeyedHash::Digest& key) const { return key.low; }
};

template <std::size_t Size>
bool copy_octets(std::span<const std::uint8_t> from, std::array<std::uint8_t, Size>& to) {
  if (from.size() != Size) return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

std::vector<std::string> numbers_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) out.emplace_back(base::split_first(text, ' '));
  return out;
}

// Of a row with kColumns.
base::Result<Account> account_of(const store::Statement& row) {
  Account out;
  out.user = row.text(0);
  out.realm = row.text(1);
  if (!copy_octets(row.blob(2), out.ha1.md5) || !copy_octets(row.blob(3), out.ha1.sha256)) {
    return base::error(fmt::format("account {}@{} is damaged in the store", out.user, out.realm));
  }
  out.numbers = numbers_of(row.text(4));
  out.devices = static_cast<std::uint32_t>(row.integer(5));
  out.enabled = row.integer(6) != 0;
  return out;
}

AccountRecord record_of(const AccountKey& key, const Account& account) {
  return {.key = key, .ha1 = account.ha1, .devices = account.devices, .enabled = account.enabled};
}

}  // namespace

// What is to be changed together.
struct AccountBook::Batch {
  explicit Batch(store::Transaction begun) : transaction(std::move(begun)) {}

  store::Transaction transaction;
  AccountTable::Changes changes{};
  std::vector<AccountKey> ended{};
  std::unordered_set<AccountKey, KeyHash> fresh{};  // accounts that the table doesn't have yet
  // Numbers that have found or lost an account in this batch; no value: lost.
  std::unordered_map<base::KeyedHash::Digest, std::optional<AccountKey>, KeyHash> numbers{};
  base::Result<void> broken{};  // the store failed: nothing of it can be kept
};

struct AccountBook::Import {
  Import(store::Transaction begun, RowFormat row_format, bool keeps_going, base::Nanos now)
      : batch(std::move(begun)), format(row_format), keep_going(keeps_going), touched(now) {}

  Batch batch;
  RowFormat format;
  bool keep_going;
  base::Nanos touched;
  std::optional<AccountRows> rows{};  // of CSV: when the first line was there
  std::uint64_t lines = 0;
  std::unordered_map<AccountKey, std::uint64_t, KeyHash> seen{};  // in which line
  ImportReport report{};
};

struct AccountBook::ParsedRow {
  std::uint64_t line;
  std::string_view text;
  base::Result<AccountEdit> edit = base::error({});
};

AccountBook::AccountBook(Setup setup, store::Database database, store::Statement insert,
                         store::Statement select, store::Statement erase)
    : setup_(std::move(setup)),
      database_(std::move(database)),
      insert_(std::move(insert)),
      select_(std::move(select)),
      erase_(std::move(erase)) {}

AccountBook::~AccountBook() = default;

base::Result<std::unique_ptr<AccountBook>> AccountBook::open(Setup setup) {
  auto database = store::Database::open(setup.path, kSchema);
  if (!database) return std::move(database).take_error();
  auto insert = database->prepare(
      fmt::format("INSERT OR REPLACE INTO account ({}) VALUES (?, ?, ?, ?, ?, ?, ?)", kColumns));
  if (!insert) return std::move(insert).take_error();
  auto select = database->prepare(
      fmt::format("SELECT {} FROM account WHERE realm = ? AND user = ?", kColumns));
  if (!select) return std::move(select).take_error();
  auto erase = database->prepare("DELETE FROM account WHERE realm = ? AND user = ?");
  if (!erase) return std::move(erase).take_error();
  std::unique_ptr<AccountBook> book(
      new AccountBook(std::move(setup), std::move(database).value(), std::move(insert).value(),
                      std::move(select).value(), std::move(erase).value()));
  if (auto loaded = book->load(); !loaded) return std::move(loaded).take_error();
  return book;
}

// Read in one go, then laid into the table by all cores.
base::Result<void> AccountBook::load() {
  auto all = database_.prepare(fmt::format("SELECT {} FROM account", kColumns));
  if (!all) return std::move(all).take_error();
  AccountTable::Changes changes;
  std::uint64_t strangers = 0;
  for (;;) {
    auto row = all->step();
    if (!row) return std::move(row).take_error();
    if (!*row) break;
    const std::string_view realm = all->text(1);
    if (std::find(setup_.realms.begin(), setup_.realms.end(), realm) == setup_.realms.end()) {
      ++strangers;
      continue;
    }
    const AccountKey key = setup_.table.key_of(all->text(0), realm);
    AccountRecord record{.key = key, .ha1 = {}, .devices = 1, .enabled = all->integer(6) != 0};
    record.devices = static_cast<std::uint32_t>(all->integer(5));
    if (!copy_octets(all->blob(2), record.ha1.md5) ||
        !copy_octets(all->blob(3), record.ha1.sha256)) {
      return base::error(fmt::format("database {}: account {}@{} is damaged", database_.path(),
                                     all->text(0), realm));
    }
    changes.accounts.push_back({record});
    for (std::string_view rest = all->text(4); !rest.empty();) {
      const auto number = setup_.table.key_of_number(base::split_first(rest, ' '));
      changes.numbers.push_back({{number, key}});
    }
  }
  setup_.retire(setup_.table.apply(changes));
  database_.give_back();
  if (strangers != 0) {
    LOG(kWarning, "registrar", "{} accounts belong to realms that the switch hasn't: not loaded",
        strangers);
  }
  return {};
}

base::Result<void> AccountBook::idle() const {
  if (import_) return base::error("an import is under way: try again when it is done");
  return {};
}

base::Result<std::optional<Account>> AccountBook::read(const std::string& user,
                                                       const std::string& realm) {
  auto row = select_.bind(1, realm).bind(2, user).step();
  if (!row) return std::move(row).take_error();
  if (!*row) return std::optional<Account>();
  auto account = account_of(select_);
  select_.reset();
  if (!account) return std::move(account).take_error();
  return std::optional(std::move(account).value());
}

base::Result<void> AccountBook::write(const Account& account) {
  return insert_.bind(1, account.user)
      .bind(2, account.realm)
      .bind(3, account.ha1.md5)
      .bind(4, account.ha1.sha256)
      .bind(5, fmt::format("{}", fmt::join(account.numbers, " ")))
      .bind(6, std::int64_t{account.devices})
      .bind(7, std::int64_t{account.enabled})
      .run();
}

// A number leads to one account.
base::Result<void> AccountBook::claim_numbers(Batch& batch, const AccountKey& key,
                                              const Account& before, const Account& after) {
  const auto owner = [&](const base::KeyedHash::Digest& number) -> std::optional<AccountKey> {
    if (const auto changed = batch.numbers.find(number); changed != batch.numbers.end()) {
      return changed->second;
    }
    const AccountKey* const found = setup_.table.find_number(number);
    return found != nullptr ? std::optional(*found) : std::nullopt;
  };
  for (const std::string& text : after.numbers) {
    const auto now = owner(setup_.table.key_of_number(text));
    if (now && *now != key) {
      return base::error(fmt::format("number {} is another account's", text));
    }
  }
  for (const std::string& text : before.numbers) {
    const auto number = setup_.table.key_of_number(text);
    batch.changes.numbers.push_back({{number, key}, true});
    batch.numbers[number] = std::nullopt;
  }
  for (const std::string& text : after.numbers) {
    const auto number = setup_.table.key_of_number(text);
    batch.changes.numbers.push_back({{number, key}});
    batch.numbers[number] = key;
  }
  return {};
}

base::Result<Account> AccountBook::put(Batch& batch, const AccountEdit& edit, Mode mode) {
  const AccountKey key = setup_.table.key_of(edit.user, edit.realm);
  const bool exists = setup_.table.find(key) != nullptr || batch.fresh.contains(key);
  if (mode == Mode::kAdd && exists) {
    return base::error(fmt::format("there is an account {}@{} already", edit.user, edit.realm));
  }
  if (mode == Mode::kSet && !exists) {
    return base::error(fmt::format("there is no account {}@{}", edit.user, edit.realm));
  }
  if (!exists && !edit.ha1) {
    return base::error("a new account needs a password, or ha1_md5 and ha1_sha256");
  }
  Account before;
  if (exists) {
    auto found = read(edit.user, edit.realm);
    if (!found) {
      batch.broken = base::error(found.error_text());
      return std::move(found).take_error();
    }
    if (*found) before = **found;
  }
  Account after = before;
  after.user = edit.user;
  after.realm = edit.realm;
  if (edit.ha1) after.ha1 = *edit.ha1;
  if (edit.numbers) after.numbers = *edit.numbers;
  after.devices = edit.devices.value_or(before.devices);
  after.enabled = edit.enabled.value_or(before.enabled);
  if (auto claimed = claim_numbers(batch, key, before, after); !claimed) {
    return std::move(claimed).take_error();
  }
  if (auto written = write(after); !written) {
    batch.broken = written;
    return std::move(written).take_error();
  }
  batch.changes.accounts.push_back({record_of(key, after)});
  if (!exists) batch.fresh.insert(key);
  if (exists && !after.enabled) batch.ended.push_back(key);
  return after;
}

base::Result<void> AccountBook::commit(Batch& batch) {
  if (auto done = batch.transaction.commit(); !done) return done;
  setup_.retire(setup_.table.apply(batch.changes));
  for (const AccountKey& key : batch.ended) setup_.ended(key);
  return {};
}

base::Result<Account> AccountBook::change(const AccountWords& words, Mode mode) {
  if (auto good = idle(); !good) return std::move(good).take_error();
  const auto edit = check_words(words, setup_.realms);
  if (!edit) return base::error(edit.error_text());
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  Batch batch(std::move(transaction).value());
  auto account = put(batch, *edit, mode);
  if (!account) return account;
  if (auto done = commit(batch); !done) return std::move(done).take_error();
  return account;
}

base::Result<Account> AccountBook::add(const AccountWords& words) {
  return change(words, Mode::kAdd);
}

base::Result<Account> AccountBook::set(const AccountWords& words) {
  return change(words, Mode::kSet);
}

base::Result<Account> AccountBook::remove(const AccountWords& words) {
  if (auto good = idle(); !good) return std::move(good).take_error();
  auto account = find(words);
  if (!account) return account;
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  Batch batch(std::move(transaction).value());
  if (auto erased = erase_.bind(1, account->realm).bind(2, account->user).run(); !erased) {
    return std::move(erased).take_error();
  }
  const AccountKey key = setup_.table.key_of(account->user, account->realm);
  batch.changes.accounts.push_back({{.key = key, .ha1 = {}}, true});
  for (const std::string& number : account->numbers) {
    batch.changes.numbers.push_back({{setup_.table.key_of_number(number), key}, true});
  }
  batch.ended.push_back(key);
  if (auto done = commit(batch); !done) return std::move(done).take_error();
  return account;
}

base::Result<Account> AccountBook::find(const AccountWords& words) {
  if (auto good = idle(); !good) return std::move(good).take_error();
  const auto edit = check_words({.user = words.user, .realm = words.realm}, setup_.realms);
  if (!edit) return base::error(edit.error_text());
  auto found = read(edit->user, edit->realm);
  if (!found) return std::move(found).take_error();
  if (!*found) {
    return base::error(fmt::format("there is no account {}@{}", edit->user, edit->realm));
  }
  return std::move(**found);
}

base::Result<std::vector<Account>> AccountBook::list(std::size_t most) {
  if (auto good = idle(); !good) return std::move(good).take_error();
  auto rows = database_.prepare(
      fmt::format("SELECT {} FROM account ORDER BY realm, user LIMIT ?", kColumns));
  if (!rows) return std::move(rows).take_error();
  rows->bind(1, static_cast<std::int64_t>(most));
  std::vector<Account> out;
  for (;;) {
    auto row = rows->step();
    if (!row) return std::move(row).take_error();
    if (!*row) return out;
    auto account = account_of(*rows);
    if (!account) return std::move(account).take_error();
    out.push_back(std::move(account).value());
  }
}

// --- import ------------------------------------------------------------------------------------

base::Result<void> AccountBook::begin_import(RowFormat format, bool keep_going, base::Nanos now) {
  tend(now);
  if (auto good = idle(); !good) return good;
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  import_ = std::make_unique<Import>(std::move(transaction).value(), format, keep_going, now);
  if (format == RowFormat::kJson) import_->rows.emplace();
  return {};
}

base::Result<void> AccountBook::import_rows(std::string_view text, base::Nanos now) {
  if (!import_) return base::error("no import is under way");
  import_->touched = now;
  std::vector<ParsedRow> parsed;
  while (!text.empty()) {
    const std::uint64_t line = ++import_->lines;
    std::string_view row = base::split_first(text, '\n');
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (line == 1 && row.starts_with("\xef\xbb\xbf")) row.remove_prefix(3);  // byte order mark
    if (base::trim(row).empty()) continue;
    if (!import_->rows) {
      auto rows = AccountRows::csv(row);
      if (!rows) {
        import_.reset();
        return base::error(fmt::format("line {}: {}", line, rows.error_text()));
      }
      import_->rows = std::move(rows).value();
      continue;
    }
    parsed.push_back({.line = line, .text = row});
  }
  // Most of the work is hashing passwords: shared among the cores. What follows is in order.
  tbb::parallel_for(std::size_t{0}, parsed.size(), [&](std::size_t i) {
    auto words = import_->rows->read(parsed[i].text);
    parsed[i].edit = words ? check_words(*words, setup_.realms)
                           : base::Result<AccountEdit>(std::move(words).take_error());
  });
  for (const ParsedRow& row : parsed) {
    take_row(*import_, row.line, row.edit);
    if (import_->batch.broken) continue;
    auto why = import_->batch.broken;
    import_.reset();
    return why;
  }
  return {};
}

void AccountBook::take_row(Import& import, std::uint64_t line,
                           const base::Result<AccountEdit>& edit) {
  const auto refuse = [&](const std::string& reason) {
    ++import.report.refused;
    if (import.report.faults.size() < kFaultsMax) import.report.faults.push_back({line, reason});
  };
  if (!edit) return refuse(edit.error_text());
  const AccountKey key = setup_.table.key_of(edit->user, edit->realm);
  const auto [seen, first] = import.seen.emplace(key, line);
  if (!first) return refuse(fmt::format("{} was in line {} already", edit->user, seen->second));
  const bool exists = setup_.table.find(key) != nullptr;
  const auto taken = put(import.batch, *edit, Mode::kPut);
  if (!taken) return refuse(taken.error_text());
  ++(exists ? import.report.changed : import.report.added);
}

base::Result<ImportReport> AccountBook::finish_import() {
  if (!import_) return base::error("no import is under way");
  const auto import = std::move(import_);  // over, however it ends
  ImportReport& report = import->report;
  if (report.refused != 0 && !import->keep_going) return report;
  if (auto done = commit(import->batch); !done) return std::move(done).take_error();
  report.kept = true;
  return report;
}

void AccountBook::cancel_import() { import_.reset(); }

void AccountBook::tend(base::Nanos now) {
  if (!import_ || now - import_->touched < kImportPatience) return;
  LOG(kWarning, "registrar", "an import of {} lines was forgotten: nothing of it is kept",
      import_->lines);
  import_.reset();
}

}  // namespace tandem::registrar
