// The operator's routes: on disk, in the table that calls go by, and after a restart; and imports
// as a whole or not at all.
#include "controlplane/routing/route_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controlplane/routing/gateway_routes.h"
#include "controlplane/routing/router.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::routing {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::string>;

class RouteBookTest : public ::testing::Test {
 protected:
  RouteBookTest() { start(); }

  // As a new process would.
  void start() {
    book.reset();
    database.reset();
    auto store = open_store(folder.path("routes.db"));
    ASSERT_TRUE(store.ok()) << store.error_text();
    database.emplace(std::move(store).value());
    auto opened = RouteBook::open(
        {.database = *database,
         .fixed = fixed,
         .own = own,
         .gateway_named = [this](std::string_view name) -> base::Result<GatewayIndex> {
           const auto found = std::find(gateways.begin(), gateways.end(), name);
           if (found != gateways.end()) return static_cast<GatewayIndex>(found - gateways.begin());
           return base::error(fmt::format("there is no gateway \"{}\"", name));
         },
         .name_of = [this](GatewayIndex gateway) { return gateways[gateway]; },
         .routes = routes});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    book = std::move(opened).value();
  }
  static RowFields::Values values(const Json& object) {
    auto out = route_fields().read(object);
    EXPECT_TRUE(out.ok()) << out.error_text();
    return out ? *out : RowFields::Values(kRouteFields.size());
  }
  std::string add(const Json& object) { return text(book->add(values(object))); }
  std::string set(const Json& object) { return text(book->set(values(object))); }
  std::string remove(std::string_view prefix, std::string_view gateway) {
    return text(book->remove(prefix, gateway));
  }
  std::string text(const base::Result<std::vector<PrefixRoute>>& changed) const {
    return changed ? text(*changed) : changed.error_text();
  }
  // "49>a 100/1 0.5 mon;", and whether it's disabled.
  std::string text(const std::vector<PrefixRoute>& all) const {
    std::string out;
    for (const auto& [prefix, route] : all) {
      out += fmt::format("{}{}>{} {}/{} {} {}{}", out.empty() ? "" : "; ", prefix.text(),
                         gateways[route.gateway], route.priority, route.weight,
                         price_text(route.price), book->table().windows()[route.window].text(),
                         route.enabled ? "" : "off");
    }
    return out;
  }
  // What the gateway with these prefixes leads to by itself.
  static std::vector<PrefixRoute> own_of(GatewayIndex index, Lines prefixes,
                                         std::uint16_t priority = 100) {
    config::Gateway gateway;
    gateway.kind = config::GatewayKind::kRouting;
    gateway.prefixes = std::move(prefixes);
    gateway.priority = priority;
    auto out = own_routes(gateway, index);
    EXPECT_TRUE(out.ok()) << out.error_text();
    return out ? *out : std::vector<PrefixRoute>{};
  }
  // As the shards have it.
  std::string published() { return text(routes.now()->routes_from({}, 1000)); }
  std::unique_ptr<RowImport> begin(std::string_view file, bool keep_going,
                                   const RouteBook::Replacement& replacement) {
    const auto format = file.starts_with('{') ? RowImport::Format::kJson : RowImport::Format::kCsv;
    auto out = book->import(format, keep_going, replacement);
    EXPECT_TRUE(out.ok()) << out.error_text();
    return std::move(out).value();
  }
  ImportReport import(std::string_view file, bool keep_going = false,
                      const RouteBook::Replacement& replacement = {}) {
    const auto under_way = begin(file, keep_going, replacement);
    const auto rows = under_way->rows(file);
    EXPECT_TRUE(rows.ok()) << rows.error_text();
    const auto report = under_way->finish();
    EXPECT_TRUE(report.ok()) << report.error_text();
    return report ? *report : ImportReport{};
  }
  static Lines told(const ImportReport& report) {
    Lines out;
    for (const auto& [line, reason] : report.faults)
      out.push_back(fmt::format("{}: {}", line, reason));
    return out;
  }

  test::TempFolder folder;
  std::vector<std::string> gateways = {"a", "b", "c"};
  std::vector<config::Route> fixed;
  std::vector<PrefixRoute> own;
  Routes routes;
  std::optional<store::Database> database;
  std::unique_ptr<RouteBook> book;
};

TEST_F(RouteBookTest, ARouteIsThereAtOnceAndAfterARestart) {
  EXPECT_EQ(add({{"prefix", "49"}, {"gateway", "a"}}), "49>a 100/1 0 ");
  EXPECT_EQ(add({{"prefix", ""},
                 {"gateway", "b"},
                 {"priority", 7},
                 {"weight", 0},
                 {"price", "0.0125"},
                 {"time", " mon-fri 08:00-18:00 ; sat"},
                 {"enabled", false}}),
            ">b 7/0 0.0125 mon-fri 08:00-18:00; satoff");
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(published(), ">b 7/0 0.0125 mon-fri 08:00-18:00; satoff; 49>a 100/1 0 ");
    start();
  }
}

TEST_F(RouteBookTest, SetChangesOnlyWhatIsSaid) {
  add({{"prefix", "49"}, {"gateway", "a"}, {"price", 2}, {"time", "sun"}, {"priority", 5}});
  EXPECT_EQ(set({{"prefix", "49"}, {"gateway", "a"}, {"weight", 9}}), "49>a 5/9 2 sun");
  EXPECT_EQ(set({{"prefix", "49"}, {"gateway", "a"}, {"time", "always"}}), "49>a 5/9 2 ");
  EXPECT_EQ(set({{"prefix", "49"}, {"gateway", "a"}, {"enabled", "no"}}), "49>a 5/9 2 off");
  start();
  EXPECT_EQ(published(), "49>a 5/9 2 off");
}

TEST_F(RouteBookTest, RemovedIsGone) {
  add({{"prefix", "49"}, {"gateway", "a"}});
  add({{"prefix", "49"}, {"gateway", "b"}});
  EXPECT_EQ(remove("49", "a"), "49>a 100/1 0 ");
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(published(), "49>b 100/1 0 ");
    start();
  }
}

TEST_F(RouteBookTest, ARangeIsItsPrefixes) {
  EXPECT_EQ(add({{"prefix", "4910-4921"}, {"gateway", "a"}}),
            "491>a 100/1 0 ; 4920>a 100/1 0 ; 4921>a 100/1 0 ");
  EXPECT_EQ(set({{"prefix", "4920-4921"}, {"gateway", "a"}, {"price", 1}}),
            "4920>a 100/1 1 ; 4921>a 100/1 1 ");
  EXPECT_EQ(remove("4910-4919", "a"), "491>a 100/1 0 ");
  EXPECT_EQ(published(), "4920>a 100/1 1 ; 4921>a 100/1 1 ");
  // All of it or nothing.
  EXPECT_EQ(add({{"prefix", "4919-4920"}, {"gateway", "a"}}),
            "there is a route of \"4920\" to a already");
  EXPECT_EQ(published(), "4920>a 100/1 1 ; 4921>a 100/1 1 ");
}

TEST_F(RouteBookTest, WhatCanNotBeDoneIsRefused) {
  add({{"prefix", "49"}, {"gateway", "a"}});
  const std::string before = published();
  EXPECT_EQ(add({{"prefix", "49"}, {"gateway", "a"}}), "there is a route of \"49\" to a already");
  EXPECT_EQ(set({{"prefix", "49"}, {"gateway", "b"}}), "there isn't a route of \"49\" to b");
  EXPECT_EQ(remove("4", "a"), "there isn't a route of \"4\" to a");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "z"}}), "there is no gateway \"z\"");
  EXPECT_EQ(remove("49", "z"), "there is no gateway \"z\"");
  EXPECT_EQ(add({{"prefix", "+49"}, {"gateway", "a"}}),
            "\"+49\" is not a prefix of 0..32 symbols of 0-9 * #");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "a"}, {"priority", 65536}}),
            "priority must be 0..65535");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "a"}, {"weight", -1}}), "weight must be 0..65535");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "a"}, {"price", "1,5"}}),
            "price must be a number such as 0.0125, of at most six places");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "a"}, {"time", "moon"}}),
            "\"moon\" is not a time such as \"mon-fri 08:00-18:00\", \"sat,sun\" or "
            "\"22:00-06:00\", nor the name of a time window");
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "a"}, {"enabled", "perhaps"}}),
            "enabled is neither true nor false");
  EXPECT_EQ(route_fields().read(Json{{"prefix", "50"}}).error_text(), "\"gateway\" is missing");
  EXPECT_EQ(route_fields().read(Json{{"prefx", "50"}}).error_text(), "there is no \"prefx\" here");
  EXPECT_EQ(route_fields().read(Json{{"prefix", {"50"}}}).error_text(),
            "prefix has a value of the wrong kind");
  EXPECT_EQ(published(), before);
}

TEST_F(RouteBookTest, APrefixHasRoomForSoMany) {
  for (std::size_t i = gateways.size(); i <= RouteTable::kRoutesMost; ++i) {
    gateways.push_back(fmt::format("g{}", i));
  }
  for (std::size_t i = 0; i < RouteTable::kRoutesMost; ++i) {
    book->add(values({{"prefix", "49"}, {"gateway", gateways[i]}})).value();
  }
  EXPECT_EQ(add({{"prefix", "49"}, {"gateway", gateways.back()}}), "\"49\" has 32 routes already");
  const std::string row = "49," + gateways.back() + "\n";
  EXPECT_EQ(told(import("prefix,gateway\n" + row)), Lines{"2: \"49\" has 32 routes already"});
  EXPECT_EQ(import("prefix,gateway,price\n49,a,3\n").changed, 1u);
  EXPECT_TRUE(import("prefix,gateway\n" + row, false, {.gateway = gateways.back()}).faults.size());
  EXPECT_TRUE(import("prefix,gateway\n" + row, false, {.all = true}).kept);
  EXPECT_EQ(routes.now()->size(), 1u);
}

TEST_F(RouteBookTest, TheSiteFilesRoutesStay) {
  add({{"prefix", "49"}, {"gateway", "a"}, {"price", 3}});
  fixed = {{"49", 0, 50}, {"50", 1}};
  start();
  EXPECT_EQ(published(), "49>a 50/1 0 ; 50>b 100/1 0 ");  // instead of the store's
  add({{"prefix", "50"}, {"gateway", "a"}});
  EXPECT_EQ(add({{"prefix", "50"}, {"gateway", "b"}}),
            "the site file has a route of \"50\" to b: it is changed there");
  EXPECT_EQ(set({{"prefix", "50"}, {"gateway", "b"}}),
            "the site file has a route of \"50\" to b: it is changed there");
  EXPECT_EQ(remove("50", "b"), "the site file has a route of \"50\" to b: it is changed there");
  EXPECT_EQ(told(import("prefix,gateway\n51,a\n50,b\n")),
            Lines{"3: the site file has a route of \"50\" to b: it is changed there"});
  EXPECT_TRUE(import("prefix,gateway\n51,a\n", false, {.all = true}).kept);
  EXPECT_EQ(published(), "49>a 50/1 0 ; 50>b 100/1 0 ; 51>a 100/1 0 ");
}

TEST_F(RouteBookTest, AGatewayThatIsGoneKeepsItsRoutesForItsReturn) {
  add({{"prefix", "49"}, {"gateway", "a"}});
  add({{"prefix", "49"}, {"gateway", "c"}});
  gateways = {"c", "b"};  // and another order
  start();
  EXPECT_EQ(published(), "49>c 100/1 0 ");
  gateways = {"a", "b", "c"};
  start();
  EXPECT_EQ(published(), "49>a 100/1 0 ; 49>c 100/1 0 ");
}

TEST_F(RouteBookTest, ImportsAddAndChange) {
  add({{"prefix", "49"}, {"gateway", "a"}, {"priority", 5}, {"time", "sun"}});
  const auto csv = import(
      "\xef\xbb\xbfgateway,prefix,price,time\r\n"
      "a,49,0.5,\r\n\r\n"
      "b,,1,\"mon,tue\"\r\n"
      "b,4910-4919,.5\r\n",
      true);
  EXPECT_EQ(told(csv), Lines{"5: 3 fields for 4 columns"});
  EXPECT_EQ(published(), ">b 100/1 1 mon,tue; 49>a 5/1 0.5 sun");
  const auto json = import(
      "{\"prefix\":\"491\",\"gateway\":\"b\",\"price\":0.25}\n"
      "{\"prefix\":\"49\",\"gateway\":\"a\",\"enabled\":false}\n");
  EXPECT_EQ(json.added, 1u);
  EXPECT_EQ(json.changed, 1u);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(published(), ">b 100/1 1 mon,tue; 49>a 5/1 0.5 sunoff; 491>b 100/1 0.25 ");
    start();
  }
}

TEST_F(RouteBookTest, RefusedRowsAreToldAndNothingIsTaken) {
  add({{"prefix", "49"}, {"gateway", "a"}});
  const std::string before = published();
  const std::string file =
      "prefix,gateway,priority\n"
      "50,a,1\n"
      "51,z,1\n"
      "5x,a,1\n"
      "52,b,high\n"
      "50,a,2\n"
      "5300-5319,a,1\n"
      "5310-5329,a,1\n"
      "5310-5319,b,1\n"
      "531,a,1\n";
  const auto report = import(file);
  EXPECT_FALSE(report.kept);
  EXPECT_EQ(report.refused, 6u);
  EXPECT_EQ(
      told(report),
      (Lines{"3: there is no gateway \"z\"",
             "4: \"5x\" is not a prefix of 0..32 symbols of 0-9 * #",
             "5: priority must be 0..65535", "6: \"50\" to a was in line 2 already",
             "8: its range overlaps that of line 7", "10: \"531\" to a was in line 7 already"}));
  EXPECT_EQ(published(), before);
  const auto kept = import(file, true);
  EXPECT_TRUE(kept.kept);
  EXPECT_EQ(kept.added, 4u);
  EXPECT_EQ(published(), before + "; 50>a 1/1 0 ; 530>a 1/1 0 ; 531>a 1/1 0 ; 531>b 1/1 0 ");
}

TEST_F(RouteBookTest, AnImportTakesAnothersPlace) {
  add({{"prefix", "49"}, {"gateway", "a"}, {"price", 9}});
  add({{"prefix", "50"}, {"gateway", "a"}});
  add({{"prefix", "49"}, {"gateway", "b"}});
  const auto report =
      import("prefix,gateway\n49,a\n51,a\n", false, RouteBook::Replacement{.gateway = "a"});
  EXPECT_EQ(report.added, 2u);
  EXPECT_EQ(report.removed, 2u);
  EXPECT_EQ(published(), "49>a 100/1 0 ; 49>b 100/1 0 ; 51>a 100/1 0 ");  // not the old price
  EXPECT_EQ(told(import("prefix,gateway\n49,b\n", false, {.gateway = "a"})),
            Lines{"2: this import replaces routes to a only"});
  EXPECT_EQ(book->import(RowImport::Format::kCsv, false, {.gateway = "z"}).error_text(),
            "there is no gateway \"z\"");
  import("prefix,gateway\n7,c\n", false, {.all = true});
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(published(), "7>c 100/1 0 ");
    start();
  }
}

TEST_F(RouteBookTest, RoutesFollowTheTimeWindowTheyName) {
  const auto done = [](const base::Result<void>& outcome) {
    return outcome ? "done" : outcome.error_text();
  };
  const auto open_at = [&](std::string_view time) {
    base::SeededRandom random(1);
    Candidates found;
    routes.now()->candidates("49", {.minute = *week_minute_of(time), .random = random}, found);
    return !found.empty();
  };
  EXPECT_EQ(done(book->add_window({"work", " mon-fri  08:00-18:00"})), "done");
  EXPECT_EQ(add({{"prefix", "49"}, {"gateway", "a"}, {"time", "work"}}), "49>a 100/1 0 work");
  EXPECT_TRUE(open_at("mon 08:00"));
  EXPECT_FALSE(open_at("sat 08:00"));
  EXPECT_EQ(done(book->set_window({"work", "sat"})), "done");
  for (int life = 0; life < 2; ++life) {
    EXPECT_FALSE(open_at("mon 08:00"));
    EXPECT_TRUE(open_at("sat 08:00"));
    EXPECT_EQ(published(), "49>a 100/1 0 work");
    start();
  }
  EXPECT_EQ(told(import("prefix,gateway,time\n50,b,work\n51,b,play\n", true)),
            Lines{"3: \"play\" is not a time such as \"mon-fri 08:00-18:00\", \"sat,sun\" or "
                  "\"22:00-06:00\", nor the name of a time window"});
  EXPECT_EQ(done(book->add_window({"work", "sun"})), "there is a time window \"work\" already");
  EXPECT_EQ(done(book->add_window({"mon", "sun"})), "\"mon\" is a time, and no name for one");
  EXPECT_EQ(done(book->add_window({"Always", "sun"})), "\"Always\" is a time, and no name for one");
  EXPECT_EQ(done(book->add_window({"a b", "sun"})),
            "a time window's name is 1..64 letters, digits and - _ .");
  EXPECT_EQ(done(book->add_window({"x", ""})), "a time window has times");
  EXPECT_EQ(done(book->set_window({"x", "sun"})), "there is no time window \"x\"");
  EXPECT_FALSE(book->set_window({"work", "moon"}).ok());
  EXPECT_EQ(done(book->remove_window("x")), "there is no time window \"x\"");
  EXPECT_EQ(done(book->remove_window("work")), "2 routes are for the time window \"work\"");
  remove("50", "b");
  set({{"prefix", "49"}, {"gateway", "a"}, {"time", "always"}});
  EXPECT_EQ(done(book->remove_window("work")), "done");
  EXPECT_FALSE(book->set(values({{"prefix", "49"}, {"gateway", "a"}, {"time", "work"}})).ok());
  EXPECT_EQ(done(book->add_window({"work", "tue"})), "done");  // it may come back
  // And go while an import names it.
  for (const bool returns : {false, true}) {
    const auto under_way = begin("", false, {});
    ASSERT_TRUE(under_way->rows("prefix,gateway,time\n49,a,work\n").ok());
    EXPECT_EQ(done(book->remove_window("work")), "done");
    if (returns) {
      EXPECT_EQ(done(book->add_window({"work", "wed"})), "done");
    }
    const auto report = under_way->finish();
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->kept, returns);
    EXPECT_EQ(report->refused, returns ? 0u : 1u);
    if (!returns) {
      EXPECT_EQ(done(book->add_window({"work", "tue"})), "done");
    }
  }
  EXPECT_TRUE(open_at("wed 08:00"));
  EXPECT_FALSE(open_at("tue 08:00"));
  ASSERT_EQ(book->windows().size(), 1u);
  EXPECT_EQ(book->windows()[0].times, "wed");
}

TEST_F(RouteBookTest, AHeaderThatIsNone) {
  for (const auto& [header, fault] :
       {std::pair{"prefix,gatway\n", "line 1: there is no column \"gatway\""},
        {"prefix,prefix\n", "line 1: column \"prefix\" is there twice"},
        {"prefix,price\n",
         "line 1: the first line must name the columns, one of them \"gateway\""}}) {
    const auto rows = begin(header, false, {})->rows(header);
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ(rows.error_text(), fault);
  }
}

// Routes change between the rows of an import and its end: it is compared with what is there then.
TEST_F(RouteBookTest, OtherChangesGoOnBesideAnImport) {
  const auto under_way = begin("", false, {});
  ASSERT_TRUE(under_way->rows("prefix,gateway,price\n49,a,2\n").ok());
  add({{"prefix", "49"}, {"gateway", "a"}, {"priority", 3}});
  const auto report = under_way->finish();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->changed, 1u);
  EXPECT_EQ(published(), "49>a 3/1 2 ");
}

TEST(Prices, AreExact) {
  for (const auto* text : {"0", "1", "0.000001", "12.5", "999999999.999999", "0.1"}) {
    ASSERT_TRUE(parse_price(text)) << text;
    EXPECT_EQ(price_text(*parse_price(text)), text);
  }
  EXPECT_EQ(parse_price("0.10"), 100'000u);
  EXPECT_EQ(parse_price("007"), 7'000'000u);
  for (const auto* text : {"", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1,5", "1 ",
                           "1000000001", "18446744073709551616"}) {
    EXPECT_FALSE(parse_price(text)) << text;
  }
}

TEST_F(RouteBookTest, GatewaysLeadToThemselves) {
  own = own_of(1, {"49", "every"}, 7);
  start();
  EXPECT_EQ(published(), ">b 7/1 0 ; 49>b 7/1 0 ");
  EXPECT_EQ(routes.now()->first_to(1), std::nullopt) << "none keeps it from being removed";
  book->lead(2, own_of(2, {"4930-4931"}));
  EXPECT_EQ(published(), ">b 7/1 0 ; 49>b 7/1 0 ; 4930>c 100/1 0 ; 4931>c 100/1 0 ");
  book->lead(1, own_of(1, {"every"}, 8));
  EXPECT_EQ(published(), ">b 8/1 0 ; 4930>c 100/1 0 ; 4931>c 100/1 0 ");
  const auto before = routes.now();
  book->lead(1, own_of(1, {"every"}, 8));
  EXPECT_EQ(routes.now(), before) << "nothing changed, no other table";
  book->lead(2, {});
  EXPECT_EQ(published(), ">b 8/1 0 ");
}

TEST_F(RouteBookTest, WhatIsSaidOfARouteStandsOverTheGatewaysOwn) {
  own = own_of(0, {"49", "50", "51"}, 7);
  fixed = {{"50", 0, 60}};
  start();
  EXPECT_EQ(published(), "49>a 7/1 0 ; 50>a 60/1 0 ; 51>a 7/1 0 ");
  EXPECT_EQ(set({{"prefix", "49"}, {"gateway", "a"}}), "there isn't a route of \"49\" to a");
  EXPECT_EQ(remove("49", "a"), "\"49\" is one of the prefixes of a: gateway set changes them");
  EXPECT_EQ(add({{"prefix", "49"}, {"gateway", "a"}, {"price", 1}}), "49>a 100/1 1 ");
  EXPECT_EQ(published(), "49>a 100/1 1 ; 50>a 60/1 0 ; 51>a 7/1 0 ");
  start();
  EXPECT_EQ(published(), "49>a 100/1 1 ; 50>a 60/1 0 ; 51>a 7/1 0 ");
  book->lead(0, own_of(0, {"49", "51"}, 9));
  EXPECT_EQ(published(), "49>a 100/1 1 ; 50>a 60/1 0 ; 51>a 9/1 0 ");
  EXPECT_EQ(remove("49", "a"), "49>a 100/1 1 ");
  EXPECT_EQ(published(), "49>a 9/1 0 ; 50>a 60/1 0 ; 51>a 9/1 0 ") << "its own again";
  const auto report = import("prefix,gateway,weight\n51,a,3\n52,b,4\n", false, {.all = true});
  EXPECT_EQ(report.added, 2u);
  EXPECT_EQ(report.removed, 0u);
  EXPECT_EQ(published(), "49>a 9/1 0 ; 50>a 60/1 0 ; 51>a 100/3 0 ; 52>b 100/4 0 ");
  EXPECT_EQ(import("prefix,gateway\n53,b\n", false, {.gateway = "a"}).faults.size(), 1u);
  EXPECT_EQ(import("prefix,gateway\n53,a\n", false, {.gateway = "a"}).removed, 1u);
  EXPECT_EQ(published(), "49>a 9/1 0 ; 50>a 60/1 0 ; 51>a 9/1 0 ; 52>b 100/4 0 ; 53>a 100/1 0 ");
}

TEST_F(RouteBookTest, OwnRoutesTakeNobodysPlace) {
  gateways.clear();
  for (std::size_t i = 0; i <= RouteTable::kRoutesMost; ++i) {
    gateways.push_back(fmt::format("g{:02}", i));
    const auto index = static_cast<GatewayIndex>(i);
    const auto one = own_of(index, {"1"});
    if (i < 2)
      own.insert(own.end(), one.begin(), one.end());
    else
      fixed.push_back({"1", index, 100});
  }
  start();
  EXPECT_EQ(routes.now()->size(), RouteTable::kRoutesMost);
  EXPECT_EQ(routes.now()->find(*PrefixKey::parse("1"), 0), nullptr);
  EXPECT_NE(routes.now()->find(*PrefixKey::parse("1"), 1), nullptr);
  // It has a place already.
  EXPECT_EQ(add({{"prefix", "1"}, {"gateway", "g01"}, {"priority", 1}}), "1>g01 1/1 0 ");
  EXPECT_EQ(add({{"prefix", "1"}, {"gateway", "g00"}}), "\"1\" has 32 routes already");
}

TEST(OwnRoutes, FaultsOfPrefixes) {
  const auto fault = [](Lines prefixes) {
    config::Gateway gateway;
    gateway.kind = config::GatewayKind::kRouting;
    gateway.prefixes = std::move(prefixes);
    const auto out = own_routes(gateway, 0);
    return out ? std::to_string(out->size()) : out.error_text();
  };
  EXPECT_EQ(fault({}), "0");
  EXPECT_EQ(fault({"every", "49", "4930", "4940-4949"}), "4");
  EXPECT_EQ(fault({"49x"}), "\"49x\" is not a prefix of 0..32 symbols of 0-9 * #");
  EXPECT_EQ(fault({"49", "50", "49"}), "\"49\" stands there twice");
  EXPECT_EQ(fault({"4930-4939", "493"}), "\"493\" stands there twice");
  EXPECT_EQ(fault({"4935-4945", "4930-4936"}), "4935-4945 overlaps 4930-4936");
  EXPECT_EQ(fault({"4930-4929"}),
            "\"4930-4929\" is not a range FIRST-LAST of digits, both of one length, upwards");
}

}  // namespace
}  // namespace tandem::routing
