#include "controlplane/sdp/crypto.h"

#include <gtest/gtest.h>

#include "controlplane/sdp/sdp.h"
#include "drivers/base/base64.h"

namespace tandem::sdp {
namespace {

using crypto::SrtpSuite;
using enum Security::Protocol;

// RFC 4568 §9.1's own key.
constexpr const char* kKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

std::string why_not(const std::string& value) {
  std::string why;
  EXPECT_FALSE(read_crypto(value, why)) << value;
  return why;
}

TEST(Crypto, ReadsTheStandardsExample) {
  std::string why;
  const auto line =
      read_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kKey) + "|2^20", why);
  ASSERT_TRUE(line) << why;
  EXPECT_EQ(line->tag, 1u);
  EXPECT_EQ(line->suite, SrtpSuite::kAesCm128HmacSha1_80);
  EXPECT_EQ(line->key_and_salt, base::from_base64(kKey));
}

TEST(Crypto, EverySuiteIsWrittenAsItIsRead) {
  for (std::size_t i = 1; i < crypto::kSrtpSuites.size(); ++i) {
    const auto& facts = crypto::kSrtpSuites[i];
    Crypto in{.tag = 7, .suite = facts.suite, .key_and_salt = {}};
    in.key_and_salt.assign(facts.key + facts.salt, static_cast<std::uint8_t>(i));
    std::string why;
    const auto out = read_crypto(write_crypto(in), why);
    ASSERT_TRUE(out) << why;
    EXPECT_EQ(out->tag, in.tag);
    EXPECT_EQ(out->suite, in.suite);
    EXPECT_EQ(out->key_and_salt, in.key_and_salt);
  }
}

TEST(Crypto, LifetimesAndWindowsAreTaken) {
  const std::string start = "2 AES_CM_128_HMAC_SHA1_32 inline:" + std::string(kKey);
  std::string why;
  for (const char* rest :
       {"", "|2^1", "|2^48", "|1048576", "|2^31 KDR=0", " WSH=128", "  WSH=64 KDR=0 "}) {
    EXPECT_TRUE(read_crypto(start + rest, why)) << rest << ": " << why;
  }
}

// Passed over with a reason, and nothing of the key in it.
TEST(Crypto, WhatWeDontSpeakIsPassedOver) {
  const std::string suite = "AES_CM_128_HMAC_SHA1_80 ";
  const std::string inlined = "inline:" + std::string(kKey);
  EXPECT_EQ(why_not(""), "no tag");
  EXPECT_EQ(why_not("x " + suite + inlined), "no tag");
  EXPECT_EQ(why_not("1234567890 " + suite + inlined), "no tag");
  EXPECT_EQ(why_not("1 F8_128_HMAC_SHA1_80 " + inlined), "another crypto-suite");
  EXPECT_EQ(why_not("1 aes_cm_128_hmac_sha1_80 " + inlined), "another crypto-suite");
  EXPECT_EQ(why_not("1 " + suite), "the key isn't inline");
  EXPECT_EQ(why_not("1 " + suite + "uri:https://keys.example"), "the key isn't inline");
  EXPECT_EQ(why_not("1 " + suite + "inline:AAAA"), "the key isn't 30 octets in base64");
  EXPECT_EQ(why_not("1 " + suite + inlined + "AAAA"), "the key isn't 30 octets in base64");
  EXPECT_EQ(why_not("1 AEAD_AES_128_GCM " + inlined), "the key isn't 28 octets in base64");
  EXPECT_EQ(why_not("1 " + suite + inlined + "|1:4"), "an MKI");
  EXPECT_EQ(why_not("1 " + suite + inlined + "|2^20|1:4"), "an MKI");
  EXPECT_EQ(why_not("1 " + suite + inlined + "|2^0"), "a lifetime that is none");
  EXPECT_EQ(why_not("1 " + suite + inlined + "|2^49"), "a lifetime that is none");
  EXPECT_EQ(why_not("1 " + suite + inlined + "|soon"), "a lifetime that is none");
  EXPECT_EQ(why_not("1 " + suite + inlined + ";" + inlined), "several keys");
  EXPECT_EQ(why_not("1 " + suite + inlined + " KDR=1"), "the parameter KDR=1");
  for (const char* parameter : {"UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP",
                                "FEC_ORDER=FEC_SRTP", "FEC_KEY=inline:x", "-NEW"}) {
    EXPECT_EQ(why_not("1 " + suite + inlined + " " + parameter),
              std::string("the parameter ") + parameter);
  }
}

constexpr const char* kSecureOffer =
    "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "a=fingerprint:sha-256 AA\r\n"
    "m=audio 7000 RTP/SAVP 0\r\na=crypto:1 x y\r\na=crypto:2 z "
    "w\r\na=setup:actpass\r\na=sendrecv\r\n"
    "m=video 7002 RTP/SAVPF 96\r\na=crypto:1 v w";

std::vector<LocalMedia> ours(std::optional<Security> audio, std::optional<Security> video) {
  const auto address = base::IpAddress::ip4(203, 0, 113, 9);
  return {{{address, 20000}, std::move(audio)}, {{address, 20002}, std::move(video)}};
}

TEST(Crypto, ADescriptionsLinesAreFoundAndReplaced) {
  const auto description = parse(kSecureOffer).value();
  ASSERT_EQ(description.media.size(), 2u);
  EXPECT_TRUE(description.media[0].secure());
  EXPECT_EQ(description.media[0].crypto, (std::vector<std::string_view>{"1 x y", "2 z w"}));
  EXPECT_EQ(rewrite(description, ours(Security{kSavp, false, {"crypto:5 OURS inline:k"}},
                                      Security{kAvp, true, {}})),
            "v=0\r\no=a 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
            "m=audio 20000 RTP/SAVP 0\r\na=sendrecv\r\na=crypto:5 OURS inline:k\r\n"
            "m=video 20002 RTP/AVPF 96\r\n");
}

TEST(Crypto, NobodyProtectedByUsKeepsItsLines) {
  const auto description = parse(kSecureOffer).value();
  const auto out = rewrite(description, ours({}, {}));
  EXPECT_NE(out.find("a=fingerprint:sha-256 AA\r\n"), std::string::npos);
  EXPECT_NE(out.find("RTP/SAVP 0\r\na=crypto:1 x y\r\na=crypto:2 z w\r\na=setup:actpass\r\n"),
            std::string::npos);
  EXPECT_TRUE(out.ends_with("RTP/SAVPF 96\r\na=crypto:1 v w"));
}

TEST(Crypto, LinesGoBehindAnUnfinishedLastOne) {
  const auto description =
      parse("v=0\no=a 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 7000 RTP/AVP 0").value();
  EXPECT_EQ(
      rewrite(description,
              ours(Security{kAvp, false, {"crypto:1 A inline:b", "crypto:2 C inline:d"}}, {})),
      "v=0\no=a 1 1 IN IP4 203.0.113.9\nc=IN IP4 203.0.113.9\nm=audio 20000 RTP/AVP 0\n"
      "a=crypto:1 A inline:b\na=crypto:2 C inline:d\n");
}

}  // namespace
}  // namespace tandem::sdp
