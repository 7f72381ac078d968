// Descriptions under another origin, and taken off hold.
#include "controlplane/sdp/origin.h"

#include <gtest/gtest.h>

namespace tandem::sdp {
namespace {

const std::string kSdp =
    "v=0\r\no=- 12 18446744073709551615 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 7000 RTP/AVP 0\r\na=sendonly\r\na=fmtp:0 x=a=sendonly\r\n";

TEST(Origin, IsRead) {
  const Origin origin = origin_of(kSdp);
  EXPECT_EQ(origin.user, "-");
  EXPECT_EQ(origin.session_id, "12");
  EXPECT_EQ(origin.version, 18446744073709551615u);
  EXPECT_EQ(origin_of("v=0\ns=-\n").session_id, "0");
  EXPECT_EQ(origin_of("o=\r\n").session_id, "0");
  EXPECT_EQ(origin_of("o=x 1 word IN IP4 1.1.1.1\r\n").version, 0u);
}

TEST(Origin, ReplacesTheFirstThreeWordsOnly) {
  const std::string out = with_origin(kSdp, {"bob", "7", 8});
  EXPECT_EQ(out.substr(0, out.find("s=-")), "v=0\r\no=bob 7 8 IN IP4 10.0.0.1\r\n");
  EXPECT_EQ(out.substr(out.find("s=-")), kSdp.substr(kSdp.find("s=-")));
  EXPECT_EQ(with_origin("o=x\n", {"bob", "7", 8}), "o=bob 7 8\n");
  EXPECT_EQ(with_origin("", {"bob", "7", 8}), "");
}

TEST(Resumed, TakesDirectionsOutAndNothingElse) {
  const std::string out = resumed(kSdp);
  EXPECT_EQ(out.find("\r\na=sendonly"), std::string::npos);
  EXPECT_NE(out.find("a=fmtp:0 x=a=sendonly\r\n"), std::string::npos);
  EXPECT_EQ(out.size(), kSdp.size() - 12);
  EXPECT_EQ(resumed("a=inactive"), "");
  EXPECT_EQ(resumed("a=recvonly\na=ptime:20\na=sendrecv\n"), "a=ptime:20\n");
}

TEST(Anonymous, TakesOutWhoAndNothingElse) {
  EXPECT_EQ(anonymous("v=0\r\no=alice 7  8 IN IP4 10.0.0.1\r\ns=Call of alice\r\ni=alice\r\n"
                      "u=http://alice.test\r\ne=a@b\r\np=+4930\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
                      "m=audio 7 RTP/AVP 0\r\ni=left ear\r\na=x\r\n"),
            "v=0\r\no=- 7  8 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
            "m=audio 7 RTP/AVP 0\r\ni=left ear\r\na=x\r\n");
  const std::string plain = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nm=audio 7 RTP/AVP 0";
  EXPECT_EQ(anonymous(plain), plain);
  EXPECT_EQ(anonymous(""), "");
}

}  // namespace
}  // namespace tandem::sdp
