#include "controlplane/sdp/fingerprint.h"

#include <gtest/gtest.h>

#include "controlplane/sdp/sdp.h"

namespace tandem::sdp {
namespace {

// So many octets of this value, as a line has them.
std::string hex(std::size_t count, const char* octet = "4a") {
  std::string out = octet;
  for (std::size_t i = 1; i < count; ++i) out.append(":").append(octet);
  return out;
}

TEST(Fingerprint, IsReadInAnyCaseAndWrittenInCapitals) {
  const auto read = read_fingerprint("SHA-256 " + hex(32));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->hash, HashName::kSha256);
  EXPECT_EQ(read->octets, std::vector<std::uint8_t>(32, 0x4a));
  EXPECT_EQ(write_fingerprint(*read), "sha-256 " + hex(32, "4A"));
  EXPECT_EQ(read_fingerprint(" sha-384  " + hex(48, "ff") + " ")->octets.size(), 48u);
  EXPECT_EQ(read_fingerprint("sha-512 " + hex(64, "0F"))->octets.front(), 0x0f);
}

TEST(Fingerprint, WeakHashesAndBrokenLinesAreNone) {
  for (const std::string& line : {
           std::string(),
           std::string("sha-256"),
           "sha-1 " + hex(20),
           "md5 " + hex(16),
           "sha-224 " + hex(28),
           "sha-256 " + hex(31),
           "sha-256 " + hex(33),
           "sha-256 " + hex(32) + ":",
           "sha-256 " + hex(31) + ":4g",
           "sha-256 " + hex(31) + "-4a",
           hex(32),
       }) {
    EXPECT_FALSE(read_fingerprint(line)) << line;
  }
}

TEST(Fingerprint, OfSeveralTheStrongestCount) {
  const std::string weak = "sha-256 " + hex(32);
  const std::string one = "sha-512 " + hex(64, "01");
  const std::string two = "sha-512 " + hex(64, "02");
  const std::vector<std::string_view> lines{weak, one, "sha-1 00", two, weak};
  const auto out = strongest_fingerprints(lines);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].octets.front(), 1);
  EXPECT_EQ(out[1].octets.front(), 2);
  EXPECT_TRUE(strongest_fingerprints(std::vector<std::string_view>{"sha-1 00"}).empty());
}

constexpr const char* kDtlsOffer =
    "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "a=fingerprint:sha-256 AA\r\na=setup:actpass\r\n"
    "m=audio 7000 UDP/TLS/RTP/SAVPF 0\r\na=sendrecv\r\n"
    "m=audio 7002 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:sha-384 BB\r\na=fingerprint:sha-256 CC\r\n"
    "a=setup:passive \r\na=tls-id:abc\r\n";

TEST(Fingerprint, TheSessionsCountsWhereASectionHasNone) {
  const auto description = parse(kDtlsOffer).value();
  const Media& first = description.media.at(0);
  EXPECT_TRUE(first.secure() && first.over_dtls());
  EXPECT_EQ(first.fingerprints, (std::vector<std::string_view>{"sha-256 AA"}));
  EXPECT_EQ(first.setup, "actpass");
  EXPECT_EQ(first.tls_id, "");
  const Media& second = description.media.at(1);
  EXPECT_EQ(second.fingerprints, (std::vector<std::string_view>{"sha-384 BB", "sha-256 CC"}));
  EXPECT_EQ(second.setup, "passive");
  EXPECT_EQ(second.tls_id, "abc");
}

TEST(Fingerprint, ADescriptionIsRewrittenToDtlsAndFromIt) {
  using enum Security::Protocol;
  const auto description = parse(kDtlsOffer).value();
  const auto address = base::IpAddress::ip4(203, 0, 113, 9);
  const Security ours{kDtlsSavp, true, {"fingerprint:sha-256 DD", "setup:active"}};
  EXPECT_EQ(rewrite(description, {{{address, 20000}, ours}, {{address, 20002}, Security{}}}),
            "v=0\r\no=a 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
            "m=audio 20000 UDP/TLS/RTP/SAVPF 0\r\na=sendrecv\r\n"
            "a=fingerprint:sha-256 DD\r\na=setup:active\r\n"
            "m=audio 20002 RTP/AVP 0\r\n");
}

}  // namespace
}  // namespace tandem::sdp
