#include "drivers/base/base64.h"

#include <gtest/gtest.h>

#include "drivers/base/random.h"

namespace tandem::base {
namespace {

std::vector<std::uint8_t> octets(std::string_view text) { return {text.begin(), text.end()}; }

// RFC 4648 §10.
TEST(Base64, TheStandardsExamples) {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, coded] : rows) {
    EXPECT_EQ(to_base64(octets(plain)), coded);
    EXPECT_EQ(from_base64(coded), octets(plain));
  }
}

TEST(Base64, AnyOctetsComeBack) {
  SeededRandom random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<std::uint8_t> in(size);
    for (auto& octet : in) octet = static_cast<std::uint8_t>(random.next());
    ASSERT_EQ(from_base64(to_base64(in)), in);
  }
}

TEST(Base64, WhatNoEncoderMakesIsNone) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Z===", "====", "Zm9v!mFy", "Zm 9", "Zh==", "Zm9=", "Zg==Zg==", "-_-_"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

}  // namespace
}  // namespace tandem::base
