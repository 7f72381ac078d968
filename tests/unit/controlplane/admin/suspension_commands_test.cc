// Who is suspended, as the operator's tool gets it, and the pardon.
#include "controlplane/admin/suspension_commands.h"

#include <gtest/gtest.h>

namespace tandem::admin {
namespace {

class SuspensionCommandsTest : public ::testing::Test {
 protected:
  // What was answered; an error's sentence begins with "error: ".
  std::string ask(const std::string& command, const Json& args = Json::object()) {
    std::string out = "no such command";
    commands.run(command, args, [&](const base::Result<Json>& result) {
      out = result ? result->dump() : "error: " + result.error_text();
    });
    return out;
  }
  void suspend(std::uint32_t ip) {
    const registrar::Lockout::Turn turn{base::monotonic_now(), counters};
    const auto source = base::IpAddress::ip4_raw(ip);
    for (std::uint64_t i = 1; i <= 6; ++i) lockout.failed(source, {{i, ip}, "x", i}, turn);
  }

  wire::CounterBlock counters;
  registrar::Lockout lockout{{.rules = config::Parameters(),
                              .secret = {1, 2},
                              .spared = [](const base::IpAddress&) { return false; },
                              .records = 4096}};
  SuspensionCommands commands{lockout};
};

TEST_F(SuspensionCommandsTest, ShowsAndLifts) {
  EXPECT_EQ(ask("show suspensions"), R"({"suspensions":[],"total":0})");
  const auto source = base::IpAddress::ip4(192, 0, 2, 1);
  const registrar::Lockout::Turn turn{base::monotonic_now(), counters};
  for (std::uint64_t i = 1; i <= 6; ++i) {
    lockout.failed(source, {{1, 1}, "alice@x", i}, turn);
  }
  const Json shown = Json::parse(ask("show suspensions"));
  ASSERT_EQ(shown["total"], 2);
  const Json& one = shown["suspensions"][0];
  EXPECT_EQ(one["address"], "192.0.2.1");
  EXPECT_EQ(one["account"], "");
  EXPECT_EQ(one["reason"], "password");
  EXPECT_EQ(one["failures"], 6);
  EXPECT_GE(one["left_s"], 170);
  EXPECT_LE(one["left_s"], 180);
  EXPECT_EQ(shown["suspensions"][1]["account"], "alice@x");
  EXPECT_EQ(ask("suspension lift", {{"address", "192.0.2.2"}}),
            "error: 192.0.2.2 is not suspended");
  EXPECT_EQ(ask("suspension lift", {{"address", "192.0.2.1"}}), R"({"lifted":2})");
  EXPECT_EQ(ask("show suspensions"), R"({"suspensions":[],"total":0})");
  suspend(7);
  suspend(8);
  EXPECT_EQ(ask("suspension lift", {{"address", "all"}}), R"({"lifted":2})");
  EXPECT_EQ(ask("suspension lift", {{"address", "all"}}), R"({"lifted":0})");
}

TEST_F(SuspensionCommandsTest, ListsTheFirstThousand) {
  for (std::uint32_t ip = 1; ip <= 1100; ++ip) suspend(ip);
  const Json shown = Json::parse(ask("show suspensions"));
  EXPECT_EQ(shown["suspensions"].size(), SuspensionCommands::kListed);
  EXPECT_EQ(shown["total"], 1100);
}

TEST_F(SuspensionCommandsTest, RefusesWhatMakesNoSense) {
  for (const Json& args : {Json::object(), Json{{"address", 7}}, Json{{"address", "alice"}},
                           Json{{"address", "192.0.2.0/24"}}}) {
    EXPECT_EQ(ask("suspension lift", args),
              "error: suspension lift needs \"address\": an IP address, or \"all\"");
  }
  EXPECT_EQ(ask("suspension"), "no such command");
}

}  // namespace
}  // namespace tandem::admin
