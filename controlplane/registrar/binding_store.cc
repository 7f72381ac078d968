#include "controlplane/registrar/binding_store.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "controlplane/registrar/schema.h"
#include "drivers/base/log.h"

namespace tandem::registrar {
namespace {

using base::Nanos;

constexpr std::string_view kHash = "hash";
// So many of a stripe's accounts are copied under its lock.
constexpr std::size_t kCopiedAtOnce = 32;
// What ran out so long ago is taken off the disk: not earlier, as the clock may have been set
// wrong.
constexpr std::int64_t kDayMs = 86'400'000;

constexpr std::string_view kInsert =
    "INSERT OR REPLACE INTO binding (account, contact, params, path, q, nat, cseq, registration, "
    "instance, expires_ms, registered_ms, protocol, flow, local, remote) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view kSelect =
    "SELECT account, contact, params, path, q, nat, cseq, registration, instance, expires_ms, "
    "registered_ms, protocol, flow, local, remote FROM binding";

// SQLite's integers have a sign.
std::int64_t as_signed(std::uint64_t word) { return static_cast<std::int64_t>(word); }
std::uint64_t as_unsigned(std::int64_t word) { return static_cast<std::uint64_t>(word); }

// Between the process's clock and the wall's.
std::int64_t to_wall(Nanos time, Nanos now, std::int64_t wall_ms) {
  return wall_ms + (time - now) / base::Millis{1};
}
// At most a year away, whatever stands there.
Nanos from_wall(std::int64_t time_ms, Nanos now, std::int64_t wall_ms) {
  constexpr std::int64_t kYearMs = 366 * kDayMs;
  return now + base::Millis{std::clamp(time_ms, wall_ms - kYearMs, wall_ms + kYearMs) - wall_ms};
}

std::optional<sip::Binding> read(const store::Statement& row, Nanos now, std::int64_t wall_ms) {
  sip::Binding out;
  const std::string_view uri = row.text(1);
  const std::string_view params = row.text(2);
  const auto local = base::Endpoint::parse(row.text(13), 0);
  const auto remote = base::Endpoint::parse(row.text(14), 0);
  const std::int64_t protocol = row.integer(11);
  const bool sound = uri.size() + params.size() <= UINT16_MAX && local && remote && protocol >= 0 &&
                     protocol <= static_cast<std::int64_t>(base::Protocol::kTls);
  if (!sound) return std::nullopt;
  std::string texts(uri);
  out.texts = texts.append(params).append(row.text(3));
  out.uri_size = static_cast<std::uint16_t>(uri.size());
  out.params_size = static_cast<std::uint16_t>(params.size());
  out.q = static_cast<std::uint16_t>(std::clamp<std::int64_t>(row.integer(4), 0, 1000));
  out.behind_nat = row.integer(5) != 0;
  out.cseq = static_cast<std::uint32_t>(row.integer(6));
  out.registration = as_unsigned(row.integer(7));
  out.instance = as_unsigned(row.integer(8));
  out.expires = from_wall(row.integer(9), now, wall_ms);
  out.registered = from_wall(row.integer(10), now, wall_ms);
  out.way = {.local = *local,
             .remote = *remote,
             .protocol = static_cast<base::Protocol>(protocol),
             .flow = 0};
  out.silent = row.integer(12) != 0;  // it came on a connection, and that is gone
  return out;
}

}  // namespace

BindingStore::BindingStore(store::Database database, store::Statement insert,
                           store::Statement erase)
    : database_(std::move(database)), insert_(std::move(insert)), erase_(std::move(erase)) {}

base::Result<std::unique_ptr<BindingStore>> BindingStore::open(const std::string& path,
                                                               base::Random& random) {
  auto database = store::Database::open(path, kBindingSchema);
  if (!database) return std::move(database).take_error();
  auto insert = database->prepare(kInsert);
  if (!insert) return std::move(insert).take_error();
  auto erase = database->prepare("DELETE FROM binding WHERE account = ?");
  if (!erase) return std::move(erase).take_error();
  std::unique_ptr<BindingStore> out(new BindingStore(
      std::move(database).value(), std::move(insert).value(), std::move(erase).value()));
  if (auto read = out->read_hash(random); !read) return std::move(read).take_error();
  return out;
}

base::Result<void> BindingStore::read_hash(base::Random& random) {
  auto select = database_.prepare("SELECT value FROM secret WHERE name = ?");
  if (!select) return std::move(select).take_error();
  select->bind(1, kHash);
  auto row = select->step();
  if (!row) return std::move(row).take_error();
  if (*row && select->blob(0).size() == sizeof hash_) {
    std::memcpy(&hash_, select->blob(0).data(), sizeof hash_);
    return {};
  }
  select->reset();
  hash_ = {random.next(), random.next()};
  std::array<std::uint8_t, sizeof hash_> octets;
  std::memcpy(octets.data(), &hash_, sizeof hash_);
  auto insert = database_.prepare("INSERT OR REPLACE INTO secret (name, value) VALUES (?, ?)");
  if (!insert) return std::move(insert).take_error();
  return insert->bind(1, kHash).bind(2, std::span<const std::uint8_t>(octets)).run();
}

base::Result<BindingStore::Restored> BindingStore::restore(BindingTable& table,
                                                           const AccountTable& accounts,
                                                           const Rules& rules, Nanos now,
                                                           std::int64_t wall_ms) {
  Restored out;
  Row row;
  // Those of an account stand together (the table's key).
  const auto put = [&] {
    if (row.bindings.empty()) return;
    // A user name has no '@' as it stands here.
    const auto at = row.account.find('@');
    const AccountKey key =
        accounts.key_of(row.account.substr(0, at), std::string_view(row.account).substr(at + 1));
    const AccountRecord* account = accounts.find(key);
    const auto count = static_cast<std::uint32_t>(row.bindings.size());
    const bool good = account != nullptr && account->enabled;
    if (good && table.restore(key, row.account, std::exchange(row.bindings, {})))
      out.bindings += count;
    else
      out.refused += count;
    row.bindings.clear();
  };
  auto all = database_.prepare(kSelect);
  if (!all) return std::move(all).take_error();
  for (;;) {
    auto step = all->step();
    if (!step) return std::move(step).take_error();
    if (!*step) break;
    if (all->text(0) != row.account) {
      put();
      row.account = all->text(0);
    }
    auto binding = read(*all, now, wall_ms);
    // One that has run out lately, too, while nobody could register anew.
    if (binding && rules.found && binding->expires > now - rules.longest) rules.found(*binding);
    const bool good = binding && binding->expires > now && binding->registered <= now &&
                      row.account.find('@') != std::string::npos &&
                      row.bindings.size() < sip::RegistrationPolicy::kContactsMax;
    if (!good) {
      ++out.refused;
      continue;
    }
    binding->expires = std::min<Nanos>(binding->expires, now + rules.longest);
    if (rules.ours && !rules.ours(binding->way.local)) binding->silent = true;
    row.bindings.push_back(*std::move(binding));
  }
  put();
  return out;
}

base::Result<void> BindingStore::write(const Row& row, Nanos now, std::int64_t wall_ms) {
  if (auto erased = erase_.bind(1, row.account).run(); !erased) return erased;
  for (const sip::Binding& binding : row.bindings) {
    insert_.bind(1, row.account)
        .bind(2, binding.uri())
        .bind(3, binding.params())
        .bind(4, binding.path())
        .bind(5, std::int64_t{binding.q})
        .bind(6, std::int64_t{binding.behind_nat})
        .bind(7, std::int64_t{binding.cseq})
        .bind(8, as_signed(binding.registration))
        .bind(9, as_signed(binding.instance))
        .bind(10, to_wall(binding.expires, now, wall_ms))
        .bind(11, to_wall(binding.registered, now, wall_ms))
        .bind(12, static_cast<std::int64_t>(binding.way.protocol))
        .bind(13, std::int64_t{binding.way.flow != 0})
        .bind(14, binding.way.local.text())
        .bind(15, binding.way.remote.text());
    if (auto inserted = insert_.run(); !inserted) return inserted;
  }
  return {};
}

base::Result<std::uint32_t> BindingStore::write_changes(BindingTable& table, Nanos now,
                                                        std::int64_t wall_ms) {
  auto before = write_unwritten(now, wall_ms);
  if (!before) return before;
  for (std::uint32_t stripe = 0; stripe < BindingTable::kStripes; ++stripe) {
    const auto take = [this](std::string_view name, const auto& bindings) {
      unwritten_.push_back({std::string(name), bindings});
    };
    while (table.take_changes(stripe, kCopiedAtOnce, take)) {
    }
  }
  auto changed = write_unwritten(now, wall_ms);
  if (!changed) return changed;
  return *before + *changed;
}

// In the order in which they were taken: an account may stand there twice, its last state behind.
base::Result<std::uint32_t> BindingStore::write_unwritten(Nanos now, std::int64_t wall_ms) {
  std::uint32_t count = 0;
  while (!unwritten_.empty()) {
    auto transaction = store::Transaction::begin(database_);
    if (!transaction) return std::move(transaction).take_error();
    const auto some = std::min(kRowsAtOnce, unwritten_.size());
    for (std::size_t i = 0; i < some; ++i) {
      if (auto done = write(unwritten_[i], now, wall_ms); !done)
        return std::move(done).take_error();
    }
    if (auto done = transaction->commit(); !done) return std::move(done).take_error();
    unwritten_.erase(unwritten_.begin(), unwritten_.begin() + static_cast<std::ptrdiff_t>(some));
    count += static_cast<std::uint32_t>(some);
  }
  return count;
}

void BindingStore::start(BindingTable& table, const AccountTable& accounts, Rules rules) {
  table.keep_track();
  thread_ = std::thread(
      [this, &table, &accounts, rules = std::move(rules)] { live(table, accounts, rules); });
  pthread_setname_np(thread_.native_handle(), "bindings");
}

void BindingStore::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BindingStore::restore_all(BindingTable& table, const AccountTable& accounts,
                               const Rules& rules) {
  const Nanos begun = base::monotonic_now();
  const std::int64_t wall_ms = base::wall_ms_now();
  const auto restored = restore(table, accounts, rules, begun, wall_ms);
  table.all_restored();
  if (restored) {
    LOG(kInfo, "registrar", "{} registrations found again in {} ms, {} run out or changed",
        restored->bindings, (base::monotonic_now() - begun) / base::Millis{1}, restored->refused);
  } else {
    LOG(kError, "registrar", "registrations were not all found again: {}", restored.error_text());
  }
  const auto purged = purge(wall_ms);
  if (!purged) LOG(kError, "registrar", "registrations not cleared: {}", purged.error_text());
  database_.give_back();
  if (rules.done) rules.done();
}

base::Result<void> BindingStore::purge(std::int64_t wall_ms) {
  auto purge = database_.prepare("DELETE FROM binding WHERE expires_ms <= ?");
  if (!purge) return std::move(purge).take_error();
  return purge->bind(1, wall_ms - kDayMs).run();
}

void BindingStore::live(BindingTable& table, const AccountTable& accounts, const Rules& rules) {
  restore_all(table, accounts, rules);
  std::unique_lock lock(mutex_);
  for (bool last = false; !last;) {
    last = stopping_;
    lock.unlock();
    const auto written = write_changes(table, base::monotonic_now(), base::wall_ms_now());
    if (!written) LOG(kError, "registrar", "registrations not written: {}", written.error_text());
    lock.lock();
    const base::Millis pause = written ? kWriteEvery : base::Millis(kRetryAfter);
    if (!last) wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

}  // namespace tandem::registrar
