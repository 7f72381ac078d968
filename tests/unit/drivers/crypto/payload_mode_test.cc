#include "drivers/crypto/payload_mode.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::crypto {
namespace {

struct Rule {
  PayloadMode mode;
  std::size_t size;
  bool accepted;
  const char* reason;  // a part of it; "": none
};

TEST(PayloadMode, KeysAreTakenBySize) {
  constexpr Rule kRules[] = {
      {PayloadMode::kNone, 0, true, ""},         {PayloadMode::kNone, 300, true, ""},
      {PayloadMode::kXor, 0, false, "1 to 256"}, {PayloadMode::kXor, 1, true, ""},
      {PayloadMode::kXor, 256, true, ""},        {PayloadMode::kXor, 257, false, "at most 256"},
      {PayloadMode::kRc4, 0, false, "needs"},    {PayloadMode::kRc4, 1, true, "easily guessed"},
      {PayloadMode::kRc4, 15, true, "guessed"},  {PayloadMode::kRc4, 16, true, ""},
      {PayloadMode::kRc4, 256, true, ""},        {PayloadMode::kRc4, 257, false, "at most 256"},
      {PayloadMode::kAes128, 0, false, "16"},    {PayloadMode::kAes128, 15, false, "exactly 16"},
      {PayloadMode::kAes128, 16, true, ""},      {PayloadMode::kAes128, 17, false, "exactly 16"},
  };
  for (const Rule& rule : kRules) {
    const auto verdict = check_payload_key(rule.mode, std::string(rule.size, 'k'));
    EXPECT_EQ(verdict.accepted, rule.accepted) << name_of(rule.mode) << " " << rule.size;
    EXPECT_EQ(verdict.reason.empty(), *rule.reason == '\0') << verdict.reason;
    EXPECT_NE(verdict.reason.find(rule.reason), std::string_view::npos) << verdict.reason;
  }
}

TEST(PayloadMode, NumbersAreThoseOfTheParameter) {
  EXPECT_EQ(payload_mode_of(0), PayloadMode::kNone);
  EXPECT_EQ(payload_mode_of(1), PayloadMode::kXor);
  EXPECT_EQ(payload_mode_of(2), PayloadMode::kRc4);
  EXPECT_EQ(payload_mode_of(3), PayloadMode::kAes128);
  EXPECT_FALSE(payload_mode_of(4));
}

TEST(PayloadMode, WhatOnlyHidesSaysSo) {
  EXPECT_NE(name_of(PayloadMode::kXor).find("obfuscation"), std::string_view::npos);
  EXPECT_NE(name_of(PayloadMode::kRc4).find("obfuscation"), std::string_view::npos);
  EXPECT_EQ(name_of(PayloadMode::kAes128), "aes128");
}

}  // namespace
}  // namespace tandem::crypto
