// The client's side of digest: the RFCs' own examples, and what becomes of a request that is asked
// for its password again and again.
#include "controlplane/sip/digest_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/sip/digest.h"
#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

using Verdict = DigestClient::Verdict;

std::string answer_to(std::string_view challenge, const DigestProof& proof) {
  const auto parsed = parse_challenge(challenge);
  return parsed ? digest_answer(*parsed, proof) : "not understood";
}

std::string field_of(std::string_view text, std::string_view name) {
  const auto credentials = parse_credentials(text);
  if (!credentials) return "broken";
  if (name == "response") return std::string(credentials->response);
  if (name == "nonce") return std::string(credentials->nonce);
  if (name == "cnonce") return std::string(credentials->cnonce);
  return std::string(credentials->count);
}

// RFC 2617 §3.5.
TEST(DigestAnswer, OfRfc2617) {
  const auto answer = answer_to(
      "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
      "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
      {.user = "Mufasa",
       .password = "Circle Of Life",
       .method = "GET",
       .uri = "/dir/index.html",
       .cnonce = "0a4f113b"});
  EXPECT_EQ(answer,
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
            "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
            "response=\"6629fae49393a05397450978507c4ef1\", "
            "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", qop=auth, nc=00000001, "
            "cnonce=\"0a4f113b\"");
}

// RFC 7616 §3.9.1.
TEST(DigestAnswer, OfRfc7616) {
  for (const auto& [algorithm, response] :
       {std::pair{"MD5", "8ca523f5e9506fed4657c9700eebdbec"},
        {"SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"}}) {
    const auto answer =
        answer_to(fmt::format("Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
                              "algorithm={}, "
                              "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
                              "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
                              algorithm),
                  {.user = "Mufasa",
                   .password = "Circle of Life",
                   .method = "GET",
                   .uri = "/dir/index.html",
                   .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"});
    EXPECT_EQ(field_of(answer, "response"), response);
    EXPECT_NE(answer.find(fmt::format("algorithm={}, opaque=\"FQhe", algorithm)), std::string::npos)
        << answer;
  }
}

// RFC 2069 §2.4, with the figure of its erratum 749.
TEST(DigestAnswer, WithoutQop) {
  const auto answer =
      answer_to("Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
                {.user = "Mufasa",
                 .password = "CircleOfLife",
                 .method = "GET",
                 .uri = "/dir/index.html",
                 .cnonce = "x"});
  EXPECT_EQ(answer,
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
            "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
            "response=\"1949323746fe6a43ef61f9606e7febea\"");
}

TEST(DigestAnswer, QuotesItsUser) {
  const auto answer = answer_to(R"(Digest realm="a\"b", nonce="n")",
                                {.user = R"(x"\y)", .password = "p", .method = "M", .uri = "u"});
  EXPECT_EQ(answer.substr(0, answer.find(", nonce")), R"(Digest username="x\"\\y", realm="a\"b")");
}

TEST(Challenge, WhatWeCannotDo) {
  for (const auto* value :
       {"Basic realm=\"r\"", "Digest realm=\"r\"", "Digest nonce=\"n\"", "Digest",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256", "Digest realm=\"r\", nonce=n\"m",
        "Digest realm=r\\, nonce=\"n\"", "Digest realm=\"r\nX: y\", nonce=\"n\"",
        "Digest realm=\"r\", nonce=\"n\r\"", "Digest realm=\"r\", nonce=\"n\", nonce=\"m\"",
        "Digest realm=\"r\", nonce=\"n"}) {
    EXPECT_FALSE(parse_challenge(value).has_value()) << value;
  }
  const auto odd =
      parse_challenge("digest NONCE=\"n\",realm=\"\" , Stale=TRUE,x=y, domain=\"a,b\"");
  ASSERT_TRUE(odd.has_value());
  EXPECT_TRUE(odd->stale);
  EXPECT_EQ(odd->realm, "");
}

class DigestClientTest : public ::testing::Test {
 protected:
  Verdict challenged(const std::vector<std::string>& challenges, int status = 401,
                     const char* header = "WWW-Authenticate") {
    std::string text = fmt::format("SIP/2.0 {} X\r\n", status);
    text +=
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n";
    for (const auto& value : challenges) text += fmt::format("{}: {}\r\n", header, value);
    const Parsed response(text + "Content-Length: 0\r\n\r\n");
    EXPECT_EQ(response.outcome.verdict, ParseVerdict::kOk);
    return client->take(response.message, exchange);
  }
  static std::string digest(const std::string& nonce, const std::string& more = {}) {
    return fmt::format("Digest realm=\"r\", nonce=\"{}\", qop=\"auth\"{}", nonce, more);
  }
  // The value of the first line.
  std::string value() {
    const auto text = client->lines("REGISTER", "sip:x");
    const auto begin = text.find(": ");
    return begin == std::string::npos ? "" : text.substr(begin + 2, text.find('\r') - begin - 2);
  }

  base::SeededRandom random{3};
  std::optional<DigestClient> client{std::in_place, DigestClient::Identity{"alice", "s3cret"}, 6u,
                                     random};
  DigestExchange exchange;
};

TEST_F(DigestClientTest, SaysNothingUnasked) { EXPECT_EQ(client->lines("REGISTER", "sip:x"), ""); }

TEST_F(DigestClientTest, GoesOnWithItsNonceAndCounts) {
  EXPECT_EQ(challenged({digest("n1")}), Verdict::kAgain);
  const auto first = value();
  const auto second = value();
  EXPECT_EQ(field_of(first, "nc"), "00000001");
  EXPECT_EQ(field_of(second, "nc"), "00000002");
  EXPECT_EQ(field_of(second, "nonce"), "n1");
  EXPECT_NE(field_of(first, "cnonce"), field_of(second, "cnonce"));
  exchange = {};
  EXPECT_EQ(challenged({digest("n2")}), Verdict::kAgain) << "the former nonce was kept too long";
  EXPECT_EQ(field_of(value(), "nc"), "00000001");
}

TEST_F(DigestClientTest, AFreshNonceThatDoesNotHelpIsAWrongPassword) {
  EXPECT_EQ(challenged({digest("n1")}), Verdict::kAgain);
  EXPECT_EQ(challenged({digest("n2")}), Verdict::kWrong);
  EXPECT_EQ(client->lines("REGISTER", "sip:x"), "") << "what was learnt is of no use";
}

TEST_F(DigestClientTest, StaleIsNoWrongPasswordButBounded) {
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(challenged({digest(fmt::format("n{}", i), ", stale=true")}), Verdict::kAgain) << i;
    EXPECT_EQ(field_of(value(), "nonce"), fmt::format("n{}", i));
  }
  EXPECT_EQ(challenged({digest("n7", ", stale=true")}), Verdict::kTooOften);
}

TEST_F(DigestClientTest, NoneAllowedNoneAnswered) {
  client.emplace(DigestClient::Identity{"alice", "s3cret"}, 0u, random);
  EXPECT_EQ(challenged({digest("n1")}), Verdict::kTooOften);
}

TEST_F(DigestClientTest, TakesTheFirstThatItCanDo) {
  EXPECT_EQ(challenged({digest("a", ", algorithm=SHA-512-256"), "Basic realm=\"r\"",
                        digest("b", ", algorithm=SHA-256"), digest("c", ", algorithm=MD5")}),
            Verdict::kAgain);
  EXPECT_EQ(field_of(value(), "nonce"), "b");
  EXPECT_EQ(challenged({"Basic realm=\"r\""}), Verdict::kImpossible);
  EXPECT_EQ(challenged({}), Verdict::kImpossible);
}

// Two proxies and the server each have a realm of their own (RFC 3261 §22.3).
TEST_F(DigestClientTest, AnswersEachOnTheWay) {
  EXPECT_EQ(challenged({digest("p"), "Digest realm=\"q\", nonce=\"o\""}, 407, "Proxy-Authenticate"),
            Verdict::kAgain);
  EXPECT_EQ(challenged({digest("s")}), Verdict::kAgain);
  const auto lines = client->lines("REGISTER", "sip:x");
  EXPECT_NE(lines.find("Proxy-Authorization: Digest username=\"alice\", realm=\"r\", nonce=\"p\""),
            std::string::npos);
  EXPECT_NE(lines.find("\r\nProxy-Authorization: Digest username=\"alice\", realm=\"q\""),
            std::string::npos);
  EXPECT_NE(lines.find("\r\nAuthorization: Digest username=\"alice\", realm=\"r\", nonce=\"s\""),
            std::string::npos);
  EXPECT_EQ(lines.find("s3cret"), std::string::npos);
}

TEST_F(DigestClientTest, AnotherPasswordBeginsAnew) {
  challenged({digest("n1")});
  client->become({"alice", "s3cret"});
  EXPECT_NE(client->lines("REGISTER", "sip:x"), "") << "nothing has changed";
  client->become({"alice", "other"});
  EXPECT_EQ(client->lines("REGISTER", "sip:x"), "");
}

// Against our own server's side: proven, counted on, and stale when its nonce is of a former life.
TEST_F(DigestClientTest, ConvincesOurOwnGate) {
  DigestGate::Setup setup{.secret = {},
                          .answer_within = base::Seconds{10},
                          .life = base::Seconds{300},
                          .nonces = 64,
                          .random = random};
  const auto here = base::IpAddress::ip4(192, 0, 2, 1);
  const auto judged = [&](DigestGate& gate) {
    const std::string said = value();
    const auto credentials = parse_credentials(said);
    EXPECT_TRUE(credentials.has_value());
    const auto ha1 = ha1_of(credentials->algorithm, "alice", "r", "s3cret");
    return gate.check(*credentials, "REGISTER", ha1.octets(), here, base::Seconds{1}).verdict;
  };
  DigestGate gate(setup);
  challenged(gate.challenge("r", false, here, base::Seconds{1}));
  EXPECT_EQ(judged(gate), DigestVerdict::kGood);
  EXPECT_EQ(judged(gate), DigestVerdict::kGood);
  setup.secret.fill(1);
  DigestGate next_life(setup);
  EXPECT_EQ(judged(next_life), DigestVerdict::kStale);
  EXPECT_EQ(challenged(next_life.challenge("r", true, here, base::Seconds{1})), Verdict::kAgain);
  EXPECT_EQ(judged(next_life), DigestVerdict::kGood);
}

}  // namespace
}  // namespace tandem::sip
