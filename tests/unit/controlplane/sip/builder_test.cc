#include "controlplane/sip/builder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

class BuilderTest : public testing::Test {
 protected:
  // The answer to `request` as if it came from 192.0.2.1:5062 unless said otherwise.
  std::string answer(const Message& request, std::string_view to_tag = "me", int status = 180,
                     std::string_view source = "192.0.2.1") {
    auto out = start_response(buffer_, request, source, 5062, status, {}, to_tag);
    const auto text = out.finish();
    return text ? std::string(*text) : "nothing";
  }

  std::array<char, 4096> buffer_{};
};

TEST_F(BuilderTest, Request) {
  const std::string body = "v=0\r\n";
  Builder out(buffer_);
  out.request("INVITE", "sip:bob@192.0.2.9")
      .pieces(HeaderId::kVia, "SIP/2.0/UDP ", std::string("192.0.2.1"), ':', std::uint64_t{5060})
      .header(HeaderId::kMaxForwards, 70)
      .header("X-Own", "1");
  EXPECT_EQ(out.finish("application/sdp", body), crlf("INVITE sip:bob@192.0.2.9 SIP/2.0\n"
                                                      "Via: SIP/2.0/UDP 192.0.2.1:5060\n"
                                                      "Max-Forwards: 70\n"
                                                      "X-Own: 1\n"
                                                      "Content-Type: application/sdp\n"
                                                      "Content-Length: 5\n"
                                                      "\n"
                                                      "v=0\n"));
}

TEST_F(BuilderTest, TooLongIsNothing) {
  std::array<char, 64> small{};
  Builder out(small);
  out.request("INVITE", "sip:bob@192.0.2.9").header("X-Long", std::string(64, 'x'));
  EXPECT_FALSE(out.finish());
}

TEST_F(BuilderTest, NoTextGrowsIntoAHeader) {
  for (const std::string evil : {"a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1", "\n"}) {
    EXPECT_FALSE(Builder(buffer_).request("INVITE", evil).finish());
    EXPECT_FALSE(Builder(buffer_).request(evil, "sip:a@b").finish());
    EXPECT_FALSE(Builder(buffer_).response(200, evil).finish());
    EXPECT_FALSE(Builder(buffer_).header(HeaderId::kSubject, evil).finish());
    EXPECT_FALSE(Builder(buffer_).header(evil, "x").finish());
    EXPECT_FALSE(Builder(buffer_).header("X", evil).finish());
    EXPECT_FALSE(Builder(buffer_).pieces(HeaderId::kTo, "<", evil, ">").finish());
    EXPECT_FALSE(Builder(buffer_).finish(evil, "body"));
    EXPECT_TRUE(Builder(buffer_).finish("text/plain", evil));
  }
  EXPECT_FALSE(Builder(buffer_).pieces(HeaderId::kTo, '\n').finish());
}

TEST_F(BuilderTest, ReasonPhrases) {
  EXPECT_EQ(reason_phrase(100), "Trying");
  EXPECT_EQ(reason_phrase(487), "Request Terminated");
  EXPECT_EQ(reason_phrase(608), "Rejected");
  EXPECT_EQ(reason_phrase(499), "Bad Request");
  EXPECT_EQ(reason_phrase(699), "Decline");
  for (int status = 100; status < 700; ++status) EXPECT_FALSE(reason_phrase(status).empty());
}

TEST_F(BuilderTest, ResponseCopiesWhatItMust) {
  const Parsed p(invite_with("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(answer(p.message), crlf("SIP/2.0 180 Ringing\n"
                                    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc\n"
                                    "From: \"Alice\" <sip:alice@192.0.2.1>;tag=1928\n"
                                    "To: <sip:bob@192.0.2.9>;tag=me\n"
                                    "Call-ID: a84b4c76e66710@192.0.2.1\n"
                                    "CSeq: 314159 INVITE\n"
                                    "Content-Length: 0\n"
                                    "\n"));
  EXPECT_NE(answer(p.message, "", 100).find("To: <sip:bob@192.0.2.9>\r\n"), std::string::npos);
}

TEST_F(BuilderTest, ATagThatIsThereStays) {
  const Parsed p(invite_with("To: <sip:bob@192.0.2.9>;tag=theirs"));
  EXPECT_NE(answer(p.message).find("To: <sip:bob@192.0.2.9>;tag=theirs\r\n"), std::string::npos);
}

// The request's Via, where it came from, the response's Via.
struct ViaCase {
  const char* sent;
  const char* source;
  const char* answered;
};

TEST_F(BuilderTest, ReceivedAndRport) {
  const ViaCase cases[] = {
      {"SIP/2.0/UDP 192.0.2.1;branch=z", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=z"},
      {"SIP/2.0/UDP 192.0.2.1;branch=z", "192.0.2.7",
       "SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.7"},
      {"SIP/2.0/UDP host.example;branch=z", "192.0.2.7",
       "SIP/2.0/UDP host.example;branch=z;received=192.0.2.7"},
      // RFC 3581 §4: with rport received is there even when nothing differs.
      {"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z", "192.0.2.1",
       "SIP/2.0/UDP 192.0.2.1:5060;rport=5062;branch=z;received=192.0.2.1"},
      {"SIP/2.0/UDP 10.0.0.1 ; branch=z ; RPORT ", "192.0.2.7",
       "SIP/2.0/UDP 10.0.0.1;branch=z;RPORT=5062;received=192.0.2.7"},
      // What the peer says about its own source is not believed.
      {"SIP/2.0/UDP 10.0.0.1;received=203.0.113.5;branch=z", "192.0.2.7",
       "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.7"},
      {"SIP/2.0/UDP 10.0.0.1", "192.0.2.7", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.7"},
      {"SIP/2.0/UDP [2001:DB8:0::1]:5060;branch=z", "2001:db8::1",
       "SIP/2.0/UDP [2001:DB8:0::1]:5060;branch=z"},
      {"SIP/2.0/UDP [2001:db8::2];branch=z", "2001:db8::1",
       "SIP/2.0/UDP [2001:db8::2];branch=z;received=2001:db8::1"},
      // Several in one line: the first one only.
      {"SIP/2.0/UDP 10.0.0.1;branch=a;rport, SIP/2.0/TCP p.example;branch=b;rport", "192.0.2.7",
       "SIP/2.0/UDP 10.0.0.1;branch=a;rport=5062;received=192.0.2.7, "
       "SIP/2.0/TCP p.example;branch=b;rport"},
      {"SIP/2.0/UDP 10.0.0.1;branch=a\r\nVia: SIP/2.0/TCP p.example;branch=b;rport", "10.0.0.1",
       "SIP/2.0/UDP 10.0.0.1;branch=a\r\nVia: SIP/2.0/TCP p.example;branch=b;rport"},
  };
  for (const auto& c : cases) {
    const Parsed p(invite_with(std::string("Via: ") + c.sent));
    ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk) << c.sent;
    const auto text = answer(p.message, "me", 180, c.source);
    const auto begin = text.find("Via: ") + 5;
    EXPECT_EQ(text.substr(begin, text.find("\r\nFrom:") - begin), c.answered) << c.sent;
  }
}

TEST_F(BuilderTest, CopyTakesAllLinesInOrder) {
  const Parsed p(invite_with("Record-Route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route: <sip:c;lr>"));
  const auto text = Builder(buffer_).copy(p.message, HeaderId::kRecordRoute).finish();
  EXPECT_EQ(text, crlf("Record-Route: <sip:a;lr>, <sip:b;lr>\n"
                       "Record-Route: <sip:c;lr>\n"
                       "Content-Length: 0\n\n"));
}

TEST_F(BuilderTest, AnswersWhatIsBroken) {
  const Parsed missing(invite_with("From:"));
  EXPECT_EQ(missing.outcome.verdict, ParseVerdict::kBadRequest);
  const Parsed answered(answer(missing.message, "me", missing.outcome.status));
  EXPECT_EQ(answered.outcome.verdict, ParseVerdict::kGarbage);  // still no From: nothing to invent
  EXPECT_EQ(answered.message.status(), 400);

  const Parsed folded(invite_with("CSeq: 1\r\n  BYE"));
  EXPECT_EQ(folded.outcome.verdict, ParseVerdict::kBadRequest);
  const Parsed again(answer(folded.message, "me", 400));
  EXPECT_EQ(again.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(again.message.cseq().method, Method::kBye);

  // A To that cannot be read has a tag all the same: no second one.
  const Parsed tagged(invite_with("To: Watson, T <sip:t@example.org>;tag=theirs"));
  EXPECT_EQ(tagged.outcome.verdict, ParseVerdict::kBadRequest);
  EXPECT_EQ(answer(tagged.message).find(";tag=me"), std::string::npos);
}

}  // namespace
}  // namespace tandem::sip
