#include "controlplane/sip/uri.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

TEST(Uri, AllParts) {
  const auto uri = parse_uri("sip:bob:secret@example.com:5070;transport=udp;lr?Subject=x&a=b");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, Scheme::kSip);
  EXPECT_EQ(uri->user, "bob");
  EXPECT_EQ(uri->password, "secret");
  EXPECT_EQ(uri->host, "example.com");
  EXPECT_EQ(uri->port, 5070);
  EXPECT_EQ(uri->params, "transport=udp;lr");
  EXPECT_EQ(uri->headers, "Subject=x&a=b");
  EXPECT_TRUE(find_param(uri->params, "LR").has_value());
}

TEST(Uri, SmallestForms) {
  const auto uri = parse_uri("SIPS:example.com");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, Scheme::kSips);
  EXPECT_TRUE(uri->user.empty());
  EXPECT_EQ(uri->host, "example.com");
  EXPECT_EQ(uri->port, 0);
  EXPECT_EQ(parse_uri("sip:h?a=b;c")->headers, "a=b;c");
  EXPECT_EQ(parse_uri("sip:h;p")->params, "p");
}

TEST(Uri, Ip6HostHasNoBrackets) {
  const auto uri = parse_uri("sip:1000@[2001:db8::9]:5080;lr");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->host, "2001:db8::9");
  EXPECT_EQ(uri->port, 5080);
  EXPECT_FALSE(parse_uri("sip:1000@[2001:db8::9"));
  EXPECT_FALSE(parse_uri("sip:1000@[192.0.2.1]"));
  EXPECT_FALSE(parse_uri("sip:1000@[]"));
  EXPECT_FALSE(parse_uri("sip:1000@2001:db8::9"));
}

TEST(Uri, SignsInTheUserPartBelongToIt) {
  EXPECT_EQ(parse_uri("sip:user;par=u%40example.net@example.com")->user,
            "user;par=u%40example.net");
  EXPECT_EQ(parse_uri("sip:a?b/c@example.com")->user, "a?b/c");
  EXPECT_EQ(parse_uri("sip:+4969123#99@example.com")->user, "+4969123#99");
}

TEST(Uri, Tel) {
  const auto uri = parse_uri("tel:+1-212-555(01)01;phone-context=example.com");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, Scheme::kTel);
  EXPECT_EQ(uri->user, "+1-212-555(01)01");
  EXPECT_EQ(uri->params, "phone-context=example.com");
  EXPECT_TRUE(uri->host.empty());
  EXPECT_FALSE(parse_uri("tel:"));
  EXPECT_FALSE(parse_uri("tel:;a=b"));
  EXPECT_FALSE(parse_uri("tel:bob"));
  // RFC 3966 §3: a digit at least, '+' in front only, parameters with names.
  for (const char* text : {"tel:+", "tel:-.", "tel:+()", "tel:4+9", "tel:++49", "tel:49;;a=b",
                           "tel:49;=b", "tel:49;a=", "tel:49?a=b"}) {
    EXPECT_FALSE(parse_uri(text)) << text;
  }
}

TEST(Uri, UnknownSchemeIsWellFormed) {
  EXPECT_EQ(parse_uri("soap.beep://192.0.2.103:3002")->scheme, Scheme::kOther);
  EXPECT_EQ(parse_uri("urn:service:sos")->text, "urn:service:sos");
}

TEST(Uri, Refused) {
  for (const char* text : {"",
                           "sip",
                           "sip:",
                           ":",
                           ":bob@h",
                           "1sip:bob@h",
                           "bob@example.com",
                           "<sip:bob@h>",
                           "sip:bob@",
                           "sip:bob@h:",
                           "sip:bob@h:0",
                           "sip:bob@h:65536",
                           "sip:bob@h:5x",
                           "sip:bo b@h",
                           " sip:bob@h",
                           "sip:bob@h ",
                           "sip:bob@h\r\n",
                           "sip:b\"ob@h",
                           "sip:bob@a@b",
                           "sip:b%4@h",
                           "sip:b%zz@h",
                           "sip:bob@h,x",
                           "sip:;lr"}) {
    EXPECT_FALSE(parse_uri(text)) << text;
  }
}

TEST(Uri, Unescape) {
  EXPECT_EQ(unescape("%75se%72"), "user");
  EXPECT_EQ(unescape("%00")->size(), 1u);
  EXPECT_EQ(unescape(""), "");
  EXPECT_FALSE(unescape("50%"));
  EXPECT_FALSE(unescape("%4"));
  EXPECT_FALSE(unescape("%g0"));
}

TEST(Params, Found) {
  EXPECT_EQ(find_param(";a=b;c", "a"), "b");
  EXPECT_EQ(find_param("a=b;c", "C"), "");
  EXPECT_EQ(find_param("a = b ; c = d", "c"), "d");
  EXPECT_EQ(find_param("a=\"x;c=1\";c=2", "c"), "2");
  EXPECT_EQ(find_param("a=\"x\\\";c=1\";c=2", "c"), "2");
  EXPECT_EQ(find_param("a=\"x\"", "a"), "\"x\"");
  EXPECT_EQ(find_param("a=b=c", "a"), "b=c");
  EXPECT_FALSE(find_param("ab=c", "a"));
  EXPECT_FALSE(find_param("", "a"));
  EXPECT_FALSE(find_param("a=\"never closed;c", "c"));
}

TEST(Params, WellFormed) {
  for (const char* text : {"", "a", "a=b", "a=b;", "a = \"x;y\" ; b", "received=[2001:db8::1]"}) {
    EXPECT_TRUE(params_well_formed(text)) << text;
  }
  for (const char* text : {";", ";;", "a;;b", "a=", "=b", "a=\"x", "a=\"x\"y", "a b", "a=b c"}) {
    EXPECT_FALSE(params_well_formed(text)) << text;
  }
}

TEST(NameAddr, Forms) {
  auto party = parse_name_addr("\"Bell, \\\"A\\\" <x>\" <sip:a@b;lr>;tag=1;x");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->display, "\"Bell, \\\"A\\\" <x>\"");
  EXPECT_EQ(party->uri.user, "a");
  EXPECT_EQ(party->uri.params, "lr");
  EXPECT_EQ(party->params, "tag=1;x");
  EXPECT_EQ(party->tag(), "1");

  party = parse_name_addr("A. Bell<sip:a@b>");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->display, "A. Bell");
  EXPECT_FALSE(party->tag());

  // §20.10: without <> the parameters are the header's.
  party = parse_name_addr(" sip:a@b:5070 ;  tag = 7 ");
  ASSERT_TRUE(party);
  EXPECT_EQ(party->uri.text, "sip:a@b:5070");
  EXPECT_TRUE(party->uri.params.empty());
  EXPECT_EQ(party->tag(), "7");

  EXPECT_EQ(parse_name_addr("<tel:+123>")->uri.user, "+123");
  EXPECT_EQ(parse_name_addr("sip:a@b;x=\"<\"")->params, "x=\"<\"");
}

TEST(NameAddr, Star) {
  EXPECT_TRUE(parse_name_addr(" * ")->star);
  EXPECT_FALSE(parse_name_addr("<sip:a@b>")->star);
}

TEST(NameAddr, Refused) {
  for (const char* text :
       {"", "\"Bell <sip:a@b>", "\"Bell\"", "\"Bell\" sip:a@b", "Bell, A <sip:a@b>", "<sip:a@b",
        "sip:a@b>", "< sip:a@b >", "<sip:a@b> x", "<sip:a@b>;;", "<sip:a@b>;tag=", "<>",
        "sip:a@b?Route=x", "a@b", "*;expires=0", "sip:a@b,sip:c@d"}) {
    EXPECT_FALSE(parse_name_addr(text)) << text;
  }
}

TEST(Via, AllParts) {
  const auto via = parse_via("SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK1;received=192.0.2.7");
  ASSERT_TRUE(via);
  EXPECT_EQ(via->transport, "UDP");
  EXPECT_EQ(via->host, "192.0.2.1");
  EXPECT_EQ(via->port, 5070);
  EXPECT_EQ(via->branch, "z9hG4bK1");
  EXPECT_TRUE(via->rport);
  EXPECT_FALSE(parse_via("SIP/2.0/UDP h;rport=5060")->rport);
  EXPECT_TRUE(parse_via("SIP/2.0/UDP h")->branch.empty());
}

TEST(Via, BlanksWhereTheGrammarHasThem) {
  const auto via =
      parse_via("SIP  / 2.0  / TCP     spindle.example.com : 5061  ;  branch  =   z9 ");
  ASSERT_TRUE(via);
  EXPECT_EQ(via->transport, "TCP");
  EXPECT_EQ(via->host, "spindle.example.com");
  EXPECT_EQ(via->port, 5061);
  EXPECT_EQ(via->branch, "z9");
}

TEST(Via, Ip6) {
  const auto via = parse_via("SIP/2.0/UDP [2001:db8::1]:5060;branch=z");
  ASSERT_TRUE(via);
  EXPECT_EQ(via->host, "2001:db8::1");
  EXPECT_EQ(via->port, 5060);
}

TEST(Via, Refused) {
  for (const char* text :
       {"", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDPhost",
        "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:", "SIP/2.0/UDP h h", "SIP/2.0/UDP h:99999",
        "SIP 2.0 UDP h", "/2.0/UDP h"}) {
    EXPECT_FALSE(parse_via(text)) << text;
  }
}

}  // namespace
}  // namespace tandem::sip
