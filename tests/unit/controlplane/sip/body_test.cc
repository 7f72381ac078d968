// Where the session description of a body is, also of bodies that are broken or made to mislead.
#include "controlplane/sip/body.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

constexpr std::string_view kMixed = "multipart/mixed;boundary=b";

std::string part(std::string_view headers, std::string_view content) {
  return "--b\r\n" + std::string(headers) + "\r\n" + std::string(content) + "\r\n";
}
constexpr std::string_view kSdpPart = "Content-Type: application/sdp\r\n";

TEST(Body, ADescriptionAlone) {
  EXPECT_EQ(find_sdp("application/sdp", "v=0"), "v=0");
  EXPECT_EQ(find_sdp("Application/SDP ;charset=x", "v=0"), "v=0");
  EXPECT_EQ(find_sdp("text/plain", "v=0"), "");
  EXPECT_EQ(find_sdp("", "v=0"), "");
  EXPECT_EQ(with_sdp("v=0", find_sdp("application/sdp", "v=0"), "new"), "new");
}

TEST(Body, APartOfMany) {
  const std::string body = part("Content-Type: text/plain\r\n", "--b is not it") +
                           part(kSdpPart, "v=0\r\ns=-\r\n") + part("", "rest") + "--b--\r\n";
  const auto found = find_sdp(kMixed, body);
  EXPECT_EQ(found, "v=0\r\ns=-\r\n");
  EXPECT_EQ(with_sdp(body, found, "v=1"), part("Content-Type: text/plain\r\n", "--b is not it") +
                                              part(kSdpPart, "v=1") + part("", "rest") +
                                              "--b--\r\n");
}

TEST(Body, BoundariesAsPeersWriteThem) {
  const std::string body = "--=_a b\r\nc:application/sdp\r\n\r\nv=0\r\n--=_a b--";
  EXPECT_EQ(find_sdp("multipart/mixed; x=y; BOUNDARY=\"=_a b\"", body), "v=0");
  const std::string bare = "\n--b  \nContent-type: application/sdp\n\nv=0\n--b--\n";
  EXPECT_EQ(find_sdp(kMixed, bare), "v=0");
}

TEST(Body, APartsOwnLengthFollows) {
  const std::string headers =
      "Content-Length: 3\r\nContent-Type: application/sdp\r\nContent-ID: <1>\r\n";
  const std::string body = part(headers, "v=0") + "--b--";
  const std::string wanted =
      part("Content-Length: 12\r\nContent-Type: application/sdp\r\nContent-ID: <1>\r\n",
           "v=0 and more") +
      "--b--";
  EXPECT_EQ(with_sdp(body, find_sdp(kMixed, body), "v=0 and more"), wanted);
}

TEST(Body, PartsInParts) {
  const std::string inner =
      "--c\r\nContent-Type: text/plain\r\n\r\nx\r\n--c\r\nContent-Type: application/sdp\r\n\r\n"
      "v=0\r\n--c--";
  const std::string body =
      part("Content-Type: multipart/alternative;boundary=c\r\n", inner) + "--b--";
  EXPECT_EQ(find_sdp(kMixed, body), "v=0");
  // Deeper than anybody means it: given up, not followed down.
  std::string deep = body;
  std::string type(kMixed);
  for (char name = 'd'; name < 'z'; ++name) {
    const std::string boundary(1, name);
    deep = "--" + boundary + "\r\nContent-Type: " + type + "\r\n\r\n" + deep + "\r\n--" + boundary +
           "--";
    type = "multipart/mixed;boundary=" + boundary;
  }
  EXPECT_EQ(find_sdp(type, deep), "");
}

TEST(Body, WhatCannotBeReadIsNone) {
  for (const std::string& body :
       {std::string(), std::string("--b"), std::string("--b\r\n"), std::string("--b--\r\n"),
        part(kSdpPart, "v=0"),  // no end
        part("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n", "dj0w") +
            "--b--",
        part("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", "x") + "--b--",
        "--b--\r\n" + part(kSdpPart, "v=0") + "--b--", std::string(10000, '-'),
        std::string("--b\r\nContent-Type: application/sdp\r\n--b--")}) {
    EXPECT_EQ(find_sdp(kMixed, body), "") << body.substr(0, 60);
  }
  EXPECT_EQ(find_sdp("multipart/mixed", part(kSdpPart, "v=0") + "--b--"), "");
  EXPECT_EQ(find_sdp("multipart/mixed;boundary=\"\"", part(kSdpPart, "v=0") + "--b--"), "");
  EXPECT_EQ(find_sdp("multipart/mixed;boundary=" + std::string(71, 'b'), "--b"), "");
}

}  // namespace
}  // namespace tandem::sip
