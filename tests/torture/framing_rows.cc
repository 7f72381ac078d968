// Lines, folding, odd bytes, lengths and bodies.
#include "tests/torture/rows.h"

namespace tandem::torture {
namespace {

using namespace std::string_literals;

// The message with bare LF line ends.
std::string bare(std::string bytes) {
  std::erase(bytes, '\r');
  return bytes;
}

// The message with one line more and its body, whose length is not checked.
std::string with_body(std::string_view line, std::string_view body) {
  return invite_with(line) + std::string(body);
}

const std::string kMultipart =
    "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
    "t=0 0\r\n--b1\r\nContent-Type: application/isup;version=itu-t92+\r\n"
    "Content-Disposition: signal;handling=optional\r\n\r\n\x01\x00\x60\r\n \n\x0d\x0a\x80\r\n"
    "--b1--\r\n"s;

std::vector<Row> folding() {
  return {
      {"FoldedEverywhere", "§7.3.1: a line that begins with a blank goes on with the last",
       "INVITE sip:bob@h SIP/2.0\r\nVia:\r\n SIP/2.0/UDP\r\n h\r\n ;\r\n branch\r\n =\r\n z9hG4bK1"
       "\r\nFrom:\r\n \"A\r\n B\"\r\n <sip:a@b>\r\n ;tag=1\r\nTo:\r\n\t<sip:c@d>\r\nCall-ID:\r\n x"
       "\r\nCSeq:\r\n 1\r\n INVITE\r\nMax-Forwards:\r\n 7\r\nContent-Length:\r\n 2\r\n\r\nhi",
       kOk, 0, [](const Message& m) { return std::string(m.top_via().branch) + body(m); },
       "z9hG4bK1hi"},
      {"FoldedByTabs", "§25.1: LWS is a blank or a tab", invite_with("Subject: a\r\n\tb\r\n\t\tc"),
       kOk, 0, value(HeaderId::kSubject), "a  \tb  \t\tc"},
      {"FoldedByBareLf", "§7.3.1, with the line ends that not everybody sends right",
       bare(invite_with("Subject: a\r\n b")), kOk, 0, value(HeaderId::kSubject), "a  b"},
      {"FoldOfBlanksOnly", "§25.1: a continuation may hold nothing but blanks",
       invite_with("Subject: a\r\n \r\n  \r\nX: y"), kOk, 0, unknown("X"), "y"},
      {"FoldedListBetweenValues", "§7.3.1",
       invite_with("Supported: timer\r\n ,\r\n 100rel,\r\n\treplaces"), kOk, 0,
       values(HeaderId::kSupported), "timer|100rel|replaces|"},
      {"FoldedInsideQuotes", "§25.1: a quoted string may hold LWS",
       invite_with("From: \"A,\r\n <B>\" <sip:a@b>;tag=1"), kOk, 0,
       [](const Message& m) { return std::string(m.from().display); }, "\"A,   <B>\""},
      {"FoldedHundredTimes", "§7.3.1 knows no limit",
       invite_with("Subject:" + repeated("\r\n x", 100)), kOk, 0,
       [](const Message& m) { return std::to_string(m.value(HeaderId::kSubject).size()); }, "397"},
      {"BlankBeforeFirstHeader", "§25.1: no header to go on with",
       invite_with({}, "INVITE sip:bob@192.0.2.9 SIP/2.0\r\n more"), kBad, 400},
      {"FoldedUri", "§19.1.1: no LWS in a URI", invite_with("To: <sip:bob\r\n @h>"), kBad, 400},
      {"FoldedRequestLine", "§7.1: the Request-Line is one line",
       invite_with({}, "INVITE\r\n sip:bob@192.0.2.9 SIP/2.0"), kGarbage},
  };
}

std::vector<Row> line_ends() {
  return {
      {"BareLfEverywhere", "§7 asks for CRLF; LF alone is read all the same",
       bare(with_body("Content-Length: 2", "hi")), kOk, 0, body, "hi"},
      {"MixedLineEnds", "as above, one line of both kinds each", invite_with("X: 1\nY: 2\r\nZ: 3"),
       kOk, 0, unknown("Y"), "2"},
      {"CrBetweenHeaders", "§25.1: a CR alone ends no line, and to others it might",
       invite_with("Subject: a\rVia: SIP/2.0/UDP evil"), kBad, 400},
      {"CrCrLf", "§25.1: one CR too many", invite_with("Subject: a\r"), kBad, 400},
      {"CrAtEndOfBareLine", "§25.1", invite_with("Subject: a\r\r\n b"), kBad, 400},
      {"EmptyLinesInFront", "§7.5: before the start line they are skipped",
       "\r\n\r\n\n" + invite_with()},
      {"NoEmptyLine", "no body is announced: only the empty line is missing",
       invite_with().substr(0, invite_with().size() - 2)},
      {"HalfALine", "§18.3: what was cut off is no request",
       invite_with().substr(0, invite_with().size() - 6), kBad, 400},
      {"OnlyBlanksAsLastLine", "a line of blanks goes on with the last header; no end follows",
       invite_with().substr(0, invite_with().size() - 2) + "  ", kBad, 400},
  };
}

std::vector<Row> odd_bytes() {
  return {
      {"NulInValue", "§25.1: no header holds a NUL; who ends strings by it would be fooled",
       invite_with("Subject: a\0b"s), kBad, 400},
      {"NulEndsName", "§25.1", invite_with("Subj\0ect: a"s), kBad, 400},
      {"NulInRequestUri", "§25.1", invite_to("sip:bob\0@h"s), kBad, 400},
      {"NulInMethod", "§25.1", invite_with({}, "INV\0ITE sip:bob@h SIP/2.0"s), kBad, 400},
      {"NulQuoted", "§25.1, quoted-pair: behind a backslash it is allowed",
       invite_with("From: \"a\\\0b\" <sip:a@b>;tag=1"s), kOk, 0,
       [](const Message& m) { return std::string(m.from().display); }, "\"a\\\0b\""s},
      {"Utf8Everywhere", "§25.1: TEXT-UTF8, in quotes and out",
       invite_with("From: \"J\xc3\xbcrgen \xe4\xbd\xa0\" <sip:a@b>;tag=1\r\nSubject: \xc3\xa9"),
       kOk, 0, value(HeaderId::kSubject), "\xc3\xa9"},
      {"Latin1Display", "not UTF-8, but nothing is ambiguous about it",
       invite_with("From: J\xfcrgen <sip:a@b>;tag=1"), kOk, 0,
       [](const Message& m) { return std::string(m.from().uri.user); }, "a"},
      {"EightBitMethod", "§25.1: a method is a token", invite_with({}, "INVIT\xc9 sip:b@h SIP/2.0"),
       kBad, 400},
      {"EightBitHeaderName", "§25.1: a name is a token", invite_with("S\xfc: a"), kBad, 400},
      {"ControlsInValue", "they hurt nobody in a header that nobody reads",
       invite_with("X-Odd: a\x07\x1b[1m\x7f"), kOk, 0, unknown("X-Odd"), "a\x07\x1b[1m\x7f"},
      {"TabsForBlanks", "§25.1: LWS", invite_with("CSeq:\t314159\tINVITE\t"), kOk, 0,
       [](const Message& m) { return std::to_string(m.cseq().number); }, "314159"},
      {"ByteOrderMark", "§7.1: a method doesn't begin with one", "\xef\xbb\xbf" + invite_with(),
       kBad, 400},
  };
}

std::vector<Row> lengths() {
  return {
      {"LengthZeroWithBody", "§18.3: what is beyond is not the message's",
       with_body("Content-Length: 0", "v=0\r\n"), kOk, 0, body, ""},
      {"LengthCuts", "§18.3", with_body("Content-Length: 3", "v=0\r\nINVITE"), kOk, 0, body, "v=0"},
      {"LengthBeyond", "§18.3: 400", with_body("Content-Length: 6", "v=0\r\n"), kBad, 400},
      {"LengthMissing", "§20.14: over UDP the body is the rest",
       with_body("Content-Length:", "v=0"), kOk, 0, body, "v=0"},
      {"LengthEmpty", "§20.14: 1*DIGIT", with_body("Content-Length: ", "v=0"), kBad, 400},
      {"LengthSigned", "§20.14: 1*DIGIT", with_body("Content-Length: +3", "v=0"), kBad, 400},
      {"LengthHex", "§20.14: 1*DIGIT", with_body("Content-Length: 0x3", "v=0"), kBad, 400},
      {"LengthList", "§20.14: one number", with_body("Content-Length: 3, 3", "v=0"), kBad, 400},
      {"LengthTwice", "the same twice says the same", with_body("Content-Length: 3\r\nl: 3", "v=0"),
       kOk, 0, body, "v=0"},
      {"LengthTwoMinds", "RFC 4475 §3.3.9: which one?",
       with_body("Content-Length: 3\r\nl: 2", "v=0"), kBad, 400},
      {"LengthLeadingZeros", "1*DIGIT",
       with_body("Content-Length: 0000000000000000000000003", "v=0"), kOk, 0, body, "v=0"},
      {"LengthOverflow", "2^64 + 3 is not 3",
       with_body("Content-Length: 18446744073709551619", "v=0"), kBad, 400},
      {"LengthInResponse", "§18.3: such a response is dropped",
       invite_with("Content-Length: 9", "SIP/2.0 200 OK") + "v=0", kGarbage},
  };
}

std::vector<Row> bodies() {
  return {
      {"Multipart", "RFC 5621: the parts are not the parser's; every byte passes",
       with_body("Content-Length: " + std::to_string(kMultipart.size()) +
                     "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;boundary=b1",
                 kMultipart),
       kOk, 0, body, kMultipart},
      {"BodyOfEveryByte", "§7.4: a body is octets",
       [] {
         std::string all;
         for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
         return with_body("Content-Length: 256", all);
       }(),
       kOk, 0, [](const Message& m) { return std::to_string(m.body().size()); }, "256"},
      {"BodyLooksLikeHeaders", "§7.4: behind the empty line there are none",
       with_body("Content-Length: 13", "To: nonsense\n"), kOk, 0,
       [](const Message& m) { return std::to_string(m.count(HeaderId::kTo)); }, "1"},
      {"BodyLooksLikeARequest", "§18.3: one datagram, one message",
       with_body("Content-Length: 0", invite_with()), kOk, 0, body, ""},
  };
}

}  // namespace

std::vector<Row> framing_rows() {
  std::vector<Row> out;
  for (auto& part : {folding(), line_ends(), odd_bytes(), lengths(), bodies()}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace tandem::torture
