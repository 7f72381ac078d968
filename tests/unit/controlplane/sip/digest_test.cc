// Challenges and their answers: right, wrong, old, repeated, forged.
#include "controlplane/sip/digest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

using base::Seconds;

std::string param(const std::string& challenge, const std::string& name) {
  const auto at = challenge.find(name + "=");
  if (at == std::string::npos) return {};
  auto begin = at + name.size() + 1;
  const bool quoted = challenge[begin] == '"';
  begin += quoted ? 1 : 0;
  return challenge.substr(begin, challenge.find(quoted ? '"' : ',', begin) - begin);
}

class DigestTest : public ::testing::Test {
 protected:
  DigestGate make(std::uint8_t shard = 0, std::uint8_t secret = 7, std::uint32_t nonces = 64) {
    DigestGate::Setup setup{.secret = {},
                            .shard = shard,
                            .answer_within = Seconds{10},
                            .life = Seconds{300},
                            .nonces = nonces,
                            .random = random,
                            .offered = {kSha, kMd5}};
    setup.secret.fill(secret);
    return DigestGate(setup);
  }
  std::string nonce(DigestGate& from, bool stale = false) {
    return param(from.challenge("sip.example.net", stale, here, now)[0], "nonce");
  }
  // An honest phone's Authorization.
  static std::string authorization(DigestAlgorithm algorithm, const std::string& nonce, int nc,
                                   const std::string& password = "s3cret") {
    const std::string count = fmt::format("{:08x}", nc);
    const Hex ha1(ha1_of(algorithm, "alice", "sip.example.net", password));
    const Hex ha2(digest_of(algorithm, {"REGISTER:sip:sip.example.net"}));
    const Hex response(digest_of(algorithm, {ha1, ":", nonce, ":", count, ":c1:auth:", ha2}));
    return fmt::format(
        "Digest username=\"alice\", realm=\"sip.example.net\", nonce=\"{}\", "
        "uri=\"sip:sip.example.net\", response=\"{}\", algorithm={}, qop=auth, nc={}, "
        "cnonce=\"c1\"",
        nonce, std::string_view(response), algorithm_name(algorithm), count);
  }
  DigestVerdict check(DigestGate& with, const std::string& value) {
    const auto credentials = parse_credentials(value);
    EXPECT_TRUE(credentials.has_value()) << value;
    const auto ha1 = ha1_of(credentials->algorithm, "alice", "sip.example.net", "s3cret");
    const auto result = with.check(*credentials, "REGISTER", ha1.octets(), source, now);
    origin = result.origin;
    return result.verdict;
  }
  DigestVerdict check(const std::string& value) { return check(gate, value); }

  static constexpr auto kMd5 = DigestAlgorithm::kMd5;
  static constexpr auto kSha = DigestAlgorithm::kSha256;
  static constexpr auto kGood = DigestVerdict::kGood;
  static constexpr auto kStale = DigestVerdict::kStale;
  static constexpr auto kBad = DigestVerdict::kBad;

  base::SeededRandom random{1};
  Nanos now = Seconds{5000};
  const base::IpAddress here = base::IpAddress::ip4(192, 0, 2, 1);
  base::IpAddress source = here;              // where answers come from
  NonceOrigin origin = NonceOrigin::kOthers;  // of the last one's nonce
  DigestGate gate = make();
};

// RFC 8760 §2.3: one header for each algorithm, the better one first.
TEST_F(DigestTest, ChallengesWithBothAlgorithms) {
  const auto values = gate.challenge("sip.example.net", false, here, now);
  const std::string text = param(values[0], "nonce");
  EXPECT_EQ(values[0], "Digest realm=\"sip.example.net\", nonce=\"" + text +
                           "\", algorithm=SHA-256, qop=\"auth\"");
  EXPECT_EQ(values[1], "Digest realm=\"sip.example.net\", nonce=\"" + text +
                           "\", algorithm=MD5, qop=\"auth\"");
  EXPECT_EQ(text.size(), 72u);
  EXPECT_NE(nonce(gate), text);
  EXPECT_EQ(param(gate.challenge("sip.example.net", true, here, now)[1], "stale"), "true");
}

TEST_F(DigestTest, ARightAnswerByEitherAlgorithm) {
  EXPECT_EQ(check(authorization(kMd5, nonce(gate), 1)), kGood);
  EXPECT_EQ(check(authorization(kSha, nonce(gate), 1)), kGood);
}

TEST_F(DigestTest, AWrongAnswer) {
  EXPECT_EQ(check(authorization(kMd5, nonce(gate), 1, "S3cret")), kBad);
  EXPECT_EQ(check(authorization(kSha, nonce(gate), 1, "")), kBad);
  std::string spoilt = authorization(kSha, nonce(gate), 1);
  spoilt.replace(spoilt.find("response=\"") + 10, 1, "x");
  EXPECT_EQ(check(spoilt), kBad);
  // Cut to the length of the other algorithm's.
  std::string cut = authorization(kSha, nonce(gate), 1);
  cut.erase(cut.find("response=\"") + 10 + 32, 32);
  EXPECT_EQ(check(cut), kBad);
  // For another method.
  const std::string value = authorization(kMd5, nonce(gate), 1);
  const auto credentials = parse_credentials(value);
  const auto ha1 = ha1_of(kMd5, "alice", "sip.example.net", "s3cret");
  EXPECT_EQ(gate.check(*credentials, "INVITE", ha1.octets(), here, now).verdict, kBad);
  EXPECT_EQ(gate.check(*credentials, "REGISTER", ha1.octets(), here, now).verdict, kGood);
}

TEST_F(DigestTest, ACountIsTakenOnce) {
  const std::string text = nonce(gate);
  EXPECT_EQ(check(authorization(kMd5, text, 1)), kGood);
  EXPECT_EQ(check(authorization(kMd5, text, 1)), kStale);
  EXPECT_EQ(check(authorization(kSha, text, 1)), kStale);
  EXPECT_EQ(check(authorization(kMd5, text, 4)), kGood);
  EXPECT_EQ(check(authorization(kMd5, text, 3)), kGood);  // late by UDP's grace
  EXPECT_EQ(check(authorization(kMd5, text, 3)), kStale);
  EXPECT_EQ(check(authorization(kMd5, text, 100)), kGood);
  EXPECT_EQ(check(authorization(kMd5, text, 2)), kStale);  // too late
  EXPECT_EQ(check(authorization(kMd5, text, 0)), kStale);
  // A wrong answer uses nothing up.
  EXPECT_EQ(check(authorization(kMd5, text, 101, "guess")), kBad);
  EXPECT_EQ(check(authorization(kMd5, text, 101)), kGood);
}

TEST_F(DigestTest, NoncesGrowOld) {
  const std::string used = nonce(gate);
  const std::string unused = nonce(gate);
  EXPECT_EQ(check(authorization(kMd5, used, 1)), kGood);
  now += Seconds{11};
  EXPECT_EQ(check(authorization(kMd5, unused, 1)), kStale);
  EXPECT_EQ(check(authorization(kMd5, used, 2)), kGood);
  now += Seconds{289};
  EXPECT_EQ(check(authorization(kMd5, used, 3)), kGood);
  now += Seconds{1};
  EXPECT_EQ(check(authorization(kMd5, used, 4)), kStale);
  EXPECT_EQ(check(authorization(kMd5, used, 4, "guess")), kBad);
}

TEST_F(DigestTest, ForgedNoncesAndThoseOfOthersAreStale) {
  std::string forged = nonce(gate);
  EXPECT_EQ(check(authorization(kMd5, forged, 1)), kGood);
  for (const std::size_t digit :
       {std::size_t{0}, std::size_t{31}, std::size_t{35}, std::size_t{71}}) {
    std::string almost = forged;
    almost[digit] = almost[digit] == '7' ? '8' : '7';
    EXPECT_EQ(check(authorization(kMd5, almost, 1)), kStale);
  }
  EXPECT_EQ(check(authorization(kMd5, "short", 1)), kStale);
  DigestGate former = make(0, 8);
  EXPECT_EQ(check(authorization(kMd5, nonce(former), 1)), kStale);
  DigestGate other_shard = make(1);
  const std::string theirs = nonce(other_shard);
  EXPECT_EQ(check(authorization(kMd5, theirs, 1)), kStale);
  EXPECT_EQ(check(other_shard, authorization(kMd5, theirs, 1)), kGood);
}

// The right password is right wherever it comes from; whose nonce it was is told besides.
TEST_F(DigestTest, NoncesKnowWhomTheyWereGivenTo) {
  const std::string text = nonce(gate);
  EXPECT_EQ(check(authorization(kMd5, text, 1, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kHere);
  EXPECT_EQ(check(authorization(kMd5, text, 1)), kGood);
  EXPECT_EQ(origin, NonceOrigin::kHere);
  source = base::IpAddress::ip4(192, 0, 2, 2);
  EXPECT_EQ(check(authorization(kMd5, text, 2, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kElsewhere);
  EXPECT_EQ(check(authorization(kMd5, text, 2)), kStale);
  EXPECT_EQ(origin, NonceOrigin::kElsewhere);
  source = base::IpAddress::ip4(192, 0, 2, 1);
  EXPECT_EQ(check(authorization(kMd5, text, 2)), kGood) << "nothing was used up elsewhere";
  // IPv6 by all its octets.
  source = *base::IpAddress::parse("2001:db8::1");
  const auto value = param(gate.challenge("sip.example.net", false, source, now)[0], "nonce");
  EXPECT_EQ(check(authorization(kSha, value, 1, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kHere);
  source = *base::IpAddress::parse("2001:db8::2");
  EXPECT_EQ(check(authorization(kSha, value, 1, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kElsewhere);
  // Another shard of this process knows it; another process doesn't.
  source = here;
  DigestGate other_shard = make(1);
  EXPECT_EQ(check(other_shard, authorization(kMd5, text, 3, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kHere);
  DigestGate former = make(0, 8);
  EXPECT_EQ(check(authorization(kMd5, nonce(former), 1, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kOthers);
  EXPECT_EQ(check(authorization(kMd5, "made-up", 1, "guess")), kBad);
  EXPECT_EQ(origin, NonceOrigin::kOthers);
}

// Phones that know RFC 2069 only: without a count each nonce is good once.
TEST_F(DigestTest, WithoutQop) {
  const std::string text = nonce(gate);
  const Hex ha1(ha1_of(kMd5, "alice", "sip.example.net", "s3cret"));
  const Hex ha2(digest_of(kMd5, {"REGISTER:sip:x"}));
  const Hex response(digest_of(kMd5, {ha1, ":", text, ":", ha2}));
  const std::string value = fmt::format(
      "Digest "
      "username=\"alice\",realm=\"sip.example.net\",nonce=\"{}\",uri=\"sip:x\",response=\"{}\"",
      text, std::string_view(response));
  EXPECT_EQ(check(value), kGood);
  EXPECT_EQ(check(value), kStale);
}

// A flood of nonces never makes a used count usable again.
TEST_F(DigestTest, WhatIsForgottenIsUsedUp) {
  DigestGate small = make(0, 7, 16);
  std::vector<std::string> texts;
  int good = 0;
  for (int i = 0; i < 500; ++i) {
    texts.push_back(authorization(kMd5, nonce(small), 1));
    now += base::Millis{1};
    good += check(small, texts.back()) == kGood ? 1 : 0;
  }
  EXPECT_EQ(good, 500);  // each newer than what it displaces
  for (const auto& text : texts) EXPECT_EQ(check(small, text), kStale);
}

TEST(DigestCredentials, AreReadInEveryForm) {
  const auto credentials = parse_credentials(
      "digest USERNAME = \"al\\\"ice\\\\\" ,realm=\"a, b=c\",nonce=\"n\",uri=\"sip:x\","
      "response=\"00\",opaque=\"\",algorithm=sha-256,qop=\"auth\",nc=0000000A,cnonce=\"x=,\"");
  ASSERT_TRUE(credentials.has_value());
  EXPECT_EQ(credentials->username, "al\"ice\\");
  EXPECT_EQ(credentials->realm, "a, b=c");
  EXPECT_EQ(credentials->algorithm, DigestAlgorithm::kSha256);
  EXPECT_TRUE(credentials->qop);
  EXPECT_EQ(credentials->count, "0000000A");
  EXPECT_EQ(credentials->cnonce, "x=,");
}

TEST(DigestCredentials, WhatWasNotOfferedOrIsBroken) {
  const std::string good = "username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"0\"";
  EXPECT_TRUE(parse_credentials("Digest " + good).has_value());
  EXPECT_TRUE(parse_credentials("Digest " + good + ",").has_value());
  EXPECT_TRUE(parse_credentials("Digest " + good + ",algorithm=MD5").has_value());
  for (const auto* more :
       {",algorithm=MD5-sess", ",algorithm=SHA-512-256", ",algorithm=\"\"", ",qop=auth",
        ",qop=auth-int,nc=00000001,cnonce=\"c\"", ",qop=auth,nc=1,cnonce=\"c\"",
        ",qop=auth,nc=0000000g,cnonce=\"c\"", ",qop=auth,nc=00000001", ",nonce=\"again\"", ",x",
        ",x=", ",x=\"open", ",x=\"open\\\"", ",x=\"y\"z"}) {
    EXPECT_FALSE(parse_credentials("Digest " + good + more).has_value()) << more;
  }
  for (const auto* text :
       {"", "Digest", "Digest ", "Digestusername=\"a\"", "Basic QWxhZGRpbjpvcGVu",
        "Digest username=\"a\"", "Digest =", "Digest ,", "Digest \"", "="}) {
    EXPECT_FALSE(parse_credentials(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tandem::sip
