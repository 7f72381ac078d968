#include "controlplane/sip/digest_hash.h"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::sip {
namespace {

std::string hex(const Digest& digest) { return std::string(std::string_view(Hex(digest))); }

// RFC 1321 §A.5 and FIPS 180-2's "abc", in one piece and in three.
TEST(DigestHash, KnownValues) {
  EXPECT_EQ(hex(digest_of(DigestAlgorithm::kMd5, {"abc"})), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(digest_of(DigestAlgorithm::kMd5, {})), "d41d8cd98f00b204e9800998ecf8427e");
  const std::string sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(hex(digest_of(DigestAlgorithm::kSha256, {"abc"})), sha);
  EXPECT_EQ(hex(digest_of(DigestAlgorithm::kSha256, {"a", "", "bc"})), sha);
}

// RFC 7616 §3.9.1: Mufasa's response by either algorithm.
TEST(DigestHash, TheExampleOfTheRfc) {
  const auto response = [](DigestAlgorithm algorithm) {
    const Hex ha1(ha1_of(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life"));
    const Hex ha2(digest_of(algorithm, {"GET:/dir/index.html"}));
    return hex(digest_of(algorithm, {ha1,
                                     ":7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:00000001:"
                                     "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ:auth:",
                                     ha2}));
  };
  EXPECT_EQ(response(DigestAlgorithm::kMd5), "8ca523f5e9506fed4657c9700eebdbec");
  EXPECT_EQ(response(DigestAlgorithm::kSha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

// An HMAC of a key of 32 octets: Python's hmac.new(bytes(range(32)), b"timestamp serial",
// "sha256").
TEST(DigestHash, Hmac) {
  Hmac::Key key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  const std::string wanted = "007a76156f3efe35920a121315d3d892b3bf5178e0fb91a9e0eec48010e23963";
  EXPECT_EQ(hex(Hmac(key).of({"timestamp serial"})), wanted);
  EXPECT_EQ(hex(Hmac(key).of({"timestamp", " ", "serial"})), wanted);
  key[31] ^= 1;
  EXPECT_NE(hex(Hmac(key).of({"timestamp serial"})), wanted);
}

TEST(DigestHash, HexadecimalBothWays) {
  std::array<std::uint8_t, 3> octets{};
  EXPECT_TRUE(parse_hex("0aFf80", octets));
  EXPECT_EQ(octets, (std::array<std::uint8_t, 3>{0x0a, 0xff, 0x80}));
  EXPECT_EQ(std::string_view(Hex(octets)), "0aff80");
  for (const auto* wrong : {"0aff8", "0aff800", "0aff8g", "", "0x0aff"}) {
    EXPECT_FALSE(parse_hex(wrong, octets)) << wrong;
  }
}

TEST(DigestHash, SecretsAreCompared) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
  EXPECT_TRUE(same_secret("", ""));
}

TEST(DigestHash, ThreadsDontMeet) {
  std::array<std::string, 4> out;
  std::vector<std::thread> threads;
  for (auto& mine : out) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 1000; ++i) mine = hex(digest_of(DigestAlgorithm::kMd5, {"a", "b", "c"}));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& mine : out) EXPECT_EQ(mine, "900150983cd24fb0d6963f7d28e17f72");
}

}  // namespace
}  // namespace tandem::sip
