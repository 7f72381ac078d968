#include "drivers/base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace tandem::base {
namespace {

TEST(Text, ComparesAsciiWithoutCaseAndNothingElse) {
  EXPECT_TRUE(iequals("Call-ID", "cALL-id"));
  EXPECT_FALSE(iequals("Call-ID", "Call-I"));
  EXPECT_TRUE(iequals("", ""));
  // '[' is not a lower-case '{', and letters beyond ASCII have no case here.
  EXPECT_FALSE(iequals("[", "{"));
  EXPECT_FALSE(iequals("@", "`"));
  EXPECT_FALSE(iequals("\xC4", "\xE4"));
}

TEST(Text, StartsWithWithoutCase) {
  EXPECT_TRUE(istarts_with("RTP/SAVP", "rtp/"));
  EXPECT_TRUE(istarts_with("x", ""));
  EXPECT_FALSE(istarts_with("RT", "RTP"));
  EXPECT_FALSE(istarts_with("", "a"));
}

TEST(Text, TrimsSpacesAndLineEnds) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \t\r\n "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("a"), "a");
}

TEST(Text, NumbersAreAllDigitsAndWithinTheLimit) {
  EXPECT_EQ(parse_uint("0", 0), 0u);
  EXPECT_EQ(parse_uint("0065535", 65535), 65535u);
  EXPECT_EQ(parse_uint("18446744073709551615", UINT64_MAX), UINT64_MAX);
  for (const auto* wrong : {"", " 1", "1 ", "+1", "-1", "1.0", "0x10", "1a", "65536"}) {
    EXPECT_FALSE(parse_uint(wrong, 65535)) << wrong;
  }
  EXPECT_FALSE(parse_uint("18446744073709551616", UINT64_MAX));
  EXPECT_FALSE(parse_uint("99999999999999999999999999", UINT64_MAX));
  EXPECT_FALSE(parse_uint(std::string_view("1\0", 2), 65535));
  EXPECT_FALSE(parse_uint(std::string_view{}, 65535));
}

TEST(Text, SplitsAtTheFirstSeparator) {
  std::string_view rest = "a,b,,c";
  EXPECT_EQ(split_first(rest, ','), "a");
  EXPECT_EQ(split_first(rest, ','), "b");
  EXPECT_EQ(split_first(rest, ','), "");
  EXPECT_EQ(split_first(rest, ','), "c");
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(split_first(rest, ','), "");
}

TEST(TextWriter, WritesUpToTheLastByte) {
  std::array<char, 8> buffer;
  TextWriter writer(buffer);
  writer << "abc" << ':' << std::uint64_t{1234};
  EXPECT_EQ(writer.view(), "abc:1234");
  EXPECT_FALSE(writer.overflowed());
  writer << "";
  EXPECT_FALSE(writer.overflowed());
  writer << 'x';
  EXPECT_TRUE(writer.overflowed());
  EXPECT_EQ(writer.view(), "abc:1234");
}

TEST(TextWriter, NothingFollowsWhatDidNotFit) {
  std::array<char, 4> buffer;
  TextWriter writer(buffer);
  writer << "ab"
         << "cde";
  EXPECT_TRUE(writer.overflowed());
  writer << 'f';  // would fit, but a text with a hole is worse than none
  EXPECT_EQ(writer.view(), "ab");
  EXPECT_EQ(writer.size(), 2u);
}

TEST(TextWriter, LargestNumberAndEmptyBuffer) {
  std::array<char, 20> buffer;
  TextWriter writer(buffer);
  writer << UINT64_MAX;
  EXPECT_EQ(writer.view(), "18446744073709551615");
  TextWriter none({});
  none << std::string_view{};
  EXPECT_FALSE(none.overflowed());
  none << 'a';
  EXPECT_TRUE(none.overflowed());
}

}  // namespace
}  // namespace tandem::base
