// Replaces and Refer-To as their RFCs write them, and as they shouldn't be.
#include "controlplane/sip/replaces.h"

#include <gtest/gtest.h>

#include "controlplane/sip/parser.h"
#include "drivers/base/check.h"

namespace tandem::sip {
namespace {

struct Refer {
  explicit Refer(const std::string& lines, const std::string& method = "REFER")
      : bytes(method + " sip:x@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\n" +
              "Max-Forwards: 70\r\nFrom: <sip:x@x>;tag=x\r\nTo: <sip:x@x>\r\nCall-ID: x\r\n" +
              "CSeq: 1 " + method + "\r\n" + lines + "Content-Length: 0\r\n\r\n") {
    CHECK(Parser::parse({bytes.data(), bytes.size()}, message).verdict == ParseVerdict::kOk);
  }
  std::string bytes;
  Message message;
};

TEST(ReplacesHeader, AsRfc3891WritesIt) {
  const auto one = parse_replaces("98732@sip.example.com\r\n ;from-tag=r33th4x0r ;to-tag=ff87ff");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->call_id, "98732@sip.example.com");
  EXPECT_EQ(one->to_tag, "ff87ff");
  EXPECT_EQ(one->from_tag, "r33th4x0r");
  EXPECT_FALSE(one->early_only);
  const auto early = parse_replaces("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only");
  ASSERT_TRUE(early);
  EXPECT_TRUE(early->early_only);
}

TEST(ReplacesHeader, Broken) {
  for (const char* text :
       {"", ";", "a", "a;to-tag=b", "a;from-tag=b", "a;to-tag;from-tag=c", ";to-tag=b;from-tag=c",
        "a;to-tag=b c;from-tag=d", "a;to-tag=\"b\";from-tag=d"}) {
    EXPECT_FALSE(parse_replaces(text)) << text;
  }
}

TEST(ReplacesHeader, OneAtMost) {
  std::optional<Replaces> out;
  EXPECT_TRUE(read_replaces(Refer("", "INVITE").message, out));
  EXPECT_FALSE(out);
  const std::string line = "Replaces: a;to-tag=b;from-tag=c\r\n";
  EXPECT_TRUE(read_replaces(Refer(line, "INVITE").message, out));
  EXPECT_TRUE(out);
  EXPECT_FALSE(read_replaces(Refer(line + line, "INVITE").message, out));
  EXPECT_FALSE(read_replaces(Refer("Replaces: a\r\n", "INVITE").message, out));
}

TEST(ReferTo, WhomItPointsTo) {
  const std::pair<const char*, const char*> rows[] = {
      {"Refer-To: <sip:49301@10.0.0.1>\r\n", "49301"},
      {"r: sip:%2B49301@a.example;user=phone\r\n", "%2B49301"},
      {"Refer-To: \"Bob, B.\" <sips:bob@b.example:5061;transport=tls>;x=y\r\n", "bob"},
      {"Refer-To: tel:+49-30-1\r\n", "+49-30-1"},
      {"Refer-To: <sip:1@a?Subject=x%20y&Priority=urgent>\r\n", "1"},
      {"Refer-To: <sip:a.example>\r\n", ""}};
  for (const auto& [line, user] : rows) {
    const auto target = read_refer_to(Refer(line).message);
    ASSERT_TRUE(target) << line;
    EXPECT_EQ(target->user, user) << line;
    EXPECT_FALSE(target->replaces) << line;
  }
}

TEST(ReferTo, WithReplaces) {
  const auto target = read_refer_to(
      Refer("Refer-To: <sip:1@a?Subject=x&replaces=090459243588173445%40b%3Bto-tag%3D7m4n"
            "%3bfrom-tag%3d87134>\r\n")
          .message);
  ASSERT_TRUE(target && target->replaces);
  EXPECT_EQ(target->replaces->call_id, "090459243588173445@b");
  EXPECT_EQ(target->replaces->to_tag, "7m4n");
  EXPECT_EQ(target->replaces->from_tag, "87134");
}

TEST(ReferTo, Broken) {
  for (const char* lines :
       {"", "Refer-To: <sip:1@a>\r\nr: <sip:2@a>\r\n", "Refer-To: <mailto:a@b>\r\n",
        "Refer-To: <http://a/b>\r\n", "Refer-To: *\r\n", "Refer-To: <sip:1@a?Replaces=x>\r\n",
        "Refer-To: <sip:1@a?Replaces>\r\n", "Refer-To: <sip:1@a?Replaces=a%3Bto-tag%3Db%3>\r\n",
        "Refer-To: <sip:1@a?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc"
        "&Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n"}) {
    EXPECT_FALSE(read_refer_to(Refer(lines).message)) << lines;
  }
}

TEST(ReferTo, OtherMethods) {
  EXPECT_TRUE(refers_to_other_method(Refer("Refer-To: <sip:1@a;method=BYE>\r\n").message));
  EXPECT_FALSE(refers_to_other_method(Refer("Refer-To: <sip:1@a;method=INVITE>\r\n").message));
  EXPECT_FALSE(refers_to_other_method(Refer("Refer-To: <sip:1@a>\r\n").message));
  EXPECT_FALSE(refers_to_other_method(Refer("").message));
}

}  // namespace
}  // namespace tandem::sip
