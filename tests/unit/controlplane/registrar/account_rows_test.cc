// Accounts as operators write them.
#include "controlplane/registrar/account_rows.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include "tests/unit/controlplane/credentials.h"

namespace tandem::registrar {
namespace {

using test::kRealms;

AccountWords read(const AccountRows& rows, std::string_view line) {
  auto words = rows.read(line);
  EXPECT_TRUE(words.ok()) << words.error_text();
  return words ? *words : AccountWords{};
}
std::string fault(const AccountRows& rows, std::string_view line) {
  const auto words = rows.read(line);
  EXPECT_FALSE(words.ok()) << line;
  return words ? "" : words.error_text();
}
AccountRows csv(std::string_view header) {
  auto rows = AccountRows::csv(header);
  EXPECT_TRUE(rows.ok()) << rows.error_text();
  return *rows;
}

TEST(AccountRows, CsvInAnyOrderOfColumns) {
  const auto rows = csv("password,numbers,user,enabled,realm,devices\r");
  const auto words = read(rows, "s3cret,4930 4931,alice,off,other.example,3");
  EXPECT_EQ(words.user, "alice");
  EXPECT_EQ(words.realm, "other.example");
  EXPECT_EQ(words.password, "s3cret");
  EXPECT_EQ(words.numbers, (std::vector<std::string>{"4930", "4931"}));
  EXPECT_EQ(words.devices, 3u);
  EXPECT_EQ(words.enabled, false);
}

TEST(AccountRows, CsvQuotesAndEmptyFields) {
  const auto rows = csv("user,password,enabled");
  const auto words = read(rows, R"("alice","a ""b"", c",)");
  EXPECT_EQ(words.user, "alice");
  EXPECT_EQ(words.password, R"(a "b", c)");
  EXPECT_FALSE(words.enabled.has_value());
  EXPECT_FALSE(read(rows, "alice,,").password.has_value());
  EXPECT_EQ(fault(rows, R"(alice,"open,true)"), "a quote is not closed");
  EXPECT_EQ(fault(rows, R"(alice,"x"y,true)"), "something stands behind a closing quote");
  EXPECT_EQ(fault(rows, R"(alice,x"y,true)"),
            "a field with a quote in it must be in quotes itself");
}

TEST(AccountRows, CsvWithAnotherNumberOfFields) {
  const auto rows = csv("user,password");
  EXPECT_EQ(fault(rows, "alice"), "1 fields for 2 columns");
  EXPECT_EQ(fault(rows, "alice,x,y"), "more fields than the 2 columns");
}

TEST(AccountRows, CsvHeaders) {
  EXPECT_EQ(AccountRows::csv("user,pasword").error_text(), "there is no column \"pasword\"");
  EXPECT_EQ(AccountRows::csv("user,user").error_text(), "column \"user\" is there twice");
  EXPECT_EQ(AccountRows::csv("password").error_text(),
            "the first line must name the columns, one of them \"user\"");
  EXPECT_FALSE(AccountRows::csv("").ok());
}

TEST(AccountRows, CsvValuesOfTheWrongKind) {
  const auto rows = csv("user,devices,enabled");
  EXPECT_EQ(fault(rows, "a,two,"), "devices is not a number");
  EXPECT_EQ(fault(rows, "a,,perhaps"), "enabled is neither true nor false");
}

TEST(AccountRows, JsonLines) {
  const AccountRows rows;
  const auto words =
      read(rows, R"({"user":"bob","password":"p","numbers":["1","2"],"devices":2,"enabled":true})");
  EXPECT_EQ(words.user, "bob");
  EXPECT_EQ(words.numbers, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(words.devices, 2u);
  EXPECT_EQ(words.enabled, true);
  EXPECT_EQ(read(rows, R"({"user":"bob","numbers":[]})").numbers, std::vector<std::string>{});
  EXPECT_EQ(fault(rows, R"({"user":"bob")"), "this is no JSON");
  EXPECT_EQ(fault(rows, R"(["bob"])"), "this is no JSON object");
  EXPECT_EQ(fault(rows, R"({"user":7})"), "user has a value of the wrong kind");
  EXPECT_EQ(fault(rows, R"({"user":"bob","devices":-1})"), "devices has a value of the wrong kind");
  EXPECT_EQ(fault(rows, R"({"user":"bob","numbers":[1]})"), "numbers is not a list of texts");
  EXPECT_EQ(fault(rows, R"({"user":"bob","secret":"x"})"), "there is no \"secret\" in an account");
}

AccountEdit checked(const AccountWords& words) {
  auto edit = check_words(words, kRealms);
  EXPECT_TRUE(edit.ok()) << edit.error_text();
  return edit ? *edit : AccountEdit{};
}
std::string refused(const AccountWords& words) {
  const auto edit = check_words(words, kRealms);
  EXPECT_FALSE(edit.ok());
  return edit ? "" : edit.error_text();
}

// The values are md5sum's and sha256sum's of alice:sip.example.net:s3cret.
TEST(AccountWords, APasswordBecomesItsHashes) {
  const auto edit = checked({.user = "alice", .password = "s3cret"});
  EXPECT_EQ(edit.realm, "sip.example.net");
  ASSERT_TRUE(edit.ha1.has_value());
  const auto given =
      checked({.user = "alice",
               .ha1_md5 = "968093ecb65f2b94f522f9dd337ebea4",
               .ha1_sha256 = "8f88dce613d1a06edb2eefd1564be6a466ee5a3d2c17e3ca01d4d1a4bb960006"});
  EXPECT_EQ(edit.ha1, given.ha1);
  // Another realm, however it is written, is another hash.
  const auto other = checked({.user = "alice", .realm = "OTHER.example", .password = "s3cret"});
  EXPECT_EQ(other.realm, "other.example");
  EXPECT_NE(other.ha1, edit.ha1);
}

TEST(AccountWords, WhatMakesNoSense) {
  EXPECT_EQ(refused({}), "an account needs a user");
  for (const auto* user : {"a b", "a:b", "a@b", "a\"b", "\xc3\xa9", "a\nb"}) {
    EXPECT_EQ(refused({.user = user}), "a user is 1 to 64 letters, digits and -_.!~*'()&=+$,;?/");
  }
  EXPECT_FALSE(refused({.user = std::string(65, 'a')}).empty());
  EXPECT_EQ(refused({.user = "a", .realm = "x"}), "\"x\" is none of the switch's realms");
  EXPECT_FALSE(refused({.user = "a", .password = ""}).empty());
  EXPECT_FALSE(refused({.user = "a", .password = std::string(129, 'x')}).empty());
  const std::string bad = refused({.user = "a", .password = "tell\x01nobody"});
  EXPECT_EQ(bad.find("nobody"), std::string::npos);
  EXPECT_EQ(refused({.user = "a", .ha1_md5 = std::string(32, '0')}),
            "ha1_md5 and ha1_sha256 are needed both: phones choose between them");
  EXPECT_EQ(refused({.user = "a", .ha1_md5 = "12", .ha1_sha256 = std::string(64, '0')}),
            "ha1_md5 is not 32 hexadecimal digits");
  EXPECT_EQ(refused({.user = "a", .password = "x", .ha1_md5 = "12"}),
            "a password and its ha1 are one too many: give one of them");
  EXPECT_EQ(refused({.user = "a", .devices = 0}), "devices must be 1..16");
  EXPECT_EQ(refused({.user = "a", .devices = 17}), "devices must be 1..16");
}

TEST(AccountWords, Numbers) {
  EXPECT_EQ(checked({.user = "a", .numbers = {{"+4930123", "*31#"}}}).numbers->size(), 2u);
  EXPECT_EQ(refused({.user = "a", .numbers = {{"12", "34", "12"}}}),
            "number 12 stands there twice");
  for (const auto* number : {"", "+", "12a", "1 2", "++1"}) {
    EXPECT_FALSE(refused({.user = "a", .numbers = {{number}}}).empty()) << number;
  }
  EXPECT_EQ(refused({.user = "a", .numbers = std::vector<std::string>(17, "1")}),
            "17 numbers: 16 are the most");
}

}  // namespace
}  // namespace tandem::registrar
