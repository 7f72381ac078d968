// Accounts by the operator's hand: tandemctl's end of a real control socket, the socket, and the
// book on its thread.
#include "controlplane/admin/account_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <thread>

#include "controlplane/admin/endpoint_commands.h"
#include "tests/unit/controlplane/admin/command_door.h"

namespace tandem::admin {
namespace {

class AccountCommandsTest : public CommandDoorTest {
 protected:
  AccountCommandsTest() {
    auto opened =
        registrar::AccountBook::open({.path = folder.path("accounts.db"),
                                      .realms = {"sip.example.net"},
                                      .table = table,
                                      .retire = [](const registrar::AccountTable::Retired&) {},
                                      .ended = [](const registrar::AccountKey&) {}});
    EXPECT_TRUE(opened.ok());
    book = std::move(opened).value();
    commands.emplace(loop, *book, table);
    open_door(*commands);
  }
  ~AccountCommandsTest() override { close_door(); }

  Outcome import(const std::string& text, bool keep_going = false) {
    return CommandDoorTest::import("account", {{"keep_going", keep_going}}, text);
  }

  registrar::AccountTable table{{1, 2}, 64};
  std::unique_ptr<registrar::AccountBook> book;
  std::optional<AccountCommands> commands;
};

TEST_F(AccountCommandsTest, OneAccountsLife) {
  const Json alice = {{"user", "alice"},
                      {"realm", "sip.example.net"},
                      {"numbers", {"4930"}},
                      {"devices", 1},
                      {"enabled", true}};
  EXPECT_EQ(done("account add", {{"user", "alice"}, {"password", "x"}, {"numbers", {"4930"}}}),
            alice);
  EXPECT_EQ(done("account show", {{"user", "alice"}})["accounts"], Json::array({alice}));
  EXPECT_EQ(done("account set", {{"user", "alice"}, {"enabled", false}})["enabled"], false);
  EXPECT_EQ(done("account show", Json::object())["total"], 1);
  EXPECT_EQ(done("account del", {{"user", "alice"}})["enabled"], false);
  EXPECT_EQ(done("account show", Json::object()),
            (Json{{"accounts", Json::array()}, {"total", 0}}));
}

TEST_F(AccountCommandsTest, WhatMakesNoSenseIsRefusedInWords) {
  EXPECT_EQ(refused("account add", {{"user", "alice"}}),
            "a new account needs a password, or ha1_md5 and ha1_sha256");
  EXPECT_EQ(refused("account add", {{"name", "alice"}}), "there is no \"name\" in an account");
  EXPECT_EQ(refused("account del", {{"user", "alice"}}),
            "there is no account alice@sip.example.net");
  EXPECT_EQ(refused("account import rows", {{"import", 1}, {"text", "user\n"}}),
            "this import is not under way");
  EXPECT_EQ(refused("account import rows", {{"import", "x"}}),
            "\"import\" must be the number that account import begin has given");
  EXPECT_EQ(refused("account import begin", {{"text", 1}}),
            "\"text\" must be a text: lines of the file");
  EXPECT_EQ(refused("account import sideways", {{"import", 0}}), "this import is not under way");
  EXPECT_EQ(refused("accounts", Json::object()), "not here: accounts");
}

// More than one request holds, with what JSON must write longer than it is.
TEST_F(AccountCommandsTest, AFileInManyPieces) {
  constexpr int kRows = 3000;
  std::string csv = "user,password,numbers\n";
  std::string json;
  for (int i = 0; i < kRows; ++i) {
    csv += fmt::format("c{0},\"quote \"\" and \xc3\xa9 and \\ in {0}\",1{0}\n", i);
    json +=
        fmt::format("{{\"user\":\"j{0}\",\"password\":\"\\\"\\\\{0}\",\"numbers\":\"2{0}\"}}\n", i);
  }
  for (const std::string& text : {csv, json}) {
    const Outcome outcome = import(text);
    ASSERT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.error;
    EXPECT_EQ(outcome.result, (Json{{"added", kRows},
                                    {"changed", 0},
                                    {"removed", 0},
                                    {"refused", 0},
                                    {"kept", true},
                                    {"faults", Json::array()}}));
  }
  EXPECT_EQ(done("account show", Json::object())["total"], 2 * kRows);
  EXPECT_EQ(done("account show", Json::object())["accounts"].size(), AccountCommands::kListed);
}

TEST_F(AccountCommandsTest, ABadRowIsToldWithItsLineInTheFile) {
  std::string csv = "user,password\n";
  for (int i = 0; i < 2000; ++i) csv += fmt::format("c{},{}\n", i, std::string(50, 'x'));
  csv += "c7,again\nlast,\n";
  Outcome outcome = import(csv);
  ASSERT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.error;
  const Json faults = {
      {{"line", 2002}, {"reason", "c7 was in line 9 already"}},
      {{"line", 2003}, {"reason", "a new account needs a password, or ha1_md5 and ha1_sha256"}}};
  EXPECT_EQ(outcome.result["faults"], faults);
  EXPECT_EQ(outcome.result["kept"], false);
  EXPECT_EQ(done("account show", Json::object())["total"], 0);
  EXPECT_EQ(import(csv, true).result["kept"], true);
  EXPECT_EQ(done("account show", Json::object())["total"], 2000);
}

TEST_F(AccountCommandsTest, AFileThatIsNoListEndsTheImport) {
  EXPECT_EQ(import("nonsense\n").error, "line 1: there is no column \"nonsense\"");
  EXPECT_EQ(import("user,password\n" + std::string(9000, 'x') + "\n").error,
            "line 2 is longer than 8000 octets");
  // Nothing is left under way.
  EXPECT_EQ(done("account add", {{"user", "alice"}, {"password", "x"}})["user"], "alice");
}

TEST(EndpointCommands, ShowsWhoIsRegistered) {
  registrar::BindingTable bindings;
  const base::Nanos now = base::monotonic_now();
  const auto put = [&](std::uint64_t key, const std::string& name, base::Nanos expires) {
    bindings.with({key, key}, name, [&](std::vector<sip::Binding>& list) {
      sip::Binding& binding = list.emplace_back();
      binding.texts = "sip:a@10.0.0.7;x<sip:p;lr>";
      binding.uri_size = 14;
      binding.params_size = 2;
      binding.behind_nat = true;
      binding.q = 500;
      binding.registered = now - base::Seconds{60};
      binding.expires = expires;
      binding.way.remote = *base::Endpoint::parse("192.0.2.7:1234", 0);
      binding.way.local = *base::Endpoint::parse("192.0.2.1:5060", 0);
    });
  };
  put(1, "alice@a.example", now + base::Seconds{601});
  put(2, "bob@a.example", now + base::Seconds{601});
  put(3, "carol@a.example", now - base::Seconds{1});  // run out
  EndpointCommands commands(bindings);
  Json result;
  const Answer answer = [&](base::Result<Json> got) {
    result = got ? *got : Json(got.error_text());
  };
  EXPECT_TRUE(commands.run("show endpoints", Json::object(), answer));
  EXPECT_EQ(result["endpoints"].size(), 2u);
  for (const auto* wanted : {"bob", "bob@a.example"}) {
    EXPECT_TRUE(commands.run("show endpoints", {{"account", wanted}}, answer));
    ASSERT_EQ(result["endpoints"].size(), 1u) << wanted;
    const Json& shown = result["endpoints"][0];
    EXPECT_GE(shown["expires_s"], 590);
    EXPECT_GE(shown["registered_s"], 60);
    Json rest = shown;
    rest.erase("expires_s");
    rest.erase("registered_s");
    rest.erase("last_seen_s");
    EXPECT_EQ(rest, (Json{{"account", "bob@a.example"},
                          {"contact", "sip:a@10.0.0.7"},
                          {"source", "192.0.2.7:1234"},
                          {"protocol", "UDP"},
                          {"local", "192.0.2.1:5060"},
                          {"nat", true},
                          {"q", 0.5},
                          {"path", "<sip:p;lr>"},
                          {"online", true},
                          {"round_trip_ms", nullptr}}));
  }
  commands.run("show endpoints", {{"account", "bo"}}, answer);
  EXPECT_TRUE(result["endpoints"].empty());
  commands.run("show endpoints", {{"account", 7}}, answer);
  EXPECT_EQ(result, "\"account\" must be a text: user@realm, or the user alone");
  EXPECT_FALSE(commands.run("show calls", Json::object(), answer));
}

TEST(ControlClient, NobodyThere) {
  test::TempFolder folder;
  ControlClient client(folder.path("nobody.sock"));
  const Outcome outcome = client.ask("show calls", Json::object());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kUnreachable);
  EXPECT_NE(outcome.error.find("nobody.sock"), std::string::npos);
}

}  // namespace
}  // namespace tandem::admin
