// Routes and lists by the operator's hand: tandemctl's end of a real control socket, the socket,
// and the books on their thread.
#include "controlplane/admin/route_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <thread>

#include "tests/unit/controlplane/admin/command_door.h"

namespace tandem::admin {
namespace {

class RouteCommandsTest : public CommandDoorTest {
 protected:
  RouteCommandsTest() {
    database.emplace(routing::open_store(folder.path("routes.db")).value());
    route_book = routing::RouteBook::open(
                     {.database = *database,
                      .fixed = {{"1", 0}},
                      .gateway_named = [](std::string_view name) -> base::Result<std::uint32_t> {
                        if (name == "a") return 0u;
                        if (name == "b") return 1u;
                        return base::error(fmt::format("there is no gateway \"{}\"", name));
                      },
                      .name_of = [](std::uint32_t gateway) { return gateway == 0 ? "a" : "b"; },
                      .routes = routes})
                     .value();
    list_book = routing::ListBook::open({.database = *database,
                                         .screenings = screenings,
                                         .user_of = [](auto) { return std::string(); }})
                    .value();
    commands.emplace(RouteCommands::Setup{
        .loop = loop, .routes = *route_book, .lists = *list_book, .parameters = parameters});
    open_door(*commands);
  }
  ~RouteCommandsTest() override { close_door(); }

  static Json route(const char* prefix, const char* gateway, int priority, const char* price) {
    return {{"prefix", prefix}, {"gateway", gateway}, {"priority", priority}, {"weight", 1},
            {"price", price},   {"time", "always"},   {"enabled", true},      {"from", "store"}};
  }

  config::Parameters parameters;
  routing::Routes routes;
  routing::Screenings screenings;
  std::optional<store::Database> database;
  std::unique_ptr<routing::RouteBook> route_book;
  std::unique_ptr<routing::ListBook> list_book;
  std::optional<RouteCommands> commands;
};

TEST_F(RouteCommandsTest, OneRoutesLife) {
  const Json made = route("49", "a", 7, "0.5");
  EXPECT_EQ(
      done("route add", {{"prefix", "49"}, {"gateway", "a"}, {"priority", 7}, {"price", "0.50"}}),
      (Json{{"routes", {made}}}));
  EXPECT_EQ(routes.now()->size(), 2u);  // as shards have it, once it is answered
  EXPECT_EQ(done("route show", {{"prefix", "4"}}),
            (Json{{"routes", {made}}, {"total", 2}, {"prefixes", 2}}));
  EXPECT_EQ(done("route show", Json::object())["routes"][0]["from"], "site file");
  EXPECT_EQ(done("route set",
                 {{"prefix", "49"}, {"gateway", "a"}, {"enabled", false}})["routes"][0]["enabled"],
            false);
  EXPECT_EQ(done("route del", {{"prefix", "49"}, {"gateway", "a"}})["routes"].size(), 1u);
  EXPECT_EQ(done("route show", Json::object())["total"], 1);
}

TEST_F(RouteCommandsTest, SaysWhereANumberGoesAndWhy) {
  done("route add", {{"prefix", "49"}, {"gateway", "a"}});
  done("route add", {{"prefix", "4930"}, {"gateway", "a"}, {"priority", 9}});
  done("route add", {{"prefix", "4930"}, {"gateway", "b"}, {"time", "sun"}});
  done("list add", {{"name", "ours"}, {"kind", "caller"}, {"allow", "33"}, {"otherwise", "deny"}});
  done("list add", {{"name", "free"}, {"kind", "callee"}, {"deny", {"4930"}}});
  const Json monday = done("route test", {{"number", "+49-30-1"}, {"at", "mon 12:00"}});
  EXPECT_EQ(monday["number"], "49301");
  EXPECT_EQ(monday["at"], "mon 12:00");
  Json tried = route("4930", "a", 9, "0");
  tried.erase("enabled");
  EXPECT_EQ(monday["candidates"], Json::array({tried}));
  ASSERT_EQ(monday["passed_over"].size(), 2u);
  EXPECT_EQ(monday["passed_over"][0]["gateway"], "b");
  EXPECT_EQ(monday["passed_over"][0]["reason"], "not at this time");
  EXPECT_EQ(monday["passed_over"][1]["prefix"], "49");
  EXPECT_EQ(monday["passed_over"][1]["reason"], "a longer prefix has routes");
  EXPECT_EQ(monday["lists"],
            Json::array(
                {{{"list", "free"}, {"kind", "callee"}, {"verdict", "deny"}, {"prefix", "4930"}}}));
  const Json sunday =
      done("route test", {{"number", "49301"}, {"at", "sun 12:00"}, {"caller", "44"}});
  EXPECT_EQ(sunday["candidates"].size(), 2u);
  EXPECT_EQ(sunday["candidates"][0]["gateway"], "a");
  EXPECT_EQ(sunday["lists"][1]["verdict"], "deny");
  EXPECT_EQ(sunday["lists"][1]["prefix"], "otherwise");
  EXPECT_EQ(done("route test", {{"number", "7"}})["candidates"], Json::array());
}

TEST_F(RouteCommandsTest, TimeWindowsHaveNames) {
  const Json work = {{"windows", {{{"name", "work"}, {"times", "mon-fri"}}}}};
  EXPECT_EQ(done("window add", {{"name", "work"}, {"times", "mon-fri"}}), work);
  done("route add", {{"prefix", "49"}, {"gateway", "a"}, {"time", "work"}});
  EXPECT_EQ(done("route test", {{"number", "49"}, {"at", "sun 12:00"}})["passed_over"][0]["time"],
            "work");
  done("window set", {{"name", "work"}, {"times", "sun"}});
  EXPECT_EQ(done("route test", {{"number", "49"}, {"at", "sun 12:00"}})["candidates"].size(), 1u);
  EXPECT_EQ(refused("window del", {{"name", "work"}}), "1 routes are for the time window \"work\"");
  done("route del", {{"prefix", "49"}, {"gateway", "a"}});
  EXPECT_EQ(done("window del", {{"name", "work"}})["windows"], Json::array());
  EXPECT_EQ(done("window show", Json::object())["windows"], Json::array());
}

TEST_F(RouteCommandsTest, WhatMakesNoSenseIsRefusedInWords) {
  EXPECT_EQ(refused("route add", {{"prefix", "49"}}), "\"gateway\" is missing");
  EXPECT_EQ(refused("route add", {{"prefix", "49"}, {"gateway", "z"}}),
            "there is no gateway \"z\"");
  EXPECT_EQ(refused("route set", {{"prefix", "1"}, {"gateway", "a"}}),
            "the site file has a route of \"1\" to a: it is changed there");
  EXPECT_EQ(refused("route show", {{"prefix", "x"}}), "\"prefix\" is not a prefix");
  EXPECT_EQ(refused("route test", Json::object()), "route test needs \"number\"");
  EXPECT_EQ(refused("route test", {{"number", "1"}, {"at", "noon"}}),
            "\"noon\" is not a time of the week such as \"mon 08:15\"");
  EXPECT_EQ(refused("route sideways", Json::object()), "no such command: route sideways");
  EXPECT_EQ(refused("list add", {{"name", "l"}, {"kind", "both"}}),
            "\"kind\" must be caller or callee");
  EXPECT_EQ(refused("list add", {{"name", "l"}, {"kind", "caller"}, {"otherwise", "maybe"}}),
            "\"otherwise\" must be allow or deny");
  EXPECT_EQ(refused("list add", {{"name", "l"}, {"kind", "caller"}, {"allow", {1}}}),
            "\"allow\" is not a list of texts");
  EXPECT_EQ(refused("list add", {{"nme", "l"}}), "there is no \"nme\" in a list");
  EXPECT_EQ(refused("list del", {{"name", "l"}}), "there is no list \"l\"");
  EXPECT_EQ(refused("list show", {{"name", "l"}}), "there is no list \"l\"");
  EXPECT_EQ(refused("list import begin", {{"list", "l"}}), "there is no list \"l\"");
  EXPECT_EQ(refused("route import rows", {{"import", 1}, {"text", "x"}}),
            "this import is not under way");
  EXPECT_EQ(refused("routes", Json::object()), "not here: routes");
  const Json import = done("route import begin", {{"format", "csv"}})["import"];
  EXPECT_EQ(refused("list import begin", {{"list", "l"}}),
            "an import is under way: try again when it is done");
  EXPECT_EQ(refused("route import rows", {{"import", import}, {"text", 1}}),
            "\"text\" must be a text: lines of the file");
  EXPECT_EQ(refused("route import sideways", {{"import", import}}),
            "there is no step \"sideways\" of imports");
  EXPECT_EQ(done("route import cancel", {{"import", import}})["import"], import);
  EXPECT_EQ(refused("route import finish", {{"import", import}}), "this import is not under way");
}

// More than one request holds.
TEST_F(RouteCommandsTest, FilesInManyPieces) {
  constexpr int kRows = 5000;
  std::string routes_csv = "prefix,gateway,price\n";
  std::string list_json;
  for (int i = 0; i < kRows; ++i) {
    routes_csv += fmt::format("49{},b,0.{:04}\n", 10'000 + i, i);
    list_json += fmt::format("{{\"numbers\":\"49{}\",\"verdict\":\"deny\"}}\n", 10'000 + i);
  }
  const Outcome imported = import("route", {{"replace", true}}, routes_csv);
  ASSERT_EQ(imported.kind, Outcome::Kind::kDone) << imported.error;
  EXPECT_EQ(imported.result, (Json{{"added", kRows},
                                   {"changed", 0},
                                   {"removed", 0},
                                   {"refused", 0},
                                   {"kept", true},
                                   {"faults", Json::array()}}));
  EXPECT_EQ(done("route show", Json::object())["routes"].size(), RouteCommands::kListed);
  const Outcome again = import("route", {{"replace_gateway", "b"}}, "prefix,gateway\n49,b\n49,a\n");
  EXPECT_EQ(again.result["faults"],
            Json::array({{{"line", 3}, {"reason", "this import replaces routes to b only"}}}));
  EXPECT_EQ(done("route show", Json::object())["total"], kRows + 1);

  done("list add", {{"name", "l"}, {"kind", "callee"}});
  EXPECT_EQ(import("list", {{"list", "l"}}, list_json).result["added"], kRows);
  EXPECT_EQ(done("list show", {{"name", "l"}})["entries"].size(), RouteCommands::kListed);
  EXPECT_EQ(
      done("list show", Json::object())["lists"],
      Json::array(
          {{{"name", "l"}, {"kind", "callee"}, {"otherwise", "allow"}, {"prefixes", kRows}}}));
  EXPECT_EQ(screenings.now()->find("l")->verdict("4910001"), routing::Verdict::kDeny);
  done("list set", {{"name", "l"}, {"remove", {"4910001"}}});
  EXPECT_EQ(screenings.now()->find("l")->verdict("4910001"), routing::Verdict::kAllow);
  done("list del", {{"name", "l"}});
  EXPECT_EQ(done("list show", Json::object())["lists"], Json::array());
}

}  // namespace
}  // namespace tandem::admin
