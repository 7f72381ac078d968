// Names, lists, order, numbers, methods and peers from before RFC 3261.
#include "tests/torture/rows.h"

namespace tandem::torture {
namespace {

const std::string kCompact =
    "INVITE sip:bob@h SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nF:<sip:a@b>;tag=1\r\n"
    "T:<sip:c@d>\r\nI:x\r\nCSEQ:1 INVITE\r\nM:<sip:a@b>\r\nK:timer\r\nS:hello\r\nE:gzip\r\n"
    "C:text/plain\r\nX:90\r\nO:presence\r\nU:dialog\r\nR:<sip:r@h>\r\nB:<sip:b@h>\r\nL:2\r\n\r\nhi";

// A request with this method, in the CSeq too.
std::string request(const std::string& method) {
  return invite_with("CSeq: 7 " + method, method + " sip:bob@192.0.2.9 SIP/2.0");
}

std::vector<Row> header_names() {
  return {
      {"CompactForms", "§7.3.3, RFC 3515, 3892, 4028, 6665: all of them, in capitals", kCompact,
       kOk, 0,
       [](const Message& m) {
         std::string out;
         for (const auto id : {HeaderId::kSupported, HeaderId::kSubject, HeaderId::kSessionExpires,
                               HeaderId::kEvent, HeaderId::kAllowEvents, HeaderId::kReferTo,
                               HeaderId::kReferredBy, HeaderId::kContentEncoding}) {
           out += std::string(m.value(id)) + "|";
         }
         return out;
       },
       "timer|hello|90|presence|dialog|<sip:r@h>|<sip:b@h>|gzip|"},
      {"CompactAndLong", "§7.3.3: both forms are one header",
       invite_with("Supported: timer\r\nk: 100rel\r\nSUPPORTED: x"), kOk, 0,
       values(HeaderId::kSupported), "timer|100rel|x|"},
      {"CompactMindsItsTwin", "§20: To once only, in whatever form",
       invite_with("To: <sip:a@b>\r\nt: <sip:c@d>"), kBad, 400},
      {"BlanksBeforeColon", "§25.1, HCOLON", invite_with("Subject \t : a"), kOk, 0,
       value(HeaderId::kSubject), "a"},
      {"NoBlankBehindColon", "§25.1, HCOLON", invite_with("Subject:a"), kOk, 0,
       value(HeaderId::kSubject), "a"},
      {"NameOfOddTokens", "§25.1: all of these are token characters",
       invite_with("-.!%*_+`'~: odd"), kOk, 0, unknown("-.!%*_+`'~"), "odd"},
      {"NameLongerThanABlock", "no limit to a name but the message's",
       invite_with("X-" + repeated("abcdefgh", 12) + ": far"), kOk, 0,
       [](const Message& m) { return std::string(m.headers().back().value); }, "far"},
      {"NameAlmostKnown", "a longer name is another one", invite_with("Subjects: a\r\nSubjec: b"),
       kOk, 0, value(HeaderId::kSubject), ""},
      {"NameOfBlanks", "§25.1: a name is one token", invite_with("Sub ject: a"), kBad, 400},
      {"NoName", "§25.1: 1*token", invite_with(": a"), kBad, 400},
      {"ColonsInValue", "the first one parts", invite_with("X: a:b::c:\t"), kOk, 0, unknown("X"),
       "a:b::c:"},
      {"LineWithoutColon", "§25.1", invite_with("JustWords"), kBad, 400},
      {"LineWithoutColonInResponse", "§8.1.3: what isn't needed needn't be right",
       invite_with("JustWords", "SIP/2.0 200 OK")},
      {"HeadersOf128", "the limit is 128 lines", invite_with("X: 1" + repeated("\r\nX: 1", 119)),
       kOk, 0, [](const Message& m) { return std::to_string(m.headers().size()); }, "128"},
      {"HeadersOf129", "the limit is 128 lines", invite_with("X: 1" + repeated("\r\nX: 1", 120)),
       kBad, 400},
  };
}

std::vector<Row> lists() {
  return {
      {"ValuesMany", "§7.3.1: a list is a list",
       invite_with("Via: SIP/2.0/UDP a;branch=z9hG4bK1" +
                   repeated(", SIP/2.0/UDP b;branch=z9hG4bK2", 69)),
       kOk, 0,
       [](const Message& m) {
         int vias = 0;
         each_value(m, HeaderId::kVia, [&](std::string_view) { ++vias; });
         return std::to_string(vias);
       },
       "70"},
      {"ViasInLinesAndLists", "§7.3.1: top to bottom, left to right",
       invite_with("Via: SIP/2.0/UDP a, SIP/2.0/TCP b\r\nX: 1\r\nv: SIP/2.0/TLS c"), kOk, 0,
       values(HeaderId::kVia), "SIP/2.0/UDP a|SIP/2.0/TCP b|SIP/2.0/TLS c|"},
      {"CommasByThousands", "a header that nobody reads may be as it likes",
       invite_with("X-List: " + repeated(",", 9000)), kOk, 0,
       [](const Message& m) { return std::to_string(unknown("X-List")(m).size()); }, "9000"},
      {"CommasByThousandsInContact", "§20.10: between commas there are addresses",
       invite_with("Contact: " + repeated(",", 9000)), kBad, 400},
      {"CommaAtEndOfRoute", "a comma with nothing behind it parts nothing",
       invite_with("Route: <sip:p;lr>,")},
      {"RouteOfOtherScheme", "§16.6: a route is a SIP URI",
       invite_with("Record-Route: <tel:+4930>"), kBad, 400},
      {"CommaInFrontOfVia", "§25.1: a value stands before a comma",
       invite_with("Via: , SIP/2.0/UDP h"), kGarbage},
      {"CommasInsideBrackets", "§25.1: within <> they are the URI's",
       invite_with("Contact: <sip:a,b@c>, \"x, y\" <sip:d@e;p=1,2>"), kOk, 0,
       values(HeaderId::kContact), "<sip:a,b@c>|\"x, y\" <sip:d@e;p=1,2>|"},
      {"BracketNeverCloses", "§25.1", invite_with("Contact: <sip:a@b, <sip:c@d>"), kBad, 400},
      {"EmptyValuesThatMayBe",
       "§20.1, §20.37, §20.38: Accept, Supported and Unsupported may be empty",
       invite_with("Accept: \r\nSupported:\t\r\nUnsupported: \r\nX: ")},
      {"EmptyTo", "§20.39", invite_with("To: "), kBad, 400},
      {"EmptyCallId", "§20.8", invite_with("Call-ID: "), kBad, 400},
      {"EmptyMaxForwards", "§20.22: 1*DIGIT", invite_with("Max-Forwards: "), kBad, 400},
      {"EmptyCSeq", "§20.16", invite_with("CSeq: "), kBad, 400},
      {"EmptyVia", "§20.42: nobody to answer", invite_with("Via: "), kGarbage},
      {"OrderTurnedAround", "§7.3.1: the order of different headers means nothing",
       "INVITE sip:bob@h SIP/2.0\r\nContent-Length: 0\r\nContact: <sip:a@b>\r\nCSeq: 1 INVITE\r\n"
       "Call-ID: x\r\nTo: <sip:c@d>\r\nFrom: <sip:a@b>;tag=1\r\nMax-Forwards: 70\r\n"
       "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n"},
      {"UnknownHeaderStays", "§8.1.3, §16.6: byte for byte, blanks around it apart",
       invite_with("X-Charge:   a;b=\"c,d\" , <e>\\f  g\t(h) %41 \xff\r\nY: "), kOk, 0,
       unknown("X-Charge"), "a;b=\"c,d\" , <e>\\f  g\t(h) %41 \xff"},
  };
}

std::vector<Row> numbers() {
  return {
      {"CSeqLargest", "§8.1.1.5: below 2^31", invite_with("CSeq: 2147483647 INVITE")},
      {"CSeqTooLarge", "§8.1.1.5", invite_with("CSeq: 2147483648 INVITE"), kBad, 400},
      {"CSeqWraps32", "2^32 + 1 is not 1", invite_with("CSeq: 4294967297 INVITE"), kBad, 400},
      {"CSeqWraps64", "2^64 + 1 is not 1", invite_with("CSeq: 18446744073709551617 INVITE"), kBad,
       400},
      {"CSeqOfAThousandDigits", "1*DIGIT, but not that many",
       invite_with("CSeq: " + repeated("9", 1000) + " INVITE"), kBad, 400},
      {"CSeqZero", "§8.1.1.5: allowed", invite_with("CSeq: 0 INVITE")},
      {"CSeqOtherMethod", "§8.1.1.5: the request's own", invite_with("CSeq: 1 ACK"), kBad, 400},
      {"CSeqOtherCase", "§7.1: methods have their case", invite_with("CSeq: 1 Invite"), kBad, 400},
      {"CSeqTwoMethods", "§20.16", invite_with("CSeq: 1 INVITE INVITE"), kBad, 400},
      {"HopsLargest", "§20.22: 0 to 255", invite_with("Max-Forwards: 255")},
      {"HopsTooMany", "§20.22", invite_with("Max-Forwards: 256"), kBad, 400},
      {"HopsWrap", "2^32 + 70 is not 70", invite_with("Max-Forwards: 4294967366"), kBad, 400},
      {"HopsNone", "§16.3: 483 is above; a B2BUA is where it ends", invite_with("Max-Forwards: 0")},
      {"StatusTooLong", "§7.2: three digits", invite_with({}, "SIP/2.0 2000 OK"), kGarbage},
      {"StatusTooLarge", "§7.2: 1xx to 6xx", invite_with({}, "SIP/2.0 700 Odd"), kGarbage},
      {"StatusTooSmall", "§7.2: 1xx to 6xx", invite_with({}, "SIP/2.0 099 Odd"), kGarbage},
      {"StatusUnknown", "§8.1.3.2: taken as x00", invite_with({}, "SIP/2.0 299 Odd")},
      {"ReasonOfUtf8", "§25.1, Reason-Phrase",
       invite_with({}, "SIP/2.0 180 \xd0\x97\xd0\xb2;%20\"x"), kOk, 0,
       [](const Message& m) { return std::string(m.reason()); }, "\xd0\x97\xd0\xb2;%20\"x"},
      {"ReasonEmpty", "§25.1: it may be empty, the blank may not be missing but is",
       invite_with({}, "SIP/2.0 180")},
      {"ExpiresHuge", "§20.19: whoever uses it says what is too much",
       invite_with("Expires: 99999999999999999999")},
  };
}

std::vector<Row> methods() {
  return {
      {"MethodUnknown", "§8.2.1: 405 is above", request("NEWMETHOD")},
      {"MethodOfOddTokens", "§25.1", request("!%*_+`'~.-0"), kOk, 0,
       [](const Message& m) { return std::string(m.method_name()); }, "!%*_+`'~.-0"},
      {"MethodInSmallLetters", "§7.1: another method", request("invite"), kOk, 0,
       [](const Message& m) { return std::string(sip::method_name(m.method())); }, ""},
      {"MethodLong", "no limit but the message's", request(repeated("X", 3000))},
      {"MethodNotAToken", "§25.1", request("IN(VITE"), kBad, 400},
      {"MethodMissing", "§7.1", " sip:bob@h SIP/2.0" + invite_with().substr(24), kGarbage},
      {"AckThatIsBroken", "§17.1.1.3: nothing may answer an ACK",
       invite_with("CSeq: x ACK", "ACK sip:bob@h SIP/2.0"), kGarbage},
      {"RequestOfHttp", "not SIP", "GET /index.html HTTP/1.1\r\nHost: h\r\n\r\n", kGarbage},
      {"VersionInSmallLetters", "§7.1: without case", invite_with({}, "INVITE sip:b@h sip/2.0")},
      {"VersionOther", "§21.5.6", invite_with({}, "INVITE sip:b@h SIP/2.1"), kBad, 505},
      {"VersionLonger", "§21.5.6", invite_with({}, "INVITE sip:b@h SIP/2.0.1"), kBad, 505},
      {"BlankBehindVersion", "RFC 4475 §3.1.2.10", invite_with({}, "INVITE sip:b@h SIP/2.0\t"),
       kBad, 400},
      {"RequestLineByTabs", "§7.1: single blanks part its words",
       invite_with({}, "INVITE\tsip:b@h\tSIP/2.0"), kGarbage},
  };
}

std::vector<Row> old_peers() {
  return {
      {"OldPeer", "RFC 2543: no branch, no tag, no Max-Forwards, addresses without <>",
       "INVITE sip:4930@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: sip:a@192.0.2.1\r\n"
       "To: sip:4930@h\r\nCall-ID: 7\r\nCSeq: 1 INVITE\r\n\r\n",
       kOk, 0, [](const Message& m) { return std::string(m.top_via().branch) + "|"; }, "|"},
      {"OldBranch", "RFC 2543: a branch without the magic cookie",
       invite_with("Via: SIP/2.0/UDP 192.0.2.1;branch=1"), kOk, 0,
       [](const Message& m) { return std::string(m.top_via().branch); }, "1"},
      {"OldComment", "RFC 2543: a comment behind the Via's parameters is no parameter",
       invite_with("Via: SIP/2.0/UDP h;branch=z9hG4bK1 (Gateway)"), kBad, 400},
      {"OldTagOutside", "§20.10: without <> the parameters are the header's",
       invite_with("From: sip:a@b;tag=77;x=1"), kOk, 0,
       [](const Message& m) { return std::string(m.from_tag()); }, "77"},
      {"TagTwice", "the first one is it", invite_with("From: <sip:a@b>;tag=1;tag=2"), kOk, 0,
       [](const Message& m) { return std::string(m.from_tag()); }, "1"},
      {"TagInTheUri", "§19.3: the URI's parameters are no tag",
       invite_with("From: <sip:a@b;tag=5>"), kOk, 0,
       [](const Message& m) { return std::string(m.from_tag()); }, ""},
      {"TagEmpty", "§25.1: tag-param has a value", invite_with("From: <sip:a@b>;tag="), kBad, 400},
      {"CallIdOfOddWords", "§25.1, word", invite_with("Call-ID: ()<>:\\\"/[]?{}@%!+`'~"), kOk, 0,
       [](const Message& m) { return std::string(m.call_id()); }, "()<>:\\\"/[]?{}@%!+`'~"},
      {"CallIdOfTwoWords", "§25.1: no blank in a Call-ID", invite_with("Call-ID: a b"), kBad, 400},
      {"CallIdHasCase", "§20.8: Call-IDs have their case", invite_with("Call-ID: a\r\ni: A"), kBad,
       400},
      {"EverythingTwice", "twice the same is once",
       invite_with("CSeq: 314159 INVITE\r\nCSeq: 314159 INVITE\r\nMax-Forwards: 70\r\n"
                   "Call-ID: a84b4c76e66710@192.0.2.1")},
  };
}

}  // namespace

std::vector<Row> header_rows() {
  std::vector<Row> out;
  for (auto& part : {header_names(), lists(), numbers(), methods(), old_peers()}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace tandem::torture
