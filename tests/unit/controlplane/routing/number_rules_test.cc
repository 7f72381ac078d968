#include "controlplane/routing/number_rules.h"

#include <gtest/gtest.h>

#include "drivers/base/random.h"

namespace tandem::routing {
namespace {

// What becomes of a number: "=" it stays, "!" it is refused, "too long".
std::string applied(std::string_view plan, std::string_view number) {
  const auto rules = NumberRules::parse(plan);
  if (!rules) return rules.error_text();
  NumberText out;
  switch (rules->apply(number, out)) {
    case NumberRules::Outcome::kKept:
      return "=";
    case NumberRules::Outcome::kChanged:
      return std::string(out.view());
    case NumberRules::Outcome::kRefused:
      return "!";
    case NumberRules::Outcome::kTooLong:
      return "too long";
  }
  return "?";
}

TEST(NumberRules, RewriteTheBeginning) {
  struct Case {
    const char* plan;
    const char* number;
    const char* becomes;
  };
  for (const auto& [plan, number, becomes] : {
           Case{"", "4930", "="},
           {"  ", "4930", "="},
           {":00", "4930", "004930"},
           {":00", "", "00"},
           {"00:", "004930", "4930"},
           {"00:", "00", ""},
           {"00:", "04930", "="},
           {"00:+", "004930", "+4930"},
           {"+:00", "+4930", "004930"},
           {"0|[1-9]:49", "0301234", "49301234"},
           {"0|[1-9]:49", "00301234", "="},
           {"0|[1-9]:49", "0", "="},
           {"0|:49", "0", "49"},
           {"|0:49", "0301", "490301"},
           {"[135]?:9", "1234", "934"},
           {"[135]?:9", "2234", "="},
           {"[135]?:9", "1a34", "="},
           {"[^0]:", "1234", "234"},
           {"[^0]:", "0234", "="},
           {"[^0]:", "a234", "="},
           {"[^0-8*]:", "9234", "234"},
           {"[a-f]:1", "c2", "12"},
           {"[a-f]:1", "C2", "="},
           {"110$:49110", "110", "49110"},
           {"110$:49110", "1101", "="},
           {"1|10$:49", "110", "4910"},
           {"*31#:", "*31#4930", "4930"},
           {"tech:", "tech4930", "4930"},
           {"|[2-9]??????$:1212", "5551234", "12125551234"},
           {"{10}:1", "2125551234", "12125551234"},
           {"{10}:1", "212555123", "="},
           {"{8-9}0:49", "03012345", "493012345"},
           {"{8-9}0:49", "0301234", "="},
           {"{8-9}0:49", "0301234567", "="},
           {"{0-3}:!", "112", "!"},
           {"{0-3}:!", "1124", "="},
           {"0900:!, 00:, 0:49", "0900123", "!"},
           {"0900:!, 00:, 0:49", "0044", "44"},
           {"0900:!, 00:, 0:49", "030", "4930"},
           {"0900:!, 00:, 0:49", "30", "="},
       }) {
    EXPECT_EQ(applied(plan, number), becomes) << plan << " on " << number;
  }
}

TEST(NumberRules, TheFirstThatFitsIsTheOnlyOne) {
  EXPECT_EQ(applied("1:2,2:3", "14"), "24");
  EXPECT_EQ(applied("2:3,1:2", "14"), "24");
  EXPECT_EQ(applied("1|4:1,1:2", "14"), "14");  // changed to what it was
}

TEST(NumberRules, NothingGrowsBeyondItsRoom) {
  const std::string most(NumberText::kMost, '1');
  EXPECT_EQ(applied("1:2", most), "2" + most.substr(1));
  EXPECT_EQ(applied(":2", most), "too long");
  EXPECT_EQ(applied(":2", most.substr(1)), "2" + most.substr(1));
  EXPECT_EQ(applied(":2", std::string(10'000, '1')), "too long");
  EXPECT_EQ(applied("2:", std::string(10'000, '1')), "=");
}

TEST(NumberRules, RewritesWhatItHasWritten) {
  const auto rules = NumberRules::parse("0:49,49:0044");
  ASSERT_TRUE(rules.ok());
  NumberText number;
  ASSERT_EQ(rules->apply("0301", number), NumberRules::Outcome::kChanged);
  ASSERT_EQ(rules->apply(number.view(), number), NumberRules::Outcome::kChanged);
  EXPECT_EQ(number.view(), "0044301");
  ASSERT_EQ(rules->apply(number.view(), number), NumberRules::Outcome::kChanged);
  EXPECT_EQ(number.view(), "49044301");
}

TEST(NumberRules, ANumberAsAValue) {
  const auto rules = NumberRules::parse("49:0049, 0900:!, 7:7777777").value();
  EXPECT_EQ(rules.rewritten("4930"), "004930");
  EXPECT_EQ(rules.rewritten("33"), "33");
  EXPECT_EQ(rules.rewritten("09001"), std::nullopt);
  EXPECT_EQ(rules.rewritten("7" + std::string(60, '0')), std::nullopt);
}

TEST(NumberRules, FaultsNameRuleAndPlace) {
  struct Case {
    const char* plan;
    const char* fault;
  };
  for (const auto& [plan, fault] : {
           Case{"00:,", "rule 2 is empty"},
           {",00:", "rule 1 is empty"},
           {"00:,0", "rule 2 \"0\": place 2: a rule is PATTERN:REPLACEMENT, and there is no \":\""},
           {"0-9:1", "rule 1 \"0-9:1\": place 2: \"-\" means nothing in a pattern"},
           {"0|1|2:", "rule 1 \"0|1|2:\": place 5: there is a second \"|\""},
           {"0$1:", "rule 1 \"0$1:\": place 3: \"$\" is the end of a pattern"},
           {"0[12:", "rule 1 \"0[12:\": place 2: the \"[\" is not closed"},
           {"[]:", "rule 1 \"[]:\": place 2: nothing stands between \"[\" and \"]\""},
           {"[^]:", "rule 1 \"[^]:\": place 3: nothing stands between \"[\" and \"]\""},
           {"[9-2]:", "rule 1 \"[9-2]:\": place 2: a range goes upwards between digits or letters"},
           {"[2-]:", "rule 1 \"[2-]:\": place 2: a range goes upwards between digits or letters"},
           {"[2-a]:", "rule 1 \"[2-a]:\": place 2: a range goes upwards between digits or letters"},
           {"[-9]:", "rule 1 \"[-9]:\": place 2: \"-\" means nothing between \"[\" and \"]\""},
           {"00:4 9", "rule 1 \"00:4 9\": place 5: \" \" means nothing in a replacement"},
           {"00:4?", "rule 1 \"00:4?\": place 5: \"?\" means nothing in a replacement"},
           {"00:!1", "rule 1 \"00:!1\": place 5: \"!\" stands alone: it refuses the number"},
           {"{8:", "rule 1 \"{8:\": place 1: the \"{\" is not closed"},
           {"{}0:", "rule 1 \"{}0:\": place 1: a length is {N} or {N-M}, of at most 64"},
           {"{9-8}0:", "rule 1 \"{9-8}0:\": place 1: a length is {N} or {N-M}, of at most 64"},
           {"{65}:", "rule 1 \"{65}:\": place 1: a length is {N} or {N-M}, of at most 64"},
           {"0{8}:", "rule 1 \"0{8}:\": place 2: \"{\" means nothing in a pattern"},
       }) {
    EXPECT_EQ(applied(plan, "1"), fault);
  }
  const std::string long_pattern(NumberRules::kPatternMost + 1, '1');
  EXPECT_FALSE(NumberRules::parse(long_pattern + ":").ok());
  EXPECT_TRUE(NumberRules::parse(long_pattern.substr(1) + ":").ok());
  EXPECT_FALSE(NumberRules::parse(":" + long_pattern).ok());
  std::string many = "0:";
  for (std::size_t i = 1; i < NumberRules::kRulesMost; ++i) many += ",1:2";
  EXPECT_TRUE(NumberRules::parse(many).ok());
  EXPECT_FALSE(NumberRules::parse(many + ",1:2").ok());
}

// Whatever is written, and whatever is dialled: a plan or a reason, and never more than there is
// room for. A refused or kept number leaves what was there.
TEST(NumberRules, AnyTextIsAPlanOrAFault) {
  base::SeededRandom random(11);
  const auto text = [&](std::string_view of, std::size_t most) {
    std::string out(random.next() % (most + 1), '0');
    for (char& c : out) c = of[random.next() % of.size()];
    return out;
  };
  int plans = 0;
  int changes = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    std::string plan = text("019?*#+az[]^-|$:!{},", 12);
    if (trial % 2 == 0) plan = text("0?[19]|", 3) + ":" + text("019+", 40);
    const auto rules = NumberRules::parse(plan);
    if (!rules) {
      ASSERT_FALSE(rules.error_text().empty());
      continue;
    }
    ++plans;
    const std::string number = text("019*a\xff", trial % 10 == 0 ? 80 : 8);
    NumberText out;
    const auto outcome = rules->apply(number, out);
    ASSERT_LE(out.view().size(), NumberText::kMost);
    if (outcome == NumberRules::Outcome::kChanged)
      ++changes;
    else
      ASSERT_TRUE(out.view().empty());
  }
  EXPECT_GT(plans, 1000);
  EXPECT_GT(changes, 500);
}

}  // namespace
}  // namespace tandem::routing
