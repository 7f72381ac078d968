#include "drivers/base/settings_file.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::base {
namespace {

class Settings : public ::testing::Test {
 protected:
  // Reads this text as a file; it must be TOML.
  SettingsTable root(std::string_view text) {
    path = folder.write("site.toml", text);
    auto read = SettingsFile::read(path);
    EXPECT_TRUE(read.ok());
    file.emplace(std::move(*read));
    return file->root();
  }
  const Faults& faults() { return file->faults(); }

  test::TempFolder folder;
  std::string path;
  std::optional<SettingsFile> file;
};

TEST_F(Settings, GivesValuesAndFallbacks) {
  auto table = root("name = 'x'\nnumber = 5\non = true\nlist = ['a', 'b']\none = 'c'\n");
  EXPECT_EQ(table.text("name", "y"), "x");
  EXPECT_EQ(table.text("absent", "y"), "y");
  EXPECT_EQ(table.integer("number", 1, 0, 9), 5);
  EXPECT_EQ(table.integer("absent", 1, 0, 9), 1);
  EXPECT_TRUE(table.flag("on", false));
  EXPECT_TRUE(table.flag("absent", true));
  EXPECT_EQ(table.texts("list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(table.texts("one"), std::vector<std::string>{"c"});
  EXPECT_TRUE(table.texts("absent").empty());
  table.refuse_unknown();
  EXPECT_TRUE(file->verdict().ok());
}

TEST_F(Settings, NamesFileLineTableAndKey) {
  auto table = root("# first\n\n[corridor]\nsegment = 'a'\nworkers = 99\n").table("corridor");
  EXPECT_EQ(table.integer("workers", 1, 1, 32), 1);
  ASSERT_EQ(faults().size(), 1u);
  EXPECT_EQ(faults()[0], path + ":5: [corridor] workers: 99 is outside 1..32");
  EXPECT_EQ(file->verdict().error_text(), faults()[0]);
}

TEST_F(Settings, EveryWrongTypeIsAFaultWithTheFallbackTaken) {
  auto table = root(
      "text = 1\nnumber = '1'\nreal = 1.0\nflag = 1\ntexts = [1, 'a']\nintegers = 5\n"
      "range = [1, 99]\ntables = 7\ntable = 8\n");
  EXPECT_EQ(table.text("text", "f"), "f");
  EXPECT_EQ(table.integer("number", 7, 0, 9), 7);
  EXPECT_EQ(table.integer("real", 7, 0, 9), 7);
  EXPECT_TRUE(table.flag("flag", true));
  EXPECT_EQ(table.texts("texts"), std::vector<std::string>{"a"});
  EXPECT_TRUE(table.integers("integers", 0, 9).empty());
  EXPECT_EQ(table.integers("range", 0, 9), std::vector<std::int64_t>{1});
  EXPECT_TRUE(table.tables("tables").empty());
  auto inner = table.table("table");
  EXPECT_EQ(inner.text("anything", "f"), "f");
  ASSERT_EQ(faults().size(), 9u);
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_TRUE(faults()[i].starts_with(path + ":" + std::to_string(i + 1) + ": ")) << faults()[i];
  }
}

TEST_F(Settings, AnUnknownKeyIsASpellingMistake) {
  auto table = root("knwon = 1\nknown = 2\n");
  table.integer("known", 0, 0, 9);
  table.refuse_unknown();
  ASSERT_EQ(faults().size(), 1u);
  EXPECT_EQ(faults()[0], path + ":1: knwon: is not a setting known here");
}

TEST_F(Settings, AMissingRequiredTextPointsAtItsTable) {
  auto table = root("\n\n[[gateway]]\nkind = 'mapping'\n").tables("gateway").at(0);
  EXPECT_EQ(table.required_text("name"), "");
  ASSERT_EQ(faults().size(), 1u);
  EXPECT_EQ(faults()[0], path + ":3: [gateway] name: is missing");
}

TEST_F(Settings, TheSameFaultIsSaidOnce) {
  auto table = root("a = 1\n");
  table.text("a", "");
  table.text("a", "");
  EXPECT_EQ(faults().size(), 1u);
}

TEST_F(Settings, ListsOfTablesMustHoldTablesOnly) {
  auto table = root("port = [1, 2]\nmixed = [{a = 1}, 2]\n");
  EXPECT_TRUE(table.tables("port").empty());
  EXPECT_TRUE(table.tables("mixed").empty());
  EXPECT_TRUE(table.tables("absent").empty());
  EXPECT_EQ(faults().size(), 2u);
}

TEST_F(Settings, PairsComeAsText) {
  auto table =
      root("a = 'x'\nb = 5\nc = true\nd = 0.5\ne = ['p', 2]\nf = 0xa0\ng = false\nh = [[1]]\n");
  auto pairs = table.pairs();
  std::sort(pairs.begin(), pairs.end());
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a", "x"}, {"b", "5"}, {"c", "on"}, {"d", "0.5"}, {"e", "p,2"}, {"f", "160"}, {"g", "off"}};
  EXPECT_EQ(pairs, expected);
  ASSERT_EQ(faults().size(), 1u);
  EXPECT_TRUE(faults()[0].starts_with(path + ":8: h: "));
  table.refuse_unknown();
  EXPECT_EQ(faults().size(), 1u);
}

TEST_F(Settings, WordsAreReadAsWhatTheyStandFor) {
  auto words = SettingsFile::of_words({{"a", "x,y , z"}, {"b", "5"}, {"c", "on"}, {"d", "off"}});
  auto table = words.root();
  EXPECT_EQ(table.texts("a"), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_EQ(table.text("a", ""), "x,y , z");
  EXPECT_EQ(table.integer("b", 0, 0, 9), 5);
  EXPECT_TRUE(table.flag("c", false));
  EXPECT_FALSE(table.flag("d", true));
  table.refuse_unknown();
  EXPECT_TRUE(words.verdict().ok());
  table.integer("a", 0, 0, 9);
  table.integer("b", 0, 0, 4);
  table.flag("b", false);
  EXPECT_EQ(words.verdict().error_text(),
            "a: must be a whole number\nb: 5 is outside 0..4\nb: must be on or off");
}

TEST_F(Settings, AllFaultsAreInTheVerdict) {
  auto table = root("a = 1\nb = 2\n");
  table.text("a", "");
  table.text("b", "");
  EXPECT_EQ(file->verdict().error_text(), faults()[0] + "\n" + faults()[1]);
}

TEST_F(Settings, ASyntaxErrorHasFileAndLine) {
  const auto broken = folder.write("broken.toml", "a = 1\nb = = 2\n");
  const auto read = SettingsFile::read(broken);
  ASSERT_FALSE(read.ok());
  EXPECT_TRUE(read.error_text().starts_with(broken + ":2: ")) << read.error_text();
  EXPECT_FALSE(SettingsFile::read(folder.write("twice.toml", "a = 1\na = 2\n")).ok());
  EXPECT_FALSE(SettingsFile::read(folder.write("bytes.toml", "a = '\xff\xfe'\n")).ok());
}

TEST_F(Settings, AMissingFileIsAnError) {
  const auto missing = SettingsFile::read(folder.path("missing.toml"));
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error_text().find("missing.toml"), std::string::npos);
}

}  // namespace
}  // namespace tandem::base
