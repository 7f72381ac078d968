#include "controlplane/store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "drivers/base/check.h"

namespace tandem::store {
namespace {

constexpr int kBusyMs = 5'000;  // an operator's own sqlite3 may be in the middle of something
constexpr std::int64_t kOurs = 0x54414e44;  // "TAND", in the file's head (PRAGMA application_id)

base::Error fault(sqlite3* connection, const std::string& path) {
  return base::error(fmt::format("database {}: {}", path, sqlite3_errmsg(connection)));
}

// Ahead of SQLite, which would make it readable for everybody; its other files do as this one.
base::Result<void> make_file(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return base::error(fmt::format("database {}: {}", path, std::strerror(errno)));
  close(fd);
  return {};
}

}  // namespace

// --- Statement ---------------------------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement, std::string path)
    : connection_(connection), statement_(statement), path_(std::move(path)) {}

Statement& Statement::bind(int place, std::int64_t value) {
  CHECK(sqlite3_bind_int64(statement_.get(), place, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int place, std::string_view text) {
  // No pointer would be NULL to SQLite, which no text of ours is.
  const char* const begin = text.empty() ? "" : text.data();
  CHECK(sqlite3_bind_text64(statement_.get(), place, begin, text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int place, std::span<const std::uint8_t> blob) {
  const void* const begin = blob.empty() ? static_cast<const void*>("") : blob.data();
  CHECK(sqlite3_bind_blob64(statement_.get(), place, begin, blob.size(), SQLITE_TRANSIENT) ==
        SQLITE_OK);
  return *this;
}

base::Result<bool> Statement::step() {
  const int outcome = sqlite3_step(statement_.get());
  if (outcome == SQLITE_ROW) return true;
  const auto error = fault(connection_, path_);
  reset();
  if (outcome == SQLITE_DONE) return false;
  return error;
}

base::Result<void> Statement::run() {
  for (;;) {
    auto row = step();
    if (!row) return std::move(row).take_error();
    if (!*row) return {};
  }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  CHECK(column < sqlite3_data_count(statement_.get()));
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  CHECK(column < sqlite3_data_count(statement_.get()));
  const auto* const begin = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {reinterpret_cast<const char*>(begin), size};
}

std::span<const std::uint8_t> Statement::blob(int column) const {
  CHECK(column < sqlite3_data_count(statement_.get()));
  const void* const begin = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {static_cast<const std::uint8_t*>(begin), size};
}

// --- Database ----------------------------------------------------------------------------------

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

Database::Database(sqlite3* connection, std::string path)
    : connection_(connection), path_(std::move(path)) {}

base::Result<Database> Database::open(const std::string& path, Migrations migrations) {
  if (auto made = make_file(path); !made) return std::move(made).take_error();
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(connection, path);
  if (opened != SQLITE_OK) return fault(connection, path);
  sqlite3_busy_timeout(connection, kBusyMs);
  if (auto ready = database.set_up(); !ready) return std::move(ready).take_error();
  if (auto migrated = database.migrate(migrations); !migrated) {
    return std::move(migrated).take_error();
  }
  return database;
}

base::Result<void> Database::set_up() {
  auto mode = prepare("PRAGMA journal_mode=WAL");
  if (!mode) return std::move(mode).take_error();
  auto row = mode->step();
  if (!row) return std::move(row).take_error();
  if (!*row || mode->text(0) != "wal") {
    return base::error(fmt::format("database {}: its file system allows no WAL", path_));
  }
  mode->reset();
  return run("PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
}

base::Result<void> Database::migrate(Migrations migrations) {
  auto version = number("PRAGMA user_version");
  if (!version) return std::move(version).take_error();
  auto owner = number("PRAGMA application_id");
  if (!owner) return std::move(owner).take_error();
  auto tables = number("SELECT count(*) FROM sqlite_master");
  if (!tables) return std::move(tables).take_error();
  if (*owner != kOurs && (*tables != 0 || *version != 0)) {
    return base::error(fmt::format("database {}: it is another program's", path_));
  }
  if (*version > std::ssize(migrations)) {
    return base::error(fmt::format("database {}: its schema is version {}, this program knows {}",
                                   path_, *version, migrations.size()));
  }
  for (auto next = static_cast<std::size_t>(*version); next < migrations.size(); ++next) {
    auto transaction = Transaction::begin(*this);
    if (!transaction) return std::move(transaction).take_error();
    auto changed = run(std::string(migrations[next]));
    if (changed) {
      changed =
          run(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kOurs, next + 1));
    }
    if (changed) changed = transaction->commit();
    if (!changed) {
      return base::error(fmt::format("{} (schema version {})", changed.error_text(), next + 1));
    }
  }
  return {};
}

base::Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::move(statement).take_error();
  auto row = statement->step();
  if (!row) return std::move(row).take_error();
  return *row ? statement->integer(0) : 0;
}

base::Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    return fault(connection_.get(), path_);
  }
  return Statement(connection_.get(), statement, path_);
}

base::Result<void> Database::run(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fault(connection_.get(), path_);
  }
  return {};
}

void Database::give_back() { sqlite3_db_release_memory(connection_.get()); }

std::int64_t Database::changes() const { return sqlite3_changes64(connection_.get()); }

// --- Transaction -------------------------------------------------------------------------------

base::Result<Transaction> Transaction::begin(Database& database) {
  // At once the only writer, so that nothing fails for that in the middle.
  if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return std::move(begun).take_error();
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // Fails only when a fault has ended the transaction already: then there is nothing to take back.
  (void)database_->run("ROLLBACK");
}

base::Result<void> Transaction::commit() {
  Database& database = *std::exchange(database_, nullptr);
  auto committed = database.run("COMMIT");
  if (!committed) (void)database.run("ROLLBACK");
  return committed;
}

}  // namespace tandem::store
