// URIs, names and quoting, Vias, and IPv6 wherever an address may stand.
#include "tests/torture/rows.h"

namespace tandem::torture {
namespace {

std::string via_host(const Message& m) { return std::string(m.top_via().host); }
std::string from_user(const Message& m) { return std::string(m.from().uri.user); }
std::string display(const Message& m) { return std::string(m.from().display); }

std::vector<Row> uris() {
  return {
      {"UserOfAllSigns", "§25.1: unreserved and user-unreserved",
       invite_to("sip:aZ0-_.!~*'()&=+$,;?/:p&=+$,@h"), kOk, 0, target_user, "aZ0-_.!~*'()&=+$,;?/"},
      {"UserEscaped", "§19.1.2: %HH is one character", invite_to("sip:%61%00%2F%ff@h"), kOk, 0,
       [](const Message& m) { return *sip::unescape(m.target().user); },
       std::string("a\0/\xff", 4)},
      {"EscapeCutShort", "§25.1: % HEXDIG HEXDIG", invite_to("sip:a%4@h"), kBad, 400},
      {"EscapeNotHex", "§25.1", invite_to("sip:a%GG@h"), kBad, 400},
      {"EscapeInHost", "§25.1: a host has none", invite_to("sip:a@ex%61mple.com"), kBad, 400},
      {"EscapeInParam", "§25.1: paramchar", invite_to("sip:a@h;p%31=%32")},
      {"EscapeBrokenInParam", "§25.1", invite_to("sip:a@h;p=%"), kBad, 400},
      {"UriOfParams", "§19.1.1: what isn't known is ignored",
       invite_to("sip:a@h;transport=tcp;lr;maddr=192.0.2.1;ttl=15;user=phone;method=INVITE;x;y=z")},
      {"UriWithHeaders", "§19.1.1: not allowed in a Request-URI; ignored",
       invite_to("sip:a@h?Subject=x&y=z"), kOk, 0,
       [](const Message& m) { return std::string(m.target().headers); }, "Subject=x&y=z"},
      {"UriTwoAts", "§25.1: an '@' in a host", invite_to("sip:a@b@c"), kBad, 400},
      {"UriNoHost", "§25.1", invite_to("sip:a@"), kBad, 400},
      {"UriNothing", "§25.1", invite_to("sip:"), kBad, 400},
      {"UriPortZero", "nobody listens on port 0", invite_to("sip:a@h:0"), kBad, 400},
      {"UriPortTooLarge", "16 bits", invite_to("sip:a@h:65536"), kBad, 400},
      {"UriPortWraps", "2^32 + 5060 is not 5060", invite_to("sip:a@h:4294972356"), kBad, 400},
      {"UriPortEmpty", "§25.1: 1*DIGIT", invite_to("sip:a@h:"), kBad, 400},
      {"UriSchemeInCapitals", "RFC 3986 §3.1: without case", invite_to("SiP:a@h"), kOk, 0,
       target_host, "h"},
      {"UriSips", "§19.1", invite_to("sips:a@h:5061;lr"), kOk, 0, target_host, "h"},
      {"UriOfHttp", "§21.4.14", invite_to("http://h/"), kBad, 416},
      {"UriOfUrn", "§21.4.14; RFC 5031 is above", invite_to("urn:service:sos"), kBad, 416},
      {"UriInBrackets", "RFC 4475 §3.1.2.7", invite_to("<sip:a@h>"), kBad, 400},
      {"UriQuoted", "§25.1: no quotes in a URI", invite_to("sip:\"a\"@h"), kBad, 400},
      {"UriOfFourThousand", "§8.1.1.1: no limit but the message's",
       invite_to("sip:" + repeated("1", 4000) + "@h"), kOk, 0,
       [](const Message& m) { return std::to_string(m.target().user.size()); }, "4000"},
      {"TelGlobal", "RFC 3966 §5.1.4", invite_to("tel:+1-201-555-0123"), kOk, 0, target_user,
       "+1-201-555-0123"},
      {"TelLocal", "RFC 3966 §5.1.5",
       invite_to("tel:7042;phone-context=example.com;ext=3;isub=12/4"), kOk, 0, target_user,
       "7042"},
      {"TelContextOfDigits", "RFC 3966 §3", invite_to("tel:863-1234;phone-context=+1-914-555"), kOk,
       0, [](const Message& m) { return std::string(m.target().params); },
       "phone-context=+1-914-555"},
      {"TelOfKeys", "RFC 3966 §3: * and # and A to F dial too", invite_to("tel:*67#A(0)F"), kOk, 0,
       target_user, "*67#A(0)F"},
      {"TelInParties", "§20.20, §20.39: any URI there", invite_with("From: <tel:+4930;x=y>;tag=1"),
       kOk, 0, from_user, "+4930"},
      {"TelOfLetters", "RFC 3966 §3", invite_to("tel:call-me"), kBad, 400},
      {"TelEmpty", "RFC 3966 §3: one digit at least", invite_to("tel:;phone-context=h"), kBad, 400},
      {"TelPlusAlone", "RFC 3966 §3: one digit at least", invite_to("tel:+"), kBad, 400},
      {"TelSeparatorsAlone", "RFC 3966 §3: one digit at least", invite_to("tel:-.()"), kBad, 400},
      {"TelPlusInside", "RFC 3966 §3: '+' begins a number", invite_to("tel:49+30"), kBad, 400},
      {"TelTwoSemicolons", "RFC 3966 §3: a parameter has a name", invite_to("tel:+4930;;a=b"), kBad,
       400},
  };
}

std::vector<Row> names() {
  return {
      {"DeepQuoting", "§25.1: within quotes nothing parts, behind a backslash nothing closes",
       invite_with("From: \"\\\\\\\"\\\\ <sip:x@y>;tag=0, \\\"<>;,@\" <sip:a@b>;tag=1"), kOk, 0,
       [](const Message& m) { return display(m) + std::string(m.from_tag()); },
       "\"\\\\\\\"\\\\ <sip:x@y>;tag=0, \\\"<>;,@\"1"},
      {"QuoteEndsInBackslash", "§25.1: that quote never closes",
       invite_with("From: \"a\\\" <sip:a@b>;tag=1"), kBad, 400},
      {"QuotedEmpty", "§25.1", invite_with("From: \"\" <sip:a@b>;tag=1"), kOk, 0, display, "\"\""},
      {"QuotedThousandBackslashes", "§25.1",
       invite_with("From: \"" + repeated("\\\\", 1000) + "\" <sip:a@b>;tag=1"), kOk, 0, from_user,
       "a"},
      {"QuotedParam", "§25.1: gen-value may be quoted",
       invite_with("From: <sip:a@b>;x=\"1;tag=2, \\\"3>\";tag=4"), kOk, 0,
       [](const Message& m) { return std::string(m.from_tag()); }, "4"},
      {"QuotedParamOpen", "§25.1", invite_with("From: <sip:a@b>;x=\"1;tag=4"), kBad, 400},
      {"QuoteBehindName", "§25.1: token or quoted string, not both",
       invite_with("From: Bob \"B\" <sip:a@b>;tag=1"), kBad, 400},
      {"DisplayOfTokens", "§25.1", invite_with("From: -.!%*_+`'~ 0 <sip:a@b>;tag=1"), kOk, 0,
       display, "-.!%*_+`'~ 0"},
      {"DisplayUnquotedComma", "§25.1: a comma needs quotes",
       invite_with("From: Bell, A. G. <sip:a@b>;tag=1"), kBad, 400},
      {"NoBlankBeforeBracket", "§25.1", invite_with("From: Bob<sip:a@b>;tag=1"), kOk, 0, display,
       "Bob"},
      {"BlankInBrackets", "RFC 4475 §3.1.2.14", invite_with("From: < sip:a@b >;tag=1"), kBad, 400},
      {"BracketsTwice", "§25.1", invite_with("From: <<sip:a@b>>;tag=1"), kBad, 400},
      {"WordsBehindBracket", "§25.1", invite_with("From: <sip:a@b> Bob;tag=1"), kBad, 400},
      {"QuestionWithoutBrackets", "§20.10: '?' needs <>", invite_with("Contact: sip:a@b?x=y"), kBad,
       400},
      {"SemicolonTooMany", "§25.1: a parameter has a name", invite_with("From: <sip:a@b>;;tag=1"),
       kBad, 400},
      {"SemicolonAtEnd", "one at the end is let pass", invite_with("From: <sip:a@b>;tag=1;"), kOk,
       0, [](const Message& m) { return std::string(m.from_tag()); }, "1"},
      {"SemicolonAtEndOfTo", "as above: our tag comes behind it", invite_with("To: <sip:a@b>;")},
      {"StarIsNoParty", "§20.10: * is for a Contact", invite_with("To: *"), kBad, 400},
      {"UnknownScheme", "§8.2.2.1: in From any URI may stand",
       invite_with("From: <mailto:a@b>;tag=1"), kOk, 0,
       [](const Message& m) { return std::string(m.from().uri.text); }, "mailto:a@b"},
  };
}

std::vector<Row> vias() {
  return {
      {"ViaOfBlanks", "§25.1: LWS around the slashes, the colon and the semicolons",
       invite_with("Via: SIP / 2.0 / UDP  h : 5070 ; branch = z9hG4bK1 ; rport"), kOk, 0,
       [](const Message& m) {
         return via_host(m) + std::to_string(m.top_via().port) + std::string(m.top_via().branch);
       },
       "h5070z9hG4bK1"},
      {"ViaOfOtherTransport", "§20.42: any token", invite_with("Via: SIP/2.0/X-WS.1 h"), kOk, 0,
       [](const Message& m) { return std::string(m.top_via().transport); }, "X-WS.1"},
      {"ViaOfOtherProtocol", "§20.42: any token; whoever sent it can be answered",
       invite_with("Via: FOO/9/UDP h")},
      {"ViaParamsEmpty", "RFC 4475 §3.1.2.1", invite_with("Via: SIP/2.0/UDP h;;branch=z9hG4bK1"),
       kBad, 400},
      {"ViaBranchEmpty", "§25.1: via-branch is a token", invite_with("Via: SIP/2.0/UDP h;branch="),
       kBad, 400},
      {"ViaParamsInCapitals", "§7.3.1: names have no case",
       invite_with("Via: SIP/2.0/udp H;BRANCH=z9hG4bK1;RPORT"), kOk, 0,
       [](const Message& m) { return std::string(m.top_via().branch) + via_host(m); }, "z9hG4bK1H"},
      {"ViaSecondBroken", "§25.1: a list is as good as its values",
       invite_with("Via: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0"), kBad, 400},
      {"ViaSecondBrokenInResponse", "§18.1.2: only the top one is needed",
       invite_with("Via: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0", "SIP/2.0 200 OK")},
      {"ViaUnderscore", "no host has '_', but real ones do",
       invite_with("Via: SIP/2.0/UDP my_host"), kOk, 0, via_host, "my_host"},
      {"ViaNoHost", "§20.42: nobody to answer", invite_with("Via: SIP/2.0/UDP ;branch=z"),
       kGarbage},
      {"ViaPortTooLarge", "nobody to answer", invite_with("Via: SIP/2.0/UDP h:70000"), kGarbage},
      {"ViaQuotedParam", "§25.1: via-extension may be quoted",
       invite_with("Via: SIP/2.0/UDP h;x=\"a;branch=1, b\";branch=z9hG4bK2"), kOk, 0,
       [](const Message& m) { return std::string(m.top_via().branch); }, "z9hG4bK2"},
  };
}

// RFC 5118's subjects.
std::vector<Row> ip6() {
  return {
      {"Ip6Target", "RFC 3261 §25.1: in brackets", invite_to("sip:bob@[2001:db8::10]"), kOk, 0,
       target_host, "2001:db8::10"},
      {"Ip6TargetWithPort", "RFC 5118 §4.3: the port is behind the brackets",
       invite_to("sip:[2001:db8::10]:5070"), kOk, 0,
       [](const Message& m) { return std::to_string(m.target().port); }, "5070"},
      {"Ip6PortInside", "RFC 5118 §4.3: within the brackets it is a part of the address",
       invite_to("sip:[2001:db8::10:5070]"), kOk, 0,
       [](const Message& m) { return std::to_string(m.target().port) + target_host(m); },
       "02001:db8::10:5070"},
      {"Ip6NoBrackets", "RFC 5118 §4.2: which colon begins the port?",
       invite_to("sip:2001:db8::10"), kBad, 400},
      {"Ip6Via", "RFC 3261 §20.42",
       invite_with("Via: SIP/2.0/UDP [2001:db8::9:1]:5060;branch=z9hG4bK1"), kOk, 0, via_host,
       "2001:db8::9:1"},
      {"Ip6ViaNoBrackets", "RFC 5118 §4.2: nobody to answer",
       invite_with("Via: SIP/2.0/UDP 2001:db8::9;branch=z9hG4bK1"), kGarbage},
      {"Ip6ReceivedBare", "RFC 5118 §4.5: received has no brackets by the grammar",
       invite_with("Via: SIP/2.0/UDP [2001:db8::9];received=2001:db8::9:255;branch=z9hG4bK1")},
      {"Ip6ReceivedBrackets", "RFC 5118 §4.5: and with them all the same",
       invite_with("Via: SIP/2.0/UDP [2001:db8::9];received=[2001:db8::9:255];branch=z9hG4bK1")},
      {"Ip6Parties", "RFC 3261 §25.1: host is host everywhere",
       invite_with("From: <sip:a@[2001:db8::1]>;tag=1\r\nContact: <sip:a@[2001:db8::1]:5070;"
                   "maddr=[2001:db8::2]>\r\nRoute: <sip:[2001:db8::3];lr>"),
       kOk, 0, [](const Message& m) { return std::string(m.from().uri.host); }, "2001:db8::1"},
      {"Ip6Mapped", "RFC 5118 §4.8: IPv4-mapped", invite_to("sip:a@[::ffff:192.0.2.2]"), kOk, 0,
       target_host, "::ffff:192.0.2.2"},
      {"Ip6InCapitals", "RFC 4291 §2.2", invite_to("sip:a@[2001:DB8:0:0:0:0:0:AB]"), kOk, 0,
       target_host, "2001:DB8:0:0:0:0:0:AB"},
      {"Ip6ThreeColons", "RFC 5954 §4.1: RFC 3261's grammar allowed them by mistake",
       invite_to("sip:a@[2001:db8:::192.0.2.1]"), kBad, 400},
      {"Ip6TwoGaps", "RFC 4291 §2.2: '::' once", invite_to("sip:a@[2001::db8::1]"), kBad, 400},
      {"Ip6NineGroups", "RFC 4291 §2.2: eight", invite_to("sip:a@[1:2:3:4:5:6:7:8:9]"), kBad, 400},
      {"Ip6Zone", "RFC 3261 §25.1 knows no zones", invite_to("sip:a@[fe80::1%25eth0]"), kBad, 400},
      {"Ip6Empty", "RFC 3261 §25.1", invite_to("sip:a@[]"), kBad, 400},
      {"Ip6NeverCloses", "RFC 3261 §25.1", invite_to("sip:a@[2001:db8::1"), kBad, 400},
      {"Ip4InBrackets", "RFC 3261 §25.1: brackets are IPv6's", invite_to("sip:a@[192.0.2.1]"), kBad,
       400},
      {"Ip6InCallId", "RFC 3261 §25.1, word", invite_with("Call-ID: x@[2001:db8::1]"), kOk, 0,
       [](const Message& m) { return std::string(m.call_id()); }, "x@[2001:db8::1]"},
      {"Ip6AndIp4Vias", "RFC 5118 §4.6: a mixed way",
       invite_with("Via: SIP/2.0/UDP [2001:db8::9]:6050;branch=z9hG4bK1, SIP/2.0/UDP "
                   "192.0.2.1;branch=z9hG4bK2\r\nVia: SIP/2.0/TCP [2001:db8::1]"),
       kOk, 0, via_host, "2001:db8::9"},
  };
}

}  // namespace

std::vector<Row> address_rows() {
  std::vector<Row> out;
  for (auto& part : {uris(), names(), vias(), ip6()}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace tandem::torture
