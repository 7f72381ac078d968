// An SQLite database in WAL mode: opened, brought to the schema that this program knows, and used
// by prepared statements and transactions. Every fault is an Error that names the file. A Database
// and its statements belong to one thread at a time; statements end before their database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "drivers/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tandem::store {

// One SQL statement, compiled once and run any number of times. Places of `?` count from 1, columns
// from 0. A place or column that the statement hasn't is our own broken promise.
class Statement {
 public:
  // What is bound is copied, and stays until it is bound anew.
  Statement& bind(int place, std::int64_t value);
  Statement& bind(int place, std::string_view text);
  Statement& bind(int place, std::span<const std::uint8_t> blob);

  // True: a row is there to be read; false: there are no more. After that, or a fault, it stands at
  // the beginning again.
  base::Result<bool> step();
  // For statements without rows, from the beginning to the end.
  base::Result<void> run();
  // Back to the beginning before all rows were read.
  void reset();

  // Of the row that step() told of; views stay good until the next step(), run() or reset().
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::span<const std::uint8_t> blob(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* connection, sqlite3_stmt* statement, std::string path);

  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

class Database {
 public:
  // SQL scripts, each of which brings the schema from version n (its place, from 0) to n + 1. Rows
  // are only ever added behind: what has been released is never changed.
  using Migrations = std::span<const std::string_view>;

  // Makes the file and its folder when they aren't there.
  static base::Result<Database> open(const std::string& path, Migrations migrations);

  base::Result<Statement> prepare(std::string_view sql);
  // Statements without parameters and rows, separated by semicolons.
  base::Result<void> run(const std::string& sql);
  // What it has read and might need again is let go.
  void give_back();
  // Rows that the last INSERT, UPDATE or DELETE touched.
  std::int64_t changes() const;

  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  Database(sqlite3* connection, std::string path);

  base::Result<void> set_up();
  base::Result<void> migrate(Migrations migrations);
  base::Result<std::int64_t> number(std::string_view sql);

  std::unique_ptr<sqlite3, Close> connection_;
  std::string path_;
};

// All or nothing: what was changed since it began is taken back, unless commit() said otherwise.
// REQUIRES: no other one on the same database.
class Transaction {
 public:
  static base::Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // A failed commit leaves nothing of the transaction.
  base::Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace tandem::store
