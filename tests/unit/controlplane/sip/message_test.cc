#include "controlplane/sip/message.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

std::vector<std::string_view> values_of(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) out.push_back(next_value(list));
  return out;
}

using Values = std::vector<std::string_view>;

TEST(Headers, EveryNameFindsItsId) {
  for (int i = 1; i < static_cast<int>(HeaderId::kCount); ++i) {
    const auto id = static_cast<HeaderId>(i);
    const std::string name(header_name(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(header_id(name), id) << name;
    EXPECT_EQ(header_start(id), name + ": ");
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(header_id(upper), id) << upper;
    EXPECT_EQ(header_id(name + "x"), HeaderId::kOther);
  }
  EXPECT_EQ(header_id(""), HeaderId::kOther);
  EXPECT_EQ(header_id("q"), HeaderId::kOther);
  EXPECT_EQ(header_id("\xff"), HeaderId::kOther);
  EXPECT_EQ(header_name(HeaderId::kOther), "");
  EXPECT_EQ(header_name(HeaderId::kCount), "");
}

TEST(Headers, CompactForms) {
  EXPECT_EQ(header_id("v"), HeaderId::kVia);
  EXPECT_EQ(header_id("V"), HeaderId::kVia);
  EXPECT_EQ(header_id("i"), HeaderId::kCallId);
  EXPECT_EQ(header_id("L"), HeaderId::kContentLength);
  EXPECT_EQ(header_id("x"), HeaderId::kSessionExpires);
}

TEST(Methods, BothWays) {
  for (int i = 1; i <= static_cast<int>(Method::kPublish); ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT_EQ(method_of(method_name(method)), method);
  }
  EXPECT_EQ(method_of("invite"), Method::kOther);  // §7.1
  EXPECT_EQ(method_of(""), Method::kOther);
}

TEST(Values, CommasPartOutsideQuotesAndBrackets) {
  EXPECT_EQ(values_of("a, b ,c"), (Values{"a", "b", "c"}));
  EXPECT_EQ(values_of("\"x, y\" <sip:a@b,c>, <sip:d>"),
            (Values{"\"x, y\" <sip:a@b,c>", "<sip:d>"}));
  EXPECT_EQ(values_of("\"a\\\", b\" <c>,d"), (Values{"\"a\\\", b\" <c>", "d"}));
  EXPECT_EQ(values_of("a,,b"), (Values{"a", "", "b"}));
  EXPECT_EQ(values_of("\"never, closed"), (Values{"\"never, closed"}));
  EXPECT_EQ(values_of("\"ends in\\"), (Values{"\"ends in\\"}));
  EXPECT_EQ(values_of("<never, closed"), (Values{"<never, closed"}));
}

TEST(Values, AllLinesOfAHeader) {
  const Parsed p(invite_with("Supported: 100rel , timer\r\nAllow: INVITE\r\nk: replaces;x=1"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  Values found;
  each_value(p.message, HeaderId::kSupported, [&](std::string_view v) { found.push_back(v); });
  EXPECT_EQ(found, (Values{"100rel", "timer", "replaces;x=1"}));
  EXPECT_EQ(p.message.count(HeaderId::kSupported), 2u);
  EXPECT_TRUE(lists_token(p.message, HeaderId::kSupported, "TIMER"));
  EXPECT_TRUE(lists_token(p.message, HeaderId::kSupported, "replaces"));
  EXPECT_FALSE(lists_token(p.message, HeaderId::kSupported, "time"));
  EXPECT_FALSE(lists_token(p.message, HeaderId::kRequire, "timer"));
  EXPECT_EQ(p.message.find(HeaderId::kRequire), nullptr);
  EXPECT_EQ(p.message.value(HeaderId::kRequire), "");
  EXPECT_EQ(p.message.value(HeaderId::kAllow), "INVITE");
}

}  // namespace
}  // namespace tandem::sip
