#include "drivers/base/packed_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tandem::base {
namespace {

TEST(PackedText, IsTheTextItWasMadeOf) {
  EXPECT_EQ(PackedText("sip:a@example"), "sip:a@example");
  EXPECT_EQ(PackedText(std::string(70'000, 'x')), std::string(70'000, 'x'));
  EXPECT_EQ(PackedText(std::string_view("a\0b", 3)).size(), 3u);
  EXPECT_NE(PackedText("a"), "ab");
}

TEST(PackedText, IsEmptyAtFirst) {
  const PackedText text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.size(), 0u);
  EXPECT_EQ(text, "");
  EXPECT_TRUE(PackedText("").empty());
}

TEST(PackedText, TakesOthersPlace) {
  PackedText text("one");
  text = std::string("another");
  EXPECT_EQ(text, "another");
  text = "";
  EXPECT_TRUE(text.empty());
}

// A copy has a block of its own; what was moved has the former one.
TEST(PackedText, IsCopiedAndMoved) {
  PackedText text("one");
  PackedText copy = text;
  text = "two";
  EXPECT_EQ(copy, "one");
  copy = text;
  const PackedText& same = copy;
  copy = same;
  EXPECT_EQ(copy, "two");
  const char* at = std::string_view(text).data();
  const PackedText moved = std::move(text);
  EXPECT_EQ(moved, "two");
  EXPECT_EQ(std::string_view(moved).data(), at);
}

// Views of itself, too.
TEST(PackedText, TakesAPartOfItself) {
  PackedText text("sip:a@example");
  text = std::string_view(text).substr(4, 1);
  EXPECT_EQ(text, "a");
}

}  // namespace
}  // namespace tandem::base
