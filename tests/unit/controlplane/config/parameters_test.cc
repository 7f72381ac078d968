#include "controlplane/config/parameters.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tandem::config {
namespace {

TEST(Parameters, DefaultsAreTheTable) {
  const Parameters p;
  EXPECT_EQ(p.SS_SIP_TIMEOUT_INVITE, base::Seconds{10});
  EXPECT_EQ(p.SS_RTP_PORT_RANGE.low, 10000);
  EXPECT_EQ(p.SS_RTP_PORT_RANGE.high, 39999);
  EXPECT_EQ(p.SS_QOS_RTP, 0xa0);
  EXPECT_EQ(p.SERVER_BILLING_HOLD_TIME_PRECISION, base::Millis{50});
  EXPECT_EQ(p.SERVER_MAX_CDR_PENDING_LIST_LENGTH, 100'000u);
  ASSERT_EQ(p.SS_SIP_RESEND_INTERVAL.size(), 10u);
  EXPECT_EQ(p.SS_SIP_RESEND_INTERVAL[0], base::Millis{500});
  EXPECT_EQ(p.SS_SIP_RESEND_INTERVAL[9], base::Seconds{4});
}

// Every default must be a value that set() would take, and the ends of each range too.
// As an operator writes it.
std::string_view word(std::string_view enumerator) {
  return enumerator.substr(0, enumerator.find_last_not_of('_') + 1);
}

TEST(Parameters, DefaultsAndRangesAgree) {
  Parameters p;
#define NUMBER(name, value, least, most, sentence)                      \
  EXPECT_TRUE(p.set(#name, #value).ok()) << #name;                      \
  EXPECT_TRUE(p.set(#name, #least).ok()) << #name;                      \
  EXPECT_TRUE(p.set(#name, #most).ok()) << #name;                       \
  EXPECT_FALSE(p.set(#name, std::to_string((most) + 1)).ok()) << #name; \
  EXPECT_FALSE(p.set(#name, "-1").ok()) << #name;                       \
  EXPECT_FALSE(p.set(#name, "").ok()) << #name;                         \
  EXPECT_FALSE(p.set(#name, "1.5").ok()) << #name;                      \
  EXPECT_GT(std::string_view(sentence).size(), 5u);
#define SECONDS(...) NUMBER(__VA_ARGS__)
#define MILLIS(...) NUMBER(__VA_ARGS__)
#define COUNT(...) NUMBER(__VA_ARGS__)
#define GAPS(name, value, sentence) EXPECT_TRUE(p.set(#name, value).ok());
#define PORTS(name, low, high, sentence) EXPECT_TRUE(p.set(#name, #low "," #high).ok());
#define TOS(name, value, sentence) EXPECT_TRUE(p.set(#name, #value).ok());
#define SPAN(name, low, high, least, most, sentence)       \
  EXPECT_TRUE(p.set(#name, #low "/" #high).ok()) << #name; \
  EXPECT_TRUE(p.set(#name, #least "/" #most).ok()) << #name;
#define EITHER(name, value, one, other, sentence)  \
  EXPECT_TRUE(p.set(#name, #one).ok()) << #name;   \
  EXPECT_TRUE(p.set(#name, #other).ok()) << #name; \
  EXPECT_TRUE(p.set(#name, #value).ok()) << #name;
#define CHOICE(name, Type, value, sentence, ...)         \
  EXPECT_TRUE(p.set(#name, word(#value)).ok()) << #name; \
  EXPECT_EQ(p.name, Parameters::Type::value);            \
  EXPECT_FALSE(p.set(#name, "").ok()) << #name;          \
  EXPECT_FALSE(p.set(#name, #__VA_ARGS__).ok()) << #name;
#define TEXT(name, value, most, sentence)                                 \
  EXPECT_TRUE(p.set(#name, value).ok()) << #name;                         \
  EXPECT_TRUE(p.set(#name, "").ok()) << #name;                            \
  EXPECT_TRUE(p.set(#name, std::string(most, 'x')).ok()) << #name;        \
  EXPECT_FALSE(p.set(#name, std::string((most) + 1, 'x')).ok()) << #name; \
  EXPECT_EQ(p.name, std::string(most, 'x'));
#define SECRET(name, most, sentence)                                      \
  EXPECT_EQ(p.name, "") << #name;                                         \
  EXPECT_TRUE(is_secret(#name));                                          \
  EXPECT_TRUE(p.set(#name, std::string(most, 'x')).ok()) << #name;        \
  const auto refused_##name = p.set(#name, std::string((most) + 1, 'x')); \
  EXPECT_FALSE(refused_##name.ok()) << #name;                             \
  EXPECT_EQ(refused_##name.error_text().find("xx"), std::string::npos);   \
  EXPECT_EQ(p.name, std::string(most, 'x'));
#define SECONDS_OR_0(name, value, least, most, sentence)                \
  EXPECT_TRUE(p.set(#name, #value).ok()) << #name;                      \
  EXPECT_TRUE(p.set(#name, #least).ok()) << #name;                      \
  EXPECT_FALSE(p.set(#name, std::to_string((least)-1)).ok()) << #name;  \
  EXPECT_FALSE(p.set(#name, std::to_string((most) + 1)).ok()) << #name; \
  EXPECT_TRUE(p.set(#name, "0").ok()) << #name;                         \
  EXPECT_EQ(p.name, base::Seconds{0});
#define COUNT_OR_NONE(name, least, most, sentence)                      \
  EXPECT_EQ(p.name, 0u) << #name;                                       \
  EXPECT_TRUE(p.set(#name, #least).ok()) << #name;                      \
  EXPECT_TRUE(p.set(#name, #most).ok()) << #name;                       \
  EXPECT_FALSE(p.set(#name, std::to_string((least)-1)).ok()) << #name;  \
  EXPECT_FALSE(p.set(#name, std::to_string((most) + 1)).ok()) << #name; \
  EXPECT_TRUE(p.set(#name, "none").ok()) << #name;                      \
  EXPECT_EQ(p.name, 0u);
#define SECONDS_OR_AUTO(name, least, most, sentence)                    \
  EXPECT_EQ(p.name, base::Seconds{0}) << #name;                         \
  EXPECT_TRUE(p.set(#name, #least).ok()) << #name;                      \
  EXPECT_TRUE(p.set(#name, #most).ok()) << #name;                       \
  EXPECT_EQ(p.name, base::Seconds{most}) << #name;                      \
  EXPECT_FALSE(p.set(#name, std::to_string((least)-1)).ok()) << #name;  \
  EXPECT_FALSE(p.set(#name, std::to_string((most) + 1)).ok()) << #name; \
  EXPECT_FALSE(p.set(#name, "0").ok()) << #name;                        \
  EXPECT_TRUE(p.set(#name, " auto ").ok()) << #name;                    \
  EXPECT_EQ(p.name, base::Seconds{0});
#include "controlplane/config/parameters.def"
#undef NUMBER
}

TEST(Parameters, ARefusedValueChangesNothingAndIsNamedWithItsRange) {
  Parameters p;
  const auto refused = p.set("SS_SIP_TIMEOUT_INVITE", "121");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error_text(), "SS_SIP_TIMEOUT_INVITE = 121: must be 1..120 s");
  EXPECT_EQ(p.SS_SIP_TIMEOUT_INVITE, base::Seconds{10});
  EXPECT_TRUE(p.set("SS_SIP_TIMEOUT_INVITE", " 7 ").ok());
  EXPECT_EQ(p.SS_SIP_TIMEOUT_INVITE, base::Seconds{7});
  EXPECT_EQ(p.set("SS_NO_SUCH", "1").error_text(), "SS_NO_SUCH: no such parameter");
  EXPECT_FALSE(p.set("", "1").ok());
  EXPECT_FALSE(p.set("ss_sip_timeout_invite", "5").ok());  // whole and upper-case
}

TEST(Parameters, Gaps) {
  Parameters p;
  ASSERT_TRUE(p.set("SS_SIP_RESEND_INTERVAL", " 0.1 , 32 ,1.25").ok());
  EXPECT_EQ(p.SS_SIP_RESEND_INTERVAL,
            (std::vector<base::Nanos>{base::Millis{100}, base::Seconds{32}, base::Millis{1250}}));
  const auto before = p.SS_SIP_RESEND_INTERVAL;
  for (const auto* wrong :
       {"", " ", ",", "1,,2", "0", "0.09", "32.1", "-1", "x", "1;2", "1 2", "nan", "-nan", "inf",
        "1,nan", "1e300", "0x1", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"}) {
    EXPECT_FALSE(p.set("SS_SIP_RESEND_INTERVAL", wrong).ok()) << wrong;
  }
  EXPECT_EQ(p.SS_SIP_RESEND_INTERVAL, before);
  EXPECT_TRUE(p.set("SS_SIP_RESEND_INTERVAL", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1").ok());
}

TEST(Parameters, PortRange) {
  Parameters p;
  ASSERT_TRUE(p.set("SS_RTP_PORT_RANGE", "1024, 65535").ok());
  EXPECT_EQ(p.SS_RTP_PORT_RANGE.low, 1024);
  EXPECT_EQ(p.SS_RTP_PORT_RANGE.high, 65535);
  for (const auto* wrong : {"", "1024", "1024,", ",2000", "1023,2000", "2000,2000", "2001,2000",
                            "1024,65536", "1024,2000,3000", "1024-2000"}) {
    EXPECT_FALSE(p.set("SS_RTP_PORT_RANGE", wrong).ok()) << wrong;
  }
}

TEST(Parameters, Choice) {
  Parameters p;
  ASSERT_TRUE(p.set("TD_SIP_SUBSCRIBE", "refuse").ok());
  EXPECT_EQ(p.TD_SIP_SUBSCRIBE, Parameters::Subscribe::refuse);
  ASSERT_TRUE(p.set("TD_SIP_SUBSCRIBE", " relay ").ok());
  EXPECT_EQ(p.TD_SIP_SUBSCRIBE, Parameters::Subscribe::relay);
  EXPECT_EQ(p.set("TD_SIP_SUBSCRIBE", "Relay").error_text(),
            "TD_SIP_SUBSCRIBE = Relay: must be one of: refuse, relay");
  EXPECT_EQ(p.TD_SIP_SUBSCRIBE, Parameters::Subscribe::relay);
}

TEST(Parameters, TosByte) {
  Parameters p;
  for (const auto* text : {"0xb8", "0XB8", "184", " 0xb8 "}) {
    p.SS_QOS_RTP = 0;
    ASSERT_TRUE(p.set("SS_QOS_RTP", text).ok()) << text;
    EXPECT_EQ(p.SS_QOS_RTP, 0xb8) << text;
  }
  for (const auto* wrong : {"", "0x", "256", "0x100", "-1", "+1", "b8", "0xg", "1 2"}) {
    EXPECT_FALSE(p.set("SS_QOS_RTP", wrong).ok()) << wrong;
  }
}

TEST(Parameters, SpansAndPairsOfNumbers) {
  Parameters p;
  EXPECT_EQ(p.SS_ENDPOINT_EXPIRE.low, base::Seconds{300});
  EXPECT_EQ(p.SS_ENDPOINT_EXPIRE.high, base::Seconds{3600});
  EXPECT_TRUE(p.set("SS_ENDPOINT_EXPIRE", " 60 / 86400 ").ok());
  EXPECT_EQ(p.SS_ENDPOINT_EXPIRE.low, base::Seconds{60});
  for (const auto* wrong :
       {"59/100", "60/86401", "200/100", "100", "/", "60/", "a/b", "60/100/7"}) {
    EXPECT_EQ(p.set("SS_ENDPOINT_EXPIRE", wrong).error_text(),
              "SS_ENDPOINT_EXPIRE = " + std::string(wrong) +
                  ": must be low/high with 60 <= low <= high <= 86400 s");
  }
  EXPECT_EQ(p.SS_ENDPOINT_EXPIRE.high, base::Seconds{86400});
  EXPECT_EQ(p.SS_SIP_AUTHENTICATION_CODE, 401);
  EXPECT_TRUE(p.set("SS_SIP_AUTHENTICATION_CODE", "407").ok());
  EXPECT_EQ(p.SS_SIP_AUTHENTICATION_CODE, 407);
  EXPECT_EQ(p.set("SS_SIP_AUTHENTICATION_CODE", "402").error_text(),
            "SS_SIP_AUTHENTICATION_CODE = 402: must be 401 or 407");
}

}  // namespace
}  // namespace tandem::config
