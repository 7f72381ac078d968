// A database on disk: what is committed stays, what isn't never was, and what isn't ours is left
// alone.
#include "controlplane/store/database.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <fstream>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::store {
namespace {

constexpr std::string_view kFirst = "CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER)";
constexpr std::string_view kSecond = "ALTER TABLE thing ADD COLUMN stuff BLOB NOT NULL DEFAULT x''";
constexpr std::array kSchema{kFirst, kSecond};

class DatabaseTest : public ::testing::Test {
 protected:
  Database open(Database::Migrations migrations = kSchema) {
    auto opened = Database::open(path, migrations);
    EXPECT_TRUE(opened.ok()) << opened.error_text();
    return std::move(opened).value();
  }
  static std::int64_t count(Database& database) {
    auto statement = database.prepare("SELECT count(*) FROM thing");
    EXPECT_TRUE(statement->step().value());
    return statement->integer(0);
  }
  static void put(Database& database, std::string_view name, std::int64_t size) {
    auto insert = database.prepare("INSERT INTO thing (name, size) VALUES (?, ?)");
    ASSERT_TRUE(insert.ok()) << insert.error_text();
    const auto done = insert->bind(1, name).bind(2, size).run();
    ASSERT_TRUE(done.ok()) << done.error_text();
  }

  test::TempFolder folder;
  const std::string path = folder.path("var/lib/things.db");
};

TEST_F(DatabaseTest, KeepsEveryKindOfValue) {
  const std::string text("\xc3\xa9t\xc3\xa9\0!", 8);
  const std::vector<std::uint8_t> bytes{0, 255, 7, 0};
  {
    Database database = open();
    auto insert = database.prepare("INSERT INTO thing VALUES (?, ?, ?)");
    ASSERT_TRUE(insert->bind(1, text)
                    .bind(2, std::int64_t{-5'000'000'000})
                    .bind(3, std::span(bytes))
                    .run()
                    .ok());
    ASSERT_TRUE(insert->bind(1, "")
                    .bind(2, std::int64_t{0})
                    .bind(3, std::span<const std::uint8_t>())
                    .run()
                    .ok());
    EXPECT_EQ(database.changes(), 1);
  }
  Database database = open();
  auto select = database.prepare("SELECT name, size, stuff FROM thing ORDER BY size");
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->text(0), text);
  EXPECT_EQ(select->integer(1), -5'000'000'000);
  EXPECT_EQ(std::vector(select->blob(2).begin(), select->blob(2).end()), bytes);
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->text(0), "");
  EXPECT_TRUE(select->blob(2).empty());
  EXPECT_FALSE(select->step().value());
  // And again from the beginning.
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->text(0), text);
}

TEST_F(DatabaseTest, ReadableForItsOwnerOnly) {
  Database database = open();
  put(database, "a", 1);
  for (const auto* suffix : {"", "-wal"}) {
    struct stat found {};
    ASSERT_EQ(stat((path + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(DatabaseTest, ATransactionIsAllOrNothing) {
  Database database = open();
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(transaction.ok());
    put(database, "a", 1);
    put(database, "b", 1);
    EXPECT_EQ(count(database), 2);
  }
  EXPECT_EQ(count(database), 0);
  {
    auto transaction = Transaction::begin(database);
    put(database, "a", 1);
    ASSERT_TRUE(transaction->commit().ok());
  }
  EXPECT_EQ(count(database), 1);
  Database other = open();
  EXPECT_EQ(count(other), 1);
}

TEST_F(DatabaseTest, AnUncommittedRowIsNobodyElses) {
  Database writer = open();
  Database reader = open();
  auto transaction = Transaction::begin(writer);
  put(writer, "a", 1);
  EXPECT_EQ(count(reader), 0);
  ASSERT_TRUE(transaction->commit().ok());
  EXPECT_EQ(count(reader), 1);
}

TEST_F(DatabaseTest, FaultsNameTheFileAndTheReason) {
  Database database = open();
  const auto nonsense = database.prepare("SELECT wrong FROM thing");
  ASSERT_FALSE(nonsense.ok());
  EXPECT_EQ(nonsense.error_text(), "database " + path + ": no such column: wrong");
  put(database, "a", 1);
  auto insert = database.prepare("INSERT INTO thing (name) VALUES (?)");
  const auto again = insert->bind(1, "a").run();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error_text(), "database " + path + ": UNIQUE constraint failed: thing.name");
  // The statement is good for another row.
  EXPECT_TRUE(insert->bind(1, "b").run().ok());
}

TEST_F(DatabaseTest, AnOlderSchemaIsBroughtUpWithItsRows) {
  {
    Database database = open(std::span(kSchema).first(1));
    put(database, "old", 3);
  }
  Database database = open();
  auto select = database.prepare("SELECT name, stuff FROM thing");
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->text(0), "old");
  EXPECT_TRUE(select->blob(1).empty());
}

TEST_F(DatabaseTest, AFailedMigrationChangesNothing) {
  { Database database = open(std::span(kSchema).first(1)); }
  const std::array<std::string_view, 2> broken{kFirst,
                                               "DROP TABLE thing; SELECT wrong FROM nowhere"};
  const auto opened = Database::open(path, broken);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error_text(),
            "database " + path + ": no such table: nowhere (schema version 2)");
  Database database = open();
  EXPECT_EQ(count(database), 0);
}

TEST_F(DatabaseTest, ANewerSchemaIsRefused) {
  { Database database = open(); }
  const auto opened = Database::open(path, std::span(kSchema).first(1));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error_text(),
            "database " + path + ": its schema is version 2, this program knows 1");
}

TEST_F(DatabaseTest, AnotherProgramsDatabaseIsLeftAlone) {
  { Database database = open(); }  // for its folder
  const std::string foreign = folder.path("var/lib/foreign.db");
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &connection), SQLITE_OK);
  sqlite3_exec(connection, "CREATE TABLE theirs (x)", nullptr, nullptr, nullptr);
  sqlite3_close(connection);
  const auto opened = Database::open(foreign, kSchema);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error_text(), "database " + foreign + ": it is another program's");
}

TEST_F(DatabaseTest, AFileThatIsNoDatabaseIsLeftAlone) {
  const std::string text = folder.path("note.txt");
  std::ofstream(text) << std::string(2000, 'x');
  const auto opened = Database::open(text, kSchema);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error_text(), "database " + text + ": file is not a database");
  const auto folder_itself = Database::open(folder.path("."), kSchema);
  ASSERT_FALSE(folder_itself.ok());
}

}  // namespace
}  // namespace tandem::store
