#include "drivers/base/csv.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::base {
namespace {

std::vector<std::string> fields(std::string_view line) {
  std::vector<std::string> out;
  for (std::optional<std::string_view> rest = line; rest;) {
    auto field = next_csv_field(rest);
    out.push_back(field ? *field : "fault: " + field.error_text());
    if (!field) break;
  }
  return out;
}

using Fields = std::vector<std::string>;

TEST(Csv, Fields) {
  EXPECT_EQ(fields("a,b c,"), (Fields{"a", "b c", ""}));
  EXPECT_EQ(fields(""), (Fields{""}));
  EXPECT_EQ(fields("\"a,b\",\"say \"\"x\"\"\",\"\""), (Fields{"a,b", "say \"x\"", ""}));
  EXPECT_EQ(fields("a,\"b"), (Fields{"a", "fault: a quote is not closed"}));
  EXPECT_EQ(fields("\"a\"b"), (Fields{"fault: something stands behind a closing quote"}));
  EXPECT_EQ(fields("a\"b\""),
            (Fields{"fault: a field with a quote in it must be in quotes itself"}));
}

TEST(Csv, YesAndNo) {
  for (const auto* yes : {"true", "ON", "Yes", "1"}) EXPECT_EQ(parse_flag(yes), true);
  for (const auto* no : {"false", "Off", "no", "0"}) EXPECT_EQ(parse_flag(no), false);
  for (const auto* neither : {"", "2", "tru", " true"}) EXPECT_FALSE(parse_flag(neither));
}

}  // namespace
}  // namespace tandem::base
