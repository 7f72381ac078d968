#include "controlplane/registrar/outbound_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "controlplane/registrar/outbound_rows.h"
#include "controlplane/registrar/schema.h"

namespace tandem::registrar {
namespace {

constexpr std::string_view kColumns =
    "name, server, proxy, port, listener, user, auth_user, password, expiry, retry_delay, "
    "send_unregister, privacy";
constexpr std::int64_t kUnsaid = -1;

std::int64_t number_of(const std::optional<base::Seconds>& said) {
  return said ? said->count() : kUnsaid;
}

std::optional<base::Seconds> seconds_of(std::int64_t number) {
  return number == kUnsaid ? std::nullopt : std::optional(base::Seconds{number});
}

// Of a row with kColumns.
OutboundRecord record_of(const store::Statement& row) {
  OutboundRecord out{.name = std::string(row.text(0)),
                     .server = std::string(row.text(1)),
                     .proxy = std::string(row.text(2)),
                     .port = std::string(row.text(3)),
                     .listener = std::string(row.text(4)),
                     .user = std::string(row.text(5)),
                     .auth_user = std::string(row.text(6)),
                     .password = std::string(row.text(7)),
                     .expiry = seconds_of(row.integer(8)),
                     .retry_delay = seconds_of(row.integer(9))};
  if (row.integer(10) != kUnsaid) out.send_unregister = row.integer(10) != 0;
  if (row.integer(11) != kUnsaid) {
    out.privacy = static_cast<Privacy>(std::clamp<std::int64_t>(row.integer(11), 0, 2));
  }
  return out;
}

// The store and what SQLite keeps beside it.
base::Result<void> close_to_others(const std::string& path) {
  using std::filesystem::perms;
  for (const auto* ending : {"", "-wal", "-shm"}) {
    std::error_code failed;
    std::filesystem::permissions(path + ending, perms::owner_read | perms::owner_write, failed);
    if (failed && failed != std::errc::no_such_file_or_directory) {
      return base::error(fmt::format("database {}{}: {}", path, ending, failed.message()));
    }
  }
  return {};
}

std::string name_in(const OutboundWords& words) {
  const auto found = words.find("name");
  return found == words.end() ? std::string() : found->second;
}

base::Error nobody(const std::string& name) {
  return base::error(fmt::format("there is no registration \"{}\"", name));
}

}  // namespace

OutboundBook::OutboundBook(Setup setup, store::Database database, store::Statement insert,
                           store::Statement erase)
    : setup_(std::move(setup)),
      database_(std::move(database)),
      insert_(std::move(insert)),
      erase_(std::move(erase)) {}

base::Result<std::unique_ptr<OutboundBook>> OutboundBook::open(Setup setup) {
  auto database = store::Database::open(setup.path, kSchema);
  if (!database) return std::move(database).take_error();
  if (auto closed = close_to_others(setup.path); !closed) return std::move(closed).take_error();
  auto insert = database->prepare(fmt::format(
      "INSERT OR REPLACE INTO registration ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      kColumns));
  if (!insert) return std::move(insert).take_error();
  auto erase = database->prepare("DELETE FROM registration WHERE name = ?");
  if (!erase) return std::move(erase).take_error();
  std::unique_ptr<OutboundBook> book(new OutboundBook(std::move(setup), std::move(database).value(),
                                                      std::move(insert).value(),
                                                      std::move(erase).value()));
  if (auto loaded = book->load(); !loaded) return std::move(loaded).take_error();
  return book;
}

base::Result<void> OutboundBook::load() {
  auto all = database_.prepare(fmt::format("SELECT {} FROM registration", kColumns));
  if (!all) return std::move(all).take_error();
  for (;;) {
    auto row = all->step();
    if (!row) return std::move(row).take_error();
    if (!*row) return {};
    OutboundRecord record = record_of(*all);
    std::string name = record.name;
    records_.emplace(std::move(name), std::move(record));
  }
}

base::Result<void> OutboundBook::write(const OutboundRecord& record) {
  insert_.bind(1, record.name)
      .bind(2, record.server)
      .bind(3, record.proxy)
      .bind(4, record.port)
      .bind(5, record.listener)
      .bind(6, record.user)
      .bind(7, record.auth_user)
      .bind(8, record.password)
      .bind(9, number_of(record.expiry))
      .bind(10, number_of(record.retry_delay))
      .bind(11, record.send_unregister ? std::int64_t{*record.send_unregister} : kUnsaid)
      .bind(12, record.privacy ? static_cast<std::int64_t>(*record.privacy) : kUnsaid);
  auto done = insert_.run();
  insert_.bind(8, std::string_view{});  // no longer than needed
  return done;
}

base::Result<OutboundRecord> OutboundBook::put(const OutboundWords& words,
                                               const OutboundRecord* before) {
  auto record = apply_words(words, before, setup_.site);
  if (!record) return record;
  if (before == nullptr && records_.size() == kRecordsMax) {
    return base::error(fmt::format("{} registrations are the most", kRecordsMax));
  }
  if (before != nullptr && *before == *record) return record;
  if (auto written = write(*record); !written) return std::move(written).take_error();
  OutboundRecord& kept = records_[record->name] = *record;
  setup_.changed(kept.name, &kept);
  return record;
}

base::Result<OutboundRecord> OutboundBook::add(const OutboundWords& words) {
  if (const auto name = name_in(words); records_.contains(name)) {
    return base::error(fmt::format("there is a registration \"{}\" already", name));
  }
  return put(words, nullptr);
}

base::Result<OutboundRecord> OutboundBook::set(const OutboundWords& words) {
  const auto found = records_.find(name_in(words));
  if (found == records_.end()) return nobody(name_in(words));
  return put(words, &found->second);
}

base::Result<OutboundRecord> OutboundBook::remove(const std::string& name) {
  const auto found = records_.find(name);
  if (found == records_.end()) return nobody(name);
  if (const auto why = setup_.needed_by ? setup_.needed_by(name) : ""; !why.empty()) {
    return base::error(fmt::format("registration \"{}\" is needed by {}", name, why));
  }
  if (auto erased = erase_.bind(1, name).run(); !erased) return std::move(erased).take_error();
  OutboundRecord record = std::move(found->second);
  records_.erase(found);
  setup_.changed(name, nullptr);
  return record;
}

base::Result<OutboundRecord> OutboundBook::find(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) return nobody(name);
  return found->second;
}

base::Result<ImportReport> OutboundBook::import(std::string_view file, bool keep_going) {
  const auto rows = outbound_rows(file);
  if (!rows) return base::error(rows.error_text());
  ImportReport report;
  std::map<std::string, OutboundRecord> next = records_;
  std::map<std::string, std::uint64_t> seen;
  for (const auto& [line, words] : *rows) {
    const auto refuse = [&, at = line](std::string reason) {
      ++report.refused;
      if (report.faults.size() < kFaultsMax) report.faults.push_back({at, std::move(reason)});
    };
    if (!words) {
      refuse(words.error_text());
      continue;
    }
    const std::string name = name_in(*words);
    const auto [former, first] = seen.emplace(name, line);
    const auto before = next.find(name);
    auto record =
        apply_words(*words, before == next.end() ? nullptr : &before->second, setup_.site);
    if (!first)
      refuse(fmt::format("{} was in line {} already", name, former->second));
    else if (!record)
      refuse(record.error_text());
    else if (before == next.end() && next.size() == kRecordsMax)
      refuse(fmt::format("{} registrations are the most", kRecordsMax));
    else {
      ++(before == next.end() ? report.added : report.changed);
      next[name] = std::move(record).value();
    }
  }
  if (report.refused != 0 && !keep_going) return report;
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  std::vector<const OutboundRecord*> changes;
  for (const auto& [name, record] : next) {
    const auto before = records_.find(name);
    if (before != records_.end() && before->second == record) continue;
    if (auto written = write(record); !written) return std::move(written).take_error();
    changes.push_back(&record);
  }
  if (auto done = transaction->commit(); !done) return std::move(done).take_error();
  report.kept = true;
  records_ = std::move(next);  // its nodes stay where they are
  for (const OutboundRecord* record : changes) setup_.changed(record->name, record);
  return report;
}

}  // namespace tandem::registrar
