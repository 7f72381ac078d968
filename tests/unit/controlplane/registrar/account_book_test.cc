// The operator's changes: on disk, in the table, and after a restart; and imports as a whole or not
// at all.
#include "controlplane/registrar/account_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/sip/digest_hash.h"
#include "tests/unit/controlplane/credentials.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::registrar {
namespace {

using test::kRealm;

class AccountBookTest : public ::testing::Test {
 protected:
  AccountBookTest() { start(); }

  // As a new process would.
  void start(std::vector<std::string> realms = {std::string(kRealm), "other.example"}) {
    book.reset();
    table = std::make_unique<AccountTable>(base::KeyedHash::Key{1, 2}, 64);
    auto opened =
        AccountBook::open({.path = folder.path("accounts.db"),
                           .realms = std::move(realms),
                           .table = *table,
                           .retire = [](const AccountTable::Retired&) {},
                           .ended = [this](const AccountKey& key) { ended.push_back(key); }});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    book = std::move(opened).value();
  }
  const AccountRecord* record(std::string_view user, std::string_view realm = kRealm) {
    return table->find(table->key_of(user, realm));
  }
  bool has_password(std::string_view user, std::string_view password) {
    const AccountRecord* found = record(user);
    if (found == nullptr) return false;
    const auto md5 = sip::ha1_of(sip::DigestAlgorithm::kMd5, user, kRealm, password);
    const auto sha = sip::ha1_of(sip::DigestAlgorithm::kSha256, user, kRealm, password);
    return std::equal(md5.octets().begin(), md5.octets().end(), found->ha1.md5.begin()) &&
           std::equal(sha.octets().begin(), sha.octets().end(), found->ha1.sha256.begin());
  }
  // Whose number it is: "alice", …; "": nobody's.
  std::string owner(std::string_view number) {
    const AccountKey* key = table->find_number(table->key_of_number(number));
    for (const auto* user : {"alice", "bob", "carol"}) {
      if (key != nullptr && *key == table->key_of(user, kRealm)) return user;
    }
    return "";
  }
  static void expect_fault(const base::Result<Account>& outcome, std::string_view sentence) {
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error_text(), sentence);
  }
  ImportReport import(std::string_view text, bool keep_going = false) {
    const auto format =
        text.starts_with('{') ? AccountBook::RowFormat::kJson : AccountBook::RowFormat::kCsv;
    EXPECT_TRUE(book->begin_import(format, keep_going, now).ok());
    const auto rows = book->import_rows(text, now);
    EXPECT_TRUE(rows.ok()) << rows.error_text();
    auto report = book->finish_import();
    EXPECT_TRUE(report.ok()) << report.error_text();
    return report ? *report : ImportReport{};
  }
  static std::vector<std::string> told(const ImportReport& report) {
    std::vector<std::string> out;
    for (const auto& [line, reason] : report.faults)
      out.push_back(fmt::format("{}: {}", line, reason));
    return out;
  }
  using Lines = std::vector<std::string>;

  test::TempFolder folder;
  base::Nanos now{base::Seconds{1000}};
  std::vector<AccountKey> ended;
  std::unique_ptr<AccountTable> table;
  std::unique_ptr<AccountBook> book;
};

TEST_F(AccountBookTest, AnAddedAccountIsThereAtOnceAndAfterARestart) {
  const auto made = book->add(
      {.user = "alice", .password = "s3cret", .numbers = {{"4930", "4931"}}, .devices = 2});
  ASSERT_TRUE(made.ok()) << made.error_text();
  EXPECT_EQ(made->realm, kRealm);
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(has_password("alice", "s3cret"));
    EXPECT_FALSE(has_password("alice", "S3cret"));
    EXPECT_EQ(record("alice")->devices, 2u);
    EXPECT_TRUE(record("alice")->enabled);
    EXPECT_EQ(record("alice", "other.example"), nullptr);
    EXPECT_EQ(record("Alice"), nullptr);
    EXPECT_EQ(owner("4931"), "alice");
    EXPECT_EQ(table->size(), 1u);
    start();
  }
  EXPECT_EQ(folder.read("accounts.db").find("s3cret"), std::string::npos);
}

TEST_F(AccountBookTest, TheSameUserInTwoRealmsIsTwoAccounts) {
  ASSERT_TRUE(book->add({.user = "alice", .password = "one"}).ok());
  ASSERT_TRUE(book->add({.user = "alice", .realm = "other.example", .password = "two"}).ok());
  EXPECT_EQ(table->size(), 2u);
  ASSERT_TRUE(book->remove({.user = "alice", .realm = "other.example"}).ok());
  EXPECT_TRUE(has_password("alice", "one"));
  EXPECT_EQ(table->size(), 1u);
}

TEST_F(AccountBookTest, SetChangesOnlyWhatIsSaid) {
  ASSERT_TRUE(book->add({.user = "alice", .password = "one", .numbers = {{"1", "2"}}}).ok());
  ASSERT_TRUE(book->set({.user = "alice", .numbers = {{"2", "3"}}}).ok());
  EXPECT_TRUE(has_password("alice", "one"));
  EXPECT_EQ(owner("1"), "");
  EXPECT_EQ(owner("2"), "alice");
  EXPECT_EQ(owner("3"), "alice");
  ASSERT_TRUE(book->set({.user = "alice", .password = "two"}).ok());
  EXPECT_TRUE(has_password("alice", "two"));
  EXPECT_TRUE(ended.empty());
  ASSERT_TRUE(book->set({.user = "alice", .enabled = false}).ok());
  EXPECT_FALSE(record("alice")->enabled);
  EXPECT_EQ(ended, (std::vector{table->key_of("alice", kRealm)}));
  EXPECT_EQ(book->find({.user = "alice"})->numbers, (Lines{"2", "3"}));
}

TEST_F(AccountBookTest, RemovedIsGoneWithItsNumbers) {
  ASSERT_TRUE(book->add({.user = "alice", .password = "one", .numbers = {{"1"}}}).ok());
  ASSERT_TRUE(book->remove({.user = "alice"}).ok());
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(record("alice"), nullptr);
    EXPECT_EQ(owner("1"), "");
    EXPECT_EQ(table->size(), 0u);
    start();
  }
  EXPECT_EQ(ended.size(), 1u);
  EXPECT_TRUE(book->add({.user = "bob", .password = "one", .numbers = {{"1"}}}).ok());
}

TEST_F(AccountBookTest, WhatCanNotBeDoneIsRefused) {
  ASSERT_TRUE(book->add({.user = "alice", .password = "one", .numbers = {{"1"}}}).ok());
  expect_fault(book->add({.user = "alice", .password = "two"}),
               "there is an account alice@sip.example.net already");
  expect_fault(book->set({.user = "bob"}), "there is no account bob@sip.example.net");
  expect_fault(book->remove({.user = "bob"}), "there is no account bob@sip.example.net");
  expect_fault(book->find({.user = "bob"}), "there is no account bob@sip.example.net");
  expect_fault(book->add({.user = "bob"}),
               "a new account needs a password, or ha1_md5 and ha1_sha256");
  expect_fault(book->add({.user = "bob", .password = "x", .numbers = {{"2", "1"}}}),
               "number 1 is another account's");
  EXPECT_EQ(owner("2"), "");
  EXPECT_EQ(record("bob"), nullptr);
  EXPECT_TRUE(has_password("alice", "one"));
  EXPECT_EQ(book->list(10)->size(), 1u);
}

TEST_F(AccountBookTest, AccountsOfOtherRealmsSleep) {
  ASSERT_TRUE(book->add({.user = "alice", .realm = "other.example", .password = "x"}).ok());
  start({std::string(kRealm)});
  EXPECT_EQ(table->size(), 0u);
  start();
  EXPECT_EQ(table->size(), 1u);
}

// --- import ---

TEST_F(AccountBookTest, ImportsCsv) {
  const auto report =
      import("\xef\xbb\xbfuser,password,numbers\r\nalice,one,1 2\r\n\r\n\"bob\",\"t,wo\",3");
  EXPECT_EQ(told(report), Lines{});
  EXPECT_TRUE(report.kept);
  EXPECT_EQ(report.added, 2u);
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(has_password("alice", "one"));
    EXPECT_TRUE(has_password("bob", "t,wo"));
    EXPECT_EQ(owner("2"), "alice");
    EXPECT_EQ(owner("3"), "bob");
    start();
  }
}

TEST_F(AccountBookTest, ImportsJsonLinesInPieces) {
  ASSERT_TRUE(book->begin_import(AccountBook::RowFormat::kJson, false, now).ok());
  for (const auto* piece : {"{\"user\":\"alice\",\"password\":\"one\"}\n",
                            "\n{\"user\":\"bob\",\"password\":\"two\"}\n"}) {
    ASSERT_TRUE(book->import_rows(piece, now).ok());
    // Nothing is there before all of it is.
    EXPECT_EQ(table->size(), 0u);
  }
  EXPECT_TRUE(book->finish_import()->kept);
  EXPECT_TRUE(has_password("bob", "two"));
}

TEST_F(AccountBookTest, AnImportChangesAccountsThatAreThere) {
  ASSERT_TRUE(book->add({.user = "alice", .password = "one", .numbers = {{"1"}}}).ok());
  const auto report = import("user,password,numbers\nalice,two,5\ncarol,three,1\n");
  EXPECT_EQ(told(report), Lines{});
  EXPECT_EQ(report.added, 1u);
  EXPECT_EQ(report.changed, 1u);
  EXPECT_TRUE(has_password("alice", "two"));
  // A number that an earlier row has given up is free.
  EXPECT_EQ(owner("1"), "carol");
  EXPECT_EQ(owner("5"), "alice");
}

constexpr std::string_view kFaulty =
    "user,password,numbers\n"
    "alice,one,1\n"
    "b b,two,\n"
    "alice,three,\n"
    "bob,,\n"
    "carol,four,1\n"
    "dave,five\n";

TEST_F(AccountBookTest, OneBadRowAndNothingIsTaken) {
  const auto report = import(kFaulty);
  EXPECT_EQ(told(report), (Lines{"3: a user is 1 to 64 letters, digits and -_.!~*'()&=+$,;?/",
                                 "4: alice was in line 2 already",
                                 "5: a new account needs a password, or ha1_md5 and ha1_sha256",
                                 "6: number 1 is another account's", "7: 2 fields for 3 columns"}));
  EXPECT_EQ(report.refused, 5u);
  EXPECT_FALSE(report.kept);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(table->size(), 0u);
    EXPECT_EQ(owner("1"), "");
    EXPECT_TRUE(book->list(10)->empty());
    start();
  }
}

TEST_F(AccountBookTest, KeepGoingTakesTheGoodRows) {
  const auto report = import(kFaulty, true);
  EXPECT_EQ(report.refused, 5u);
  EXPECT_EQ(report.added, 1u);
  EXPECT_TRUE(report.kept);
  start();
  EXPECT_EQ(table->size(), 1u);
  EXPECT_TRUE(has_password("alice", "one"));
}

TEST_F(AccountBookTest, FaultsAreCountedBeyondThoseThatAreTold) {
  std::string text = "user\n";
  for (std::size_t i = 0; i < AccountBook::kFaultsMax + 5; ++i)
    text += "nobody" + std::to_string(i) + "\n";
  const auto report = import(text);
  EXPECT_EQ(report.faults.size(), AccountBook::kFaultsMax);
  EXPECT_EQ(report.refused, AccountBook::kFaultsMax + 5);
}

TEST_F(AccountBookTest, AHeaderThatMakesNoSenseEndsTheImport) {
  ASSERT_TRUE(book->begin_import(AccountBook::RowFormat::kCsv, true, now).ok());
  const auto rows = book->import_rows("\nname,password\nalice,one\n", now);
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error_text(), "line 2: there is no column \"name\"");
  EXPECT_FALSE(book->finish_import().ok());
  EXPECT_TRUE(book->add({.user = "alice", .password = "one"}).ok());
}

TEST_F(AccountBookTest, NothingElseDuringAnImport) {
  ASSERT_TRUE(book->begin_import(AccountBook::RowFormat::kCsv, false, now).ok());
  ASSERT_TRUE(book->import_rows("user,password\nalice,one\n", now).ok());
  const std::string busy = "an import is under way: try again when it is done";
  expect_fault(book->add({.user = "bob", .password = "two"}), busy);
  expect_fault(book->remove({.user = "bob"}), busy);
  EXPECT_EQ(book->begin_import(AccountBook::RowFormat::kCsv, false, now).error_text(), busy);
  book->cancel_import();
  EXPECT_TRUE(book->add({.user = "bob", .password = "two"}).ok());
  EXPECT_EQ(record("alice"), nullptr);
  EXPECT_FALSE(book->import_rows("carol,three\n", now).ok());
}

TEST_F(AccountBookTest, AForgottenImportEnds) {
  ASSERT_TRUE(book->begin_import(AccountBook::RowFormat::kCsv, false, now).ok());
  book->tend(now + AccountBook::kImportPatience - base::Seconds{1});
  ASSERT_TRUE(book->import_rows("user,password\nalice,one\n", now + base::Seconds{30}).ok());
  book->tend(now + AccountBook::kImportPatience + base::Seconds{1});
  EXPECT_FALSE(book->list(1).ok());
  book->tend(now + base::Seconds{30} + AccountBook::kImportPatience);
  EXPECT_TRUE(book->list(1)->empty());
}

// What was under way at a crash is nothing.
TEST_F(AccountBookTest, AnUnfinishedImportLeavesNothing) {
  ASSERT_TRUE(book->begin_import(AccountBook::RowFormat::kCsv, false, now).ok());
  ASSERT_TRUE(book->import_rows("user,password\nalice,one\n", now).ok());
  start();
  EXPECT_EQ(table->size(), 0u);
}

TEST_F(AccountBookTest, ManyRowsAtOnce) {
  constexpr int kRows = 6000;  // enough for all cores to take part
  std::string text = "user,ha1_md5,ha1_sha256,numbers\n";
  for (int i = 0; i < kRows; ++i) {
    text += fmt::format("u{0},{0:032x},{0:064x},49{0}\n", i);
  }
  EXPECT_EQ(import(text).added, static_cast<std::uint64_t>(kRows));
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(table->size(), static_cast<std::size_t>(kRows));
    for (int i = 0; i < kRows; ++i) {
      const AccountRecord* found = record(fmt::format("u{}", i));
      ASSERT_NE(found, nullptr) << i;
      EXPECT_EQ(found->ha1.md5[15], i & 0xff);
      const auto number = table->key_of_number(fmt::format("49{}", i));
      EXPECT_EQ(*table->find_number(number), found->key);
    }
    start();
  }
}

}  // namespace
}  // namespace tandem::registrar
