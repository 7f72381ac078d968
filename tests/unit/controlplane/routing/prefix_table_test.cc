#include "controlplane/routing/prefix_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "drivers/base/random.h"

namespace tandem::routing {
namespace {

PrefixTable table_of(std::set<std::string> prefixes) {
  std::vector<PrefixKey> keys;
  for (const auto& prefix : prefixes) keys.push_back(*PrefixKey::parse(prefix));
  std::sort(keys.begin(), keys.end());
  return PrefixTable(std::move(keys));
}

std::string found(const PrefixTable& table, std::string_view number) {
  const auto place = table.find(PrefixKey::of_number(number));
  return place == PrefixTable::kNone ? "none" : table.key(place).text();
}

std::string prefixes(std::string_view text) {
  const auto keys = prefixes_of(text);
  if (!keys) return keys.error_text();
  std::string out;
  for (const auto& key : *keys) out += (out.empty() ? "" : " ") + key.text();
  return out;
}

TEST(PrefixKey, HoldsUpTo32Symbols) {
  const std::string most = "0123456789*#0123456789*#01234567";
  for (std::size_t length = 0; length <= most.size(); ++length) {
    const auto key = PrefixKey::parse(most.substr(0, length));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->length(), length);
    EXPECT_EQ(key->text(), most.substr(0, length));
    EXPECT_TRUE(key->begins(PrefixKey::of_number(most)));
    EXPECT_EQ(PrefixKey::of_number(most).begins(*key), length == most.size());
  }
  EXPECT_FALSE(PrefixKey::parse(most + "8"));
  EXPECT_FALSE(PrefixKey::parse("+49"));
  EXPECT_FALSE(PrefixKey::parse("49a"));
  EXPECT_EQ(PrefixKey::of_number("49a30").text(), "49");
  EXPECT_EQ(PrefixKey::of_number("alice").text(), "");
}

TEST(PrefixKey, IsInTheOrderOfItsText) {
  EXPECT_LT(*PrefixKey::parse(""), *PrefixKey::parse("#"));
  EXPECT_LT(*PrefixKey::parse("#"), *PrefixKey::parse("*"));
  EXPECT_LT(*PrefixKey::parse("*9"), *PrefixKey::parse("0"));
  EXPECT_LT(*PrefixKey::parse("0"), *PrefixKey::parse("00"));
  EXPECT_LT(*PrefixKey::parse("09"), *PrefixKey::parse("1"));
}

TEST(PrefixTable, FindsTheLongest) {
  const auto table = table_of({"49", "4930", "493012345678901234", "1", "*31"});
  EXPECT_EQ(found(table, "4930123"), "4930");
  EXPECT_EQ(found(table, "4930"), "4930");
  EXPECT_EQ(found(table, "493"), "49");
  EXPECT_EQ(found(table, "4931"), "49");
  EXPECT_EQ(found(table, "4"), "none");
  EXPECT_EQ(found(table, ""), "none");
  EXPECT_EQ(found(table, "*31"), "*31");
  EXPECT_EQ(found(table, "493012345678901234"), "493012345678901234");
  EXPECT_EQ(found(table, "493012345678901235"), "4930");
  EXPECT_EQ(found(table, "99999999999999999999999999999999999"), "none");
  EXPECT_EQ(found(PrefixTable(), "49"), "none");
  EXPECT_EQ(found(table_of({""}), "alice"), "");
  EXPECT_EQ(table.place_of(*PrefixKey::parse("4930")), table.find(*PrefixKey::parse("4930")));
  EXPECT_EQ(table.place_of(*PrefixKey::parse("493")), PrefixTable::kNone);
  EXPECT_EQ(table.place_of(PrefixKey{}), PrefixTable::kNone);
}

// Few symbols, so that many begin one another; and the parents are all that begin a number.
TEST(PrefixTable, AgreesWithALookThroughAll) {
  base::SeededRandom random(4);
  constexpr std::string_view kFew = "019*#";
  const auto text = [&](std::size_t most) {
    std::string out(random.next() % (most + 1), '0');
    for (auto& symbol : out) symbol = kFew[random.next() % (most < 8 ? 3 : kFew.size())];
    return out;
  };
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t longest = trial % 4 == 0 ? 32 : 7;
    std::set<std::string> all;
    for (std::size_t i = random.next() % 80; i > 0; --i) all.insert(text(longest));
    // Some that go on where others end.
    for (const auto& prefix : std::set(all)) all.insert((prefix + text(longest)).substr(0, 32));
    const PrefixTable table = table_of(all);
    ASSERT_EQ(table.size(), all.size());
    for (int probe = 0; probe < 200; ++probe) {
      const std::string number = probe % 2 == 0 || all.empty()
                                     ? text(longest + 2)
                                     : *std::next(all.begin(), probe % all.size()) + text(3);
      std::vector<std::string> expected;
      for (std::size_t n = std::min<std::size_t>(number.size(), 32) + 1; n-- > 0;) {
        if (all.contains(number.substr(0, n))) expected.push_back(number.substr(0, n));
      }
      std::vector<std::string> got;
      for (auto place = table.find(PrefixKey::of_number(number)); place != PrefixTable::kNone;
           place = table.parent(place)) {
        got.push_back(table.key(place).text());
      }
      ASSERT_EQ(got, expected) << number;
    }
  }
}

TEST(PrefixesOf, ARange) {
  EXPECT_EQ(prefixes("4930"), "4930");
  EXPECT_EQ(prefixes(""), "");
  EXPECT_EQ(prefixes("4930100-4930199"), "49301");
  EXPECT_EQ(prefixes("100-100"), "100");
  EXPECT_EQ(prefixes("00-99"), "");
  EXPECT_EQ(prefixes("12-31"), "12 13 14 15 16 17 18 19 2 30 31");
  EXPECT_EQ(prefixes("4930100 - 4930249"), "49301 493020 493021 493022 493023 493024");
  EXPECT_EQ(prefixes("199-200"), "199 200");
  for (const auto* bad : {"1-22", "22-11", "-1", "1-", "1-2-3", "*1-*2", "1a-1b", "-"}) {
    EXPECT_FALSE(prefixes_of(bad).ok()) << bad;
  }
  EXPECT_EQ(prefixes("+49"), "\"+49\" is not a prefix of 0..32 symbols of 0-9 * #");
  EXPECT_FALSE(prefixes_of(std::string(33, '1')).ok());
}

TEST(PrefixesOf, EveryRangeIsCoveredOnce) {
  for (int first = 0; first < 1000; first += 61) {
    for (int last = first; last < 1000; last += 53) {
      const auto text = [](int number) { return std::to_string(1000 + number).substr(1); };
      const auto keys = prefixes_of(text(first) + "-" + text(last));
      ASSERT_TRUE(keys.ok());
      for (int number = 0; number < 1000; ++number) {
        const auto count = std::count_if(keys->begin(), keys->end(), [&](const auto& key) {
          return key.begins(PrefixKey::of_number(text(number)));
        });
        ASSERT_EQ(count, number >= first && number <= last ? 1 : 0);
      }
    }
  }
}

}  // namespace
}  // namespace tandem::routing
