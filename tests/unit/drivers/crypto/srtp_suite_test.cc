#include "drivers/crypto/srtp_suite.h"

#include <gtest/gtest.h>

#include "drivers/crypto/srtp_verdict.h"

namespace tandem::crypto {
namespace {

TEST(SrtpSuite, EveryNameLeadsToItsSuiteAndBack) {
  for (const SrtpSuiteFacts& facts : kSrtpSuites) {
    EXPECT_EQ(&facts_of(facts.suite), &facts);
    if (facts.suite == SrtpSuite::kNone) continue;
    EXPECT_EQ(srtp_suite_named(facts.name), facts.suite);
  }
}

TEST(SrtpSuite, OtherNamesAreNone) {
  EXPECT_FALSE(srtp_suite_named(""));
  EXPECT_FALSE(srtp_suite_named("F8_128_HMAC_SHA1_80"));
  EXPECT_FALSE(srtp_suite_named("aes_cm_128_hmac_sha1_80"));
  EXPECT_FALSE(srtp_suite_named("AES_CM_128_HMAC_SHA1_80 "));
}

TEST(SrtpSuite, LengthsAreThoseOfTheRfcs) {
  const SrtpSuiteFacts& cm32 = facts_of(SrtpSuite::kAesCm128HmacSha1_32);
  EXPECT_EQ(cm32.key, 16);
  EXPECT_EQ(cm32.salt, 14);
  EXPECT_EQ(cm32.rtp_tag, 4);
  EXPECT_EQ(cm32.rtcp_tag, 10);  // RFC 4568 §6.2.2
  const SrtpSuiteFacts& cm256 = facts_of(SrtpSuite::kAesCm256HmacSha1_80);
  EXPECT_EQ(cm256.key, 32);
  EXPECT_EQ(cm256.rtp_tag, 10);
  const SrtpSuiteFacts& gcm = facts_of(SrtpSuite::kAeadAes256Gcm);
  EXPECT_EQ(gcm.key, 32);
  EXPECT_EQ(gcm.salt, 12);
  EXPECT_EQ(gcm.rtp_tag, 16);
  for (const SrtpSuiteFacts& facts : kSrtpSuites) {
    EXPECT_LE(facts.rtcp_tag + kSrtcpIndexSize, kSrtpGrowthMax);
  }
}

TEST(SrtpVerdict, EachHasAName) {
  EXPECT_EQ(name_of(SrtpVerdict::kOk), "ok");
  EXPECT_EQ(name_of(SrtpVerdict::kBadTag), "bad_tag");
  EXPECT_EQ(name_of(SrtpVerdict::kTooManySsrcs), "too_many_ssrcs");
  EXPECT_EQ(name_of(SrtpVerdict::kKeyEnded), "key_ended");
}

}  // namespace
}  // namespace tandem::crypto
