#include "controlplane/sip/parser.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

void expect_ok(std::string_view bytes) {
  const Parsed p(bytes);
  EXPECT_EQ(p.outcome.verdict, ParseVerdict::kOk) << p.outcome.reason << "\n" << bytes;
  EXPECT_EQ(p.outcome.status, 0);
}

void expect_garbage(std::string_view bytes) {
  const Parsed p(bytes);
  EXPECT_EQ(p.outcome.verdict, ParseVerdict::kGarbage) << p.outcome.reason << "\n" << bytes;
}

// A refusal that can be addressed: the top Via was read.
void expect_refused(std::string_view bytes, int status, std::string_view reason) {
  const Parsed p(bytes);
  EXPECT_EQ(p.outcome.verdict, ParseVerdict::kBadRequest) << bytes;
  EXPECT_EQ(p.outcome.status, status) << bytes;
  EXPECT_EQ(p.outcome.reason, reason) << bytes;
  EXPECT_FALSE(p.message.top_via().host.empty());
}

std::string response_with(std::string_view line, std::string_view start = "SIP/2.0 200 OK") {
  return invite_with(line, start);
}

TEST(Parser, ReadsARequest) {
  const Parsed p(invite_with("Content-Length: 4") + "v=0\n");
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  const Message& m = p.message;
  EXPECT_TRUE(m.is_request());
  EXPECT_EQ(m.method(), Method::kInvite);
  EXPECT_EQ(m.method_name(), "INVITE");
  EXPECT_EQ(m.request_uri(), "sip:bob@192.0.2.9");
  EXPECT_EQ(m.call_id(), "a84b4c76e66710@192.0.2.1");
  EXPECT_EQ(m.cseq().number, 314159u);
  EXPECT_EQ(m.cseq().method, Method::kInvite);
  EXPECT_EQ(m.from().uri.user, "alice");
  EXPECT_EQ(m.from().display, "\"Alice\"");
  EXPECT_EQ(m.from_tag(), "1928");
  EXPECT_EQ(m.to_tag(), "");
  EXPECT_EQ(m.top_via().branch, "z9hG4bKabc");
  EXPECT_TRUE(m.top_via().rport);
  EXPECT_EQ(m.max_forwards(), 70u);
  EXPECT_EQ(m.headers().size(), 8u);
  EXPECT_EQ(m.body(), "v=0\n");
}

TEST(Parser, ReadsAResponse) {
  const Parsed p(response_with("", "sip/2.0 183   Session Progress"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_FALSE(p.message.is_request());
  EXPECT_EQ(p.message.status(), 183);
  EXPECT_EQ(p.message.reason(), "Session Progress");
  EXPECT_EQ(p.message.method(), Method::kOther);
  expect_ok(response_with("", "SIP/2.0 200"));
  expect_ok(response_with("", "SIP/2.0 699 "));
}

TEST(Parser, AMessageIsOverwritten) {
  std::string first = invite_with("Content-Length: 4") + "v=0\n";
  std::string second = response_with("Max-Forwards:");
  Message message;
  ASSERT_EQ(Parser::parse(first, message).verdict, ParseVerdict::kOk);
  ASSERT_EQ(Parser::parse(second, message).verdict, ParseVerdict::kOk);
  EXPECT_FALSE(message.is_request());
  EXPECT_EQ(message.method(), Method::kOther);
  EXPECT_EQ(message.request_uri(), "");
  EXPECT_EQ(message.body(), "");
  EXPECT_FALSE(message.max_forwards());
  EXPECT_EQ(message.headers().size(), 7u);
}

TEST(Parser, Keepalives) {
  for (const char* bytes : {"", "\r\n", "\r\n\r\n", "\n", "\r"}) {
    EXPECT_EQ(Parsed(bytes).outcome.verdict, ParseVerdict::kKeepalive);
  }
  expect_ok("\r\n\r\n" + invite_with());  // §7.5
}

TEST(Parser, Garbage) {
  const std::string stun("\x00\x01\x00\x08\x21\x12\xa4\x42", 8);
  expect_garbage(stun);
  for (const char* bytes :
       {"x", " ", "INVITE", "INVITE sip:a@b\r\n\r\n", "INVITE sip:a@b SIP/2.0", "SIP/2.0\r\n\r\n",
        " INVITE sip:a@b SIP/2.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "INVITE sip:a@b SIP/2.0\r\n",
        "INVITE sip:a@b SIP/2.0\r\nVia\r\n\r\n", "INVITE SIP/2.0\r\n\r\n"}) {
    expect_garbage(bytes);
  }
  expect_garbage(invite_with("Via:"));
  expect_garbage(invite_with("Via: SIP/2.0/UDP"));
  expect_garbage(invite_with("Via: , SIP/2.0/UDP h"));
}

TEST(Parser, StatusCodesOutsideTheRange) {
  for (const char* start :
       {"SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 4294967301 x", "SIP/2.0 0200 x", "SIP/2.0 -20 x",
        "SIP/2.0 2x0 x", "SIP/2.0  ", "SIP/3.0 200 OK", "SIP/ 200 OK"}) {
    expect_garbage(response_with("", start));
  }
}

TEST(Parser, LineEnds) {
  auto bytes = invite_with("Content-Length: 2");
  std::erase(bytes, '\r');
  const Parsed p(bytes + "ab");
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.body(), "ab");
  EXPECT_EQ(p.message.request_uri(), "sip:bob@192.0.2.9");

  bytes = invite_with();
  expect_ok(bytes.substr(0, bytes.size() - 2));  // the empty line is missing, nothing else
  expect_refused(bytes.substr(0, bytes.size() - 4), 400, "Truncated Message");
  expect_refused(bytes.substr(0, bytes.size() - 3), 400, "Truncated Message");
  expect_refused(invite_with("Content-Length:").substr(0, bytes.size() - 21), 400,
                 "Truncated Message");
  expect_refused(invite_with("Subject: a\rEvil: 1"), 400, "Stray CR");
  expect_refused(invite_with("Subject: a\r"), 400, "Stray CR");
}

TEST(Parser, Folding) {
  const Parsed p(invite_with("Subject: one\r\n two\n\tthree\r\n \r\nX: y"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.value(HeaderId::kSubject), "one   two \tthree");
  const Parsed empty_first(invite_with("CSeq:\r\n  7\r\n\tINVITE"));
  ASSERT_EQ(empty_first.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(empty_first.message.cseq().number, 7u);
  // Behind the start line there is nothing to continue; behind the headers comes the body.
  expect_refused(invite_with("", "INVITE sip:bob@h SIP/2.0\r\n x"), 400, "Malformed Header");
  const Parsed body(invite_with("Content-Length: 2") + " x");
  ASSERT_EQ(body.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(body.message.body(), " x");
}

TEST(Parser, AnUnfoldedMessageReadsTheSameAgain) {
  const Parsed once(invite_with("Subject: one\r\n two"));
  const Parsed twice({once.buffer.get(), once.size});
  EXPECT_EQ(twice.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(twice.message.value(HeaderId::kSubject), once.message.value(HeaderId::kSubject));
}

TEST(Parser, HeaderNames) {
  auto bytes = invite_with();
  bytes.replace(bytes.find("Call-ID:"), 8, "CALL-id \t :");
  const Parsed p(bytes);
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.call_id(), "a84b4c76e66710@192.0.2.1");
}

TEST(Parser, CompactForms) {
  const Parsed p(
      crlf("INVITE sip:bob@h SIP/2.0\nv: SIP/2.0/UDP h;branch=z9hG4bK1\nf: <sip:a@b>;tag=1\n"
           "t: <sip:c@d>\ni: x\nCSeq: 1 INVITE\nm: <sip:a@b>\nl: 1\nc: text/plain\n\nx"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.call_id(), "x");
  EXPECT_EQ(p.message.value(HeaderId::kContact), "<sip:a@b>");
  EXPECT_EQ(p.message.body(), "x");
}

TEST(Parser, MalformedHeaderLines) {
  for (const char* line : {"Foobar roobar", "Foobar roobar ", "a b: c", ": c", "(x): c", "x"}) {
    expect_refused(invite_with(line), 400, "Malformed Header");
    expect_ok(response_with(line));
  }
}

TEST(Parser, ContentLength) {
  expect_refused(invite_with("Content-Length: 5") + "1234", 400, "Content-Length Beyond Message");
  for (const char* value : {"-1", "x", "1x", "1 2", "99999999999999999999", "+1"}) {
    expect_refused(invite_with(std::string("Content-Length: ") + value) + "1234", 400,
                   "Bad Content-Length");
    expect_garbage(response_with(std::string("Content-Length: ") + value) + "1234");
  }
  expect_refused(invite_with("Content-Length: 5\r\nl: 4") + "12345", 400, "Conflicting Headers");
  expect_ok(invite_with("Content-Length: 4\r\nl: 4") + "1234");
  EXPECT_EQ(Parsed(invite_with("Content-Length: 2") + "1234").message.body(), "12");
  EXPECT_EQ(Parsed(invite_with("Content-Length:") + "1234").message.body(), "1234");
}

TEST(Parser, MissingHeaders) {
  expect_refused(invite_with("From:"), 400, "Missing From");
  expect_refused(invite_with("To:"), 400, "Missing To");
  expect_refused(invite_with("Call-ID:"), 400, "Missing Call-ID");
  expect_refused(invite_with("CSeq:"), 400, "Missing CSeq");
  expect_ok(invite_with("Max-Forwards:"));  // RFC 2543
  expect_ok(invite_with("From: <sip:a@b>"));
  for (const char* name : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"}) {
    expect_garbage(response_with(name));
  }
}

TEST(Parser, ConflictingHeaders) {
  for (const char* line :
       {"CSeq: 314159 INVITE\r\nCSeq: 2 INVITE", "Call-ID: a\r\nCall-ID: b",
        "From: <sip:a@b>;tag=1\r\nFrom: <sip:a@b>;tag=2", "To: <sip:a@b>\r\nt: <sip:c@b>",
        "Max-Forwards: 70\r\nMax-Forwards: 69"}) {
    expect_refused(invite_with(line), 400, "Conflicting Headers");
    expect_garbage(response_with(line));
  }
}

TEST(Parser, CSeqValues) {
  expect_ok(invite_with("CSeq: 2147483647 INVITE"));
  expect_ok(invite_with("CSeq: 0000000000000000000001   INVITE"));
  for (const char* value : {"2147483648 INVITE", "36893488147419103232 INVITE", "INVITE", "1",
                            "-1 INVITE", "1INVITE", "1 IN VITE", "1 <INVITE>"}) {
    expect_refused(invite_with(std::string("CSeq: ") + value), 400, "Bad CSeq");
  }
  expect_refused(invite_with("CSeq: 1 BYE"), 400, "CSeq Method Mismatch");
  expect_refused(invite_with("CSeq: 1 invite"), 400, "CSeq Method Mismatch");
  expect_refused(invite_with("", "NEWMETHOD sip:a@b SIP/2.0"), 501, "Not Implemented");
  expect_ok(invite_with("CSeq: 1 NEWMETHOD", "NEWMETHOD sip:a@b SIP/2.0"));
  expect_garbage(invite_with("CSeq: 1 BYE", "ACK sip:bob@h SIP/2.0"));  // nobody answers an ACK
}

TEST(Parser, StartLines) {
  expect_ok(invite_with("", "INVITE   sip:bob@h   SIP/2.0"));
  expect_ok(invite_with("", "INVITE tel:+4930123 sip/2.0"));
  expect_refused(invite_with("", "INVITE sip:bob@h SIP/2.0 "), 400, "Blank After SIP-Version");
  expect_refused(invite_with("", "INVITE sip:bob@h SIP/7.0"), 505, "Version Not Supported");
  expect_refused(invite_with("", "INVITE sip:bob@h SIP/2.01"), 505, "Version Not Supported");
  expect_refused(invite_with("", "INVITE sip:bob@h; lr SIP/2.0"), 400, "Bad Request-URI");
  expect_refused(invite_with("", "INVITE <sip:bob@h> SIP/2.0"), 400, "Bad Request-URI");
  expect_refused(invite_with("", "INVITE bob@h SIP/2.0"), 400, "Bad Request-URI");
  expect_refused(invite_with("", "INVITE isbn:123 SIP/2.0"), 416, "Unsupported URI Scheme");
  expect_refused(invite_with("", "IN\"VITE sip:bob@h SIP/2.0"), 400, "Bad Method");
}

TEST(Parser, AddressHeaders) {
  expect_refused(invite_with("To: \"Mr. <sip:a@b>"), 400, "Bad To");
  expect_refused(invite_with("From: *"), 400, "Bad From");
  expect_refused(invite_with("From: <sip:a@b>;tag"), 400, "Bad From");
  expect_refused(invite_with("To: <sip:c@d>;tag="), 400, "Bad To");
  expect_refused(invite_with("To: <sip:c@d>;tag;x=1"), 400, "Bad To");
  expect_refused(invite_with("Contact: sip:a@b?Route=x"), 400, "Bad Contact");
  expect_refused(invite_with("Contact: <sip:a@b>,"
                             " ,<sip:c@d>"),
                 400, "Bad Contact");
  expect_refused(invite_with("Route: <sip:a@b"), 400, "Bad Route");
  expect_refused(invite_with("Record-Route: *"), 400, "Bad Record-Route");
  expect_refused(invite_with("Via: SIP/2.0/UDP 192.0.2.15;;,;,,"), 400, "Bad Via");
  expect_refused(invite_with("Via: SIP/2.0/UDP h;branch=z\r\nVia: nonsense"), 400, "Bad Via");
  expect_refused(invite_with("Call-ID: a b"), 400, "Bad Call-ID");
  // A BYE has to end its call (§8.2: what isn't needed may be wrong).
  auto bye = invite_with("CSeq: 2 BYE", "BYE sip:bob@h SIP/2.0");
  bye.replace(bye.find("Contact: "), 9, "Contact: <<");
  expect_ok(bye);
}

TEST(Parser, MaxForwards) {
  EXPECT_EQ(Parsed(invite_with("Max-Forwards: 0")).message.max_forwards(), 0u);
  expect_ok(invite_with("Max-Forwards: 255"));
  for (const char* value : {"256", "-1", "x", "1 1"}) {
    expect_refused(invite_with(std::string("Max-Forwards: ") + value), 400, "Bad Max-Forwards");
  }
}

TEST(Parser, TheRequestUriIsKeptRead) {
  const Parsed p(invite_with("", "INVITE sips:bob:pw@h:5071;lr?a=b SIP/2.0"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.target().scheme, Scheme::kSips);
  EXPECT_EQ(p.message.target().user, "bob");
  EXPECT_EQ(p.message.target().port, 5071);
  EXPECT_EQ(p.message.target().params, "lr");
  const Parsed bad(invite_with("", "INVITE sip:bob@ SIP/2.0"));
  EXPECT_EQ(bad.message.target().scheme, Scheme::kOther);
  EXPECT_TRUE(bad.message.target().host.empty());
}

// Names, colons and line ends at every place of a block, up to the last byte of the buffer.
TEST(Parser, LinesOfEveryLength) {
  for (std::size_t name = 1; name <= 70; ++name) {
    for (std::size_t value = 0; value <= 70; ++value) {
      const auto line = std::string(name, 'x') + ": " + std::string(value, 'v');
      auto bytes = invite_with(line + "\r\nSubject: " + line);
      const Parsed p(bytes);
      ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk) << line;
      const auto& odd = p.message.headers()[8];
      ASSERT_EQ(odd.name.size(), name);
      ASSERT_EQ(odd.value.size(), value);
      ASSERT_EQ(p.message.value(HeaderId::kSubject).size(), value == 0 ? name + 1 : line.size());
      Message plain;
      ASSERT_EQ(Parser::parse_plain(bytes, plain).verdict, ParseVerdict::kOk);
      ASSERT_EQ(plain.headers()[8].value, odd.value);
    }
  }
}

std::string contact_of(std::string_view bytes) {
  const Parsed p(bytes);
  const NameAddr* contact = p.message.contact();
  if (contact == nullptr) return "none";
  return contact->star ? "*" : std::string(contact->uri.text);
}

TEST(Parser, ReadsTheFirstContact) {
  EXPECT_EQ(contact_of(invite_with()), "sip:alice@192.0.2.1:5060");
  EXPECT_EQ(contact_of(invite_with("Contact: <sip:a@h>;q=1, <sip:b@h>\r\nContact: <sip:c@h>")),
            "sip:a@h");
  EXPECT_EQ(contact_of(response_with("Contact: Bob <sip:b@h;lr>;q=0.5")), "sip:b@h;lr");
  EXPECT_EQ(contact_of(response_with("Contact: *")), "*");
  EXPECT_EQ(contact_of(response_with("Contact: <sip:b@")), "none");
  EXPECT_EQ(contact_of(invite_with("Contact:")), "none");
  EXPECT_EQ(contact_of(invite_with("Contact: \r\nContact: <sip:c@h>")), "none");
}

TEST(Parser, AContactIsForgottenWithItsMessage) {
  std::string first = invite_with("Contact: Bob <sip:b@h>;q=1");
  std::string second = invite_with("Contact: <sip:c@h>");
  std::string third = invite_with("Contact:");
  Message message;
  ASSERT_EQ(Parser::parse(first, message).verdict, ParseVerdict::kOk);
  ASSERT_EQ(Parser::parse(second, message).verdict, ParseVerdict::kOk);
  ASSERT_TRUE(message.contact());
  EXPECT_EQ(message.contact()->uri.user, "c");
  EXPECT_EQ(message.contact()->display, "");
  EXPECT_EQ(message.contact()->params, "");
  ASSERT_EQ(Parser::parse(third, message).verdict, ParseVerdict::kOk);
  EXPECT_FALSE(message.contact());
}

TEST(Parser, RefusesABrokenContactWherever) {
  for (const char* line :
       {"Contact: <sip:a@", "Contact: <sip:a@h>, <sip:b@", "Contact: <sip:a@h>\r\nContact: x",
        "Contact: \r\nContact: <sip:b@", "Contact: ,<sip:a@h>"}) {
    expect_refused(invite_with(line), 400, "Bad Contact");
  }
  // Nobody needs a BYE's (§8.2).
  expect_ok(
      "BYE sip:bob@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n"
      "To: <sip:b@h>;tag=2\r\nCall-ID: x\r\nCSeq: 2 BYE\r\nContact: <sip:a@\r\n\r\n");
}

TEST(Parser, TagsAreTheFirstOfTheirName) {
  const Parsed p(invite_with("From: <sip:a@h;tag=uri>;x=1;TAG=one;tag=two"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.from_tag(), "one");
  EXPECT_EQ(p.message.from().tag(), "one");
  // A broken party's tag is known all the same: its answer must not get another one.
  const Parsed broken(invite_with("To: <sip:b@>;tag=there"));
  EXPECT_EQ(broken.outcome.reason, "Bad To");
  EXPECT_EQ(broken.message.to_tag(), "there");
  EXPECT_EQ(broken.message.to().uri.host, "");
}

TEST(Parser, ASemicolonTooManyIsNotCopied) {
  const Parsed p(invite_with("To: <sip:bob@h>;x=1 ;"));
  ASSERT_EQ(p.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(p.message.value(HeaderId::kTo), "<sip:bob@h>;x=1");
}

TEST(Parser, TooManyHeaders) {
  std::string more = "X: 1";
  while (more.size() < 120 * 6 - 2) more += "\r\nX: 1";
  const Parsed full(invite_with(more));
  EXPECT_EQ(full.outcome.verdict, ParseVerdict::kOk);
  EXPECT_EQ(full.message.headers().size(), Message::kHeadersMax);
  expect_refused(invite_with(more + "\r\nX: 1"), 400, "Too Many Headers");
  expect_garbage(response_with(more + "\r\nX: 1"));
}

TEST(Parser, EveryCutIsSurvived) {
  const auto bytes = invite_with("Content-Length: 4\r\nSubject: a\r\n b") + "v=0\n";
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Parsed p(std::string_view(bytes).substr(0, length));
    EXPECT_NE(p.outcome.verdict, ParseVerdict::kOk) << length;
  }
}

}  // namespace
}  // namespace tandem::sip
