// Lists of numbers: what they say, and the book that keeps them.
#include "controlplane/routing/screening.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/routing/list_book.h"
#include "controlplane/routing/route_book.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::routing {
namespace {

using Kind = NumberList::Kind;
constexpr Verdict kAllow = Verdict::kAllow;
constexpr Verdict kDeny = Verdict::kDeny;

TEST(NumberList, TheLongestPrefixDecides) {
  const std::vector<ListEntry> entries = {
      {"49", kDeny}, {"4930", kAllow}, {"4930900", kDeny}, {"4400-4419", kDeny}};
  const NumberList list("l", Kind::kCallee, kAllow, entries);
  EXPECT_EQ(list.verdict("4940"), kDeny);
  EXPECT_EQ(list.verdict("4930123"), kAllow);
  EXPECT_EQ(list.verdict("49309001"), kDeny);
  EXPECT_EQ(list.verdict("4415"), kDeny);
  EXPECT_EQ(list.verdict("442"), kAllow);
  EXPECT_EQ(list.verdict(""), kAllow);
  EXPECT_EQ(list.reason("4930123"), "4930");
  EXPECT_EQ(list.reason("33"), "otherwise");
  EXPECT_EQ(NumberList("l", Kind::kCaller, kDeny, {}).verdict("anonymous"), kDeny);
  const std::vector<ListEntry> all = {{"", kDeny}};
  EXPECT_EQ(NumberList("l", Kind::kCaller, kAllow, all).verdict("anonymous"), kDeny);
}

TEST(Contradictions, AreRangesAndPrefixesOfOppositeVerdicts) {
  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  const auto found = [](std::vector<ListEntry> entries) { return contradictions(entries); };
  EXPECT_EQ(found({{"100-199", kAllow}, {"150-160", kDeny}}), (Pairs{{0, 1}}));
  EXPECT_EQ(found({{"150-160", kDeny}, {"100-155", kAllow}}), (Pairs{{0, 1}}));
  EXPECT_EQ(found({{"100-199", kAllow}, {"199-250", kDeny}}), (Pairs{{0, 1}}));
  EXPECT_EQ(found({{"100-199", kAllow}, {"1500-1600", kDeny}}), (Pairs{{0, 1}}));  // of two lengths
  EXPECT_EQ(found({{"100-199", kAllow}, {"1", kDeny}}), (Pairs{{0, 1}}));  // the same prefix
  EXPECT_EQ(found({{"100-199", kAllow}, {"200-250", kDeny}}), Pairs{});
  EXPECT_EQ(found({{"100-199", kAllow}, {"150-160", kAllow}}), Pairs{});
  EXPECT_EQ(found({{"100-199", kAllow}, {"150", kDeny}}), Pairs{});  // refines
  EXPECT_EQ(found({{"1", kAllow}, {"15", kDeny}, {"", kDeny}}), Pairs{});
  EXPECT_EQ(found({{"100-899", kAllow}, {"200-209", kAllow}, {"300-310", kDeny}}), (Pairs{{0, 2}}));
  EXPECT_EQ(found({}), Pairs{});
}

TEST(Screening, EveryListMustAllow) {
  const auto list = [](std::string name, Kind kind, Verdict otherwise,
                       std::vector<ListEntry> entries) {
    return std::pair(name, std::make_shared<const NumberList>(name, kind, otherwise, entries));
  };
  const Screening screening({list("ours", Kind::kCaller, kDeny, {{"4930", kAllow}}),
                             list("no-premium", Kind::kCallee, kAllow, {{"49900", kDeny}})});
  const auto says = [&](std::vector<std::string> lists, std::string_view caller,
                        std::string_view callee) {
    const auto outcome = screening.check(lists, caller, callee);
    if (outcome.allowed) return std::string("allowed");
    return std::string(outcome.list) + (outcome.known ? "" : " unknown");
  };
  const std::vector<std::string> both = {"ours", "no-premium"};
  EXPECT_EQ(says({}, "", ""), "allowed");
  EXPECT_EQ(says(both, "4930123", "44"), "allowed");
  EXPECT_EQ(says(both, "4930123", "499001"), "no-premium");
  EXPECT_EQ(says(both, "49900", "44"), "ours");
  EXPECT_EQ(says({"no-premium"}, "49900", "44"), "allowed");
  EXPECT_EQ(says({"no-premium", "gone"}, "4930123", "44"), "gone unknown");
}

class ListBookTest : public ::testing::Test {
 protected:
  ListBookTest() { start(); }

  void start() {
    book.reset();
    database.reset();
    database.emplace(open_store(folder.path("routes.db")).value());
    auto opened = ListBook::open(
        {.database = *database, .screenings = screenings, .user_of = [](std::string_view list) {
           return list == "used" ? "acme" : "";
         }});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    book = std::move(opened).value();
  }
  static std::string text(const base::Result<void>& done) {
    return done ? "done" : done.error_text();
  }
  // "49 allow; …" of a list.
  std::string entries(std::string_view list) {
    const auto found = book->entries(list, 1000);
    if (!found) return found.error_text();
    std::string out;
    for (const auto& [numbers, verdict] : *found) {
      out += fmt::format("{}{} {}", out.empty() ? "" : "; ", numbers, word(verdict));
    }
    return out;
  }
  Verdict verdict(std::string_view list, std::string_view digits) {
    return screenings.now()->find(list)->verdict(digits);
  }
  std::vector<std::string> import(std::string_view list, std::string_view file, bool replace,
                                  bool keep_going = false) {
    auto under_way = book->import(RowImport::Format::kCsv, keep_going, std::string(list), replace);
    if (!under_way) return {under_way.error_text()};
    EXPECT_TRUE((*under_way)->rows(file).ok());
    const auto report = (*under_way)->finish();
    if (!report) return {report.error_text()};
    std::vector<std::string> out;
    for (const auto& [line, reason] : report->faults) {
      out.push_back(fmt::format("{}: {}", line, reason));
    }
    out.push_back(fmt::format("{} added, {} changed, {} removed{}", report->added, report->changed,
                              report->removed, report->kept ? "" : ": none"));
    return out;
  }
  using Lines = std::vector<std::string>;

  test::TempFolder folder;
  Screenings screenings;
  std::optional<store::Database> database;
  std::unique_ptr<ListBook> book;
};

TEST_F(ListBookTest, AListIsThereAtOnceAndAfterARestart) {
  ASSERT_EQ(text(book->add({.name = "ours",
                            .kind = Kind::kCaller,
                            .otherwise = kDeny,
                            .entries = {{"4930", kAllow}, {"4940 - 4949", kAllow}}})),
            "done");
  ASSERT_EQ(text(book->set({.name = "ours", .entries = {{"493", kDeny}}, .removed = {"4930"}})),
            "done");
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(entries("ours"), "493 deny; 4940-4949 allow");
    EXPECT_EQ(verdict("ours", "4930"), kDeny);
    EXPECT_EQ(verdict("ours", "4945"), kAllow);
    EXPECT_EQ(verdict("ours", "1"), kDeny);
    EXPECT_EQ(screenings.now()->find("ours")->kind(), Kind::kCaller);
    start();
  }
  ASSERT_EQ(text(book->set({.name = "ours", .otherwise = kAllow})), "done");
  EXPECT_EQ(verdict("ours", "1"), kAllow);
  ASSERT_EQ(text(book->remove("ours")), "done");
  EXPECT_EQ(screenings.now()->find("ours"), nullptr);
  start();
  EXPECT_EQ(screenings.now()->lists().size(), 0u);
  EXPECT_EQ(text(book->add({.name = "ours", .kind = Kind::kCallee})), "done");
  EXPECT_EQ(entries("ours"), "");  // nothing is left of the former one
}

TEST_F(ListBookTest, WhatCanNotBeDoneIsRefused) {
  ASSERT_TRUE(book->add({.name = "used", .kind = Kind::kCallee, .entries = {{"1", kDeny}}}).ok());
  EXPECT_EQ(text(book->add({.name = "used", .kind = Kind::kCallee})),
            "there is a list \"used\" already");
  EXPECT_EQ(text(book->add({.name = "a b", .kind = Kind::kCallee})),
            "a list's name is 1..64 letters, digits and - _ .");
  EXPECT_EQ(text(book->add({.name = "x"})),
            "a list looks at callers or callees: its kind is missing");
  EXPECT_EQ(text(book->set({.name = "x"})), "there is no list \"x\"");
  EXPECT_EQ(text(book->set({.name = "used", .kind = Kind::kCaller})),
            "a list's kind can't be changed: make another list");
  EXPECT_EQ(text(book->set({.name = "used", .entries = {{"1x", kDeny}}})),
            "\"1x\" is not a prefix of 0..32 symbols of 0-9 * #");
  EXPECT_EQ(text(book->set({.name = "used", .entries = {{"2", kDeny}, {"2", kAllow}}})),
            "\"2\" is both allowed and denied");
  EXPECT_EQ(text(book->set({.name = "used", .entries = {{"10-19", kAllow}}})),
            "\"1\" (deny) and \"10-19\" (allow) contradict each other");
  EXPECT_EQ(text(book->set({.name = "used", .removed = {"2"}})), "\"2\" isn't in the list");
  EXPECT_EQ(text(book->remove("used")), "list \"used\" is used by gateway acme");
  EXPECT_EQ(text(book->remove("x")), "there is no list \"x\"");
  EXPECT_EQ(entries("used"), "1 deny");
  EXPECT_EQ(entries("x"), "there is no list \"x\"");
}

TEST_F(ListBookTest, ImportsAddChangeAndReplace) {
  ASSERT_TRUE(book->add({.name = "l",
                         .kind = Kind::kCallee,
                         .entries = {{"1", kDeny}, {"2", kDeny}, {"300-309", kDeny}}})
                  .ok());
  EXPECT_EQ(import("l", "numbers,verdict\n1,allow\n4,deny\n", false),
            Lines{"1 added, 1 changed, 0 removed"});
  EXPECT_EQ(entries("l"), "1 allow; 2 deny; 300-309 deny; 4 deny");
  const Lines faults = {"3: \"305-310\" contradicts \"300-309\" of the list",
                        "5: \"55-59\" contradicts line 4",
                        "6: \"5x\" is not a prefix of 0..32 symbols of 0-9 * #",
                        "7: verdict must be allow or deny", "8: \"6\" was in line 2 already"};
  const std::string_view file =
      "numbers,verdict\n6,deny\n305-310,allow\n50-56,deny\n55-59,allow\n5x,deny\n7,maybe\n6,deny\n";
  Lines expected = faults;
  expected.emplace_back("0 added, 0 changed, 0 removed: none");
  EXPECT_EQ(import("l", file, false), expected);
  expected.back() = "2 added, 0 changed, 0 removed";
  EXPECT_EQ(import("l", file, false, true), expected);
  EXPECT_EQ(entries("l"), "1 allow; 2 deny; 300-309 deny; 4 deny; 50-56 deny; 6 deny");
  EXPECT_EQ(import("l", "numbers,verdict\n305-310,allow\n2,deny\n", true),
            Lines{"2 added, 0 changed, 6 removed"});
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(entries("l"), "2 deny; 305-310 allow");
    start();
  }
  EXPECT_EQ(import("x", "", false), Lines{"there is no list \"x\""});
}

}  // namespace
}  // namespace tandem::routing
