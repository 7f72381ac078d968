// Who is calling, as each kind of callee is told (RFC 3323, 3325): the rules as tables, and what
// stands on the wire.
#include "controlplane/calls/identity.h"

#include "controlplane/routing/number_rules.h"
#include "tests/unit/controlplane/calls/endpoint_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using calls::CallerRules;
using calls::IdentityRule;
using calls::IdentityRules;
using calls::PrivacyRule;
using Display = config::Parameters::E164DisplayFrom;
using Global = config::Parameters::UserAgentPrivacy;

constexpr const char* kHost = "10.77.2.1";
constexpr const char* kAlice = "\"Alice\" <sip:4930@10.77.2.1>";
constexpr const char* kAnonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
constexpr const char* kAsserted = "P-Asserted-Identity: \"A\" <sip:+4931@a>, <tel:+4931>\r\n";
constexpr const char* kPreferred = "P-Preferred-Identity: <sip:4932@b>\r\n";

// An INVITE of "Alice" <sip:4930@…> with these headers.
calls::ToldIdentity told(const std::string& lines, const CallerRules& from, const IdentityRules& to,
                         const std::string& party = "\"Alice\" <sip:4930@x>",
                         std::string_view number = {}, bool phone = false) {
  std::string bytes =
      "INVITE sip:x@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\n"
      "Max-Forwards: 70\r\nFrom: " +
      party +
      ";tag=x\r\nTo: <sip:x@x>\r\n"
      "Call-ID: x\r\nCSeq: 1 INVITE\r\n" +
      lines + "\r\n";
  sip::Message invite;
  EXPECT_EQ(sip::Parser::parse({bytes.data(), bytes.size()}, invite).verdict,
            sip::ParseVerdict::kOk);
  return calls::told_identity(calls::read_identity(invite, number, phone), from, to, kHost);
}

// --- Privacy -----------------------------------------------------------------------------------

struct PrivacyRow {
  const char* name;
  const char* asked;  // the caller's Privacy; "": none
  bool supported;
  std::optional<PrivacyRule> gateway;
  Global global;
  const char* from;
  const char* header;  // "": none
};

class PrivacyTable : public ::testing::TestWithParam<PrivacyRow> {};

TEST_P(PrivacyTable, Row) {
  const PrivacyRow& row = GetParam();
  const std::string asked = *row.asked == 0 ? "" : "Privacy: " + std::string(row.asked) + "\r\n";
  const auto out = told(asked, {.support_privacy = row.supported},
                        {.privacy = row.gateway, .global_privacy = row.global});
  EXPECT_EQ(out.from, row.from);
  EXPECT_EQ(out.headers, *row.header == 0 ? "" : "Privacy: " + std::string(row.header) + "\r\n");
}

constexpr std::nullopt_t kUnset = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    Identity, PrivacyTable,
    ::testing::Values(
        // Nobody says anything; the switch's own setting, where the gateway has none.
        PrivacyRow{"Silence", "", true, kUnset, Global::ignore, kAlice, ""},
        PrivacyRow{"GlobalId", "", true, kUnset, Global::id, kAnonymous, "id"},
        PrivacyRow{"GlobalNone", "", true, kUnset, Global::none, kAlice, "none"},
        // The caller asks, and its gateway supports it …
        PrivacyRow{"AskedForId", "id", true, kUnset, Global::ignore, kAnonymous, "id"},
        PrivacyRow{"AskedForUser", "user;critical", true, kUnset, Global::ignore, kAnonymous,
                   "user;critical"},
        PrivacyRow{"AskedForNothingHidden", "session", true, kUnset, Global::ignore, kAlice,
                   "session"},
        PrivacyRow{"AskedForNone", "none", true, kUnset, Global::ignore, kAlice, "none"},
        PrivacyRow{"AskedBeatsGlobalNone", "ID", true, kUnset, Global::none, kAnonymous, "ID"},
        PrivacyRow{"AskedForMoreThanGlobalId", "user", true, kUnset, Global::id, kAnonymous,
                   "user;id"},
        PrivacyRow{"CriticalStaysBehind", "user;critical", true, kUnset, Global::id, kAnonymous,
                   "user;id;critical"},
        PrivacyRow{"AskedForLessThanGlobalId", "header", true, kUnset, Global::id, kAnonymous,
                   "header;id"},
        PrivacyRow{"EachOnceAndCriticalLast", "critical; id;user;;ID", true, kUnset, Global::ignore,
                   kAnonymous, "id;user;critical"},
        PrivacyRow{"NoneDoesNotBeatGlobalId", "none", true, kUnset, Global::id, kAnonymous, "id"},
        // … or doesn't.
        PrivacyRow{"Stripped", "id", false, kUnset, Global::ignore, kAlice, ""},
        PrivacyRow{"StrippedAndGlobalNone", "id", false, kUnset, Global::none, kAlice, "none"},
        // The called gateway's setting is before the switch's.
        PrivacyRow{"GatewayNone", "", true, PrivacyRule::kNone, Global::id, kAlice, ""},
        PrivacyRow{"GatewayNoneKeepsTheSecret", "id", true, PrivacyRule::kNone, Global::ignore,
                   kAnonymous, ""},
        PrivacyRow{"GatewayId", "", true, PrivacyRule::kId, Global::none, kAnonymous, "id"},
        PrivacyRow{"GatewayIdUnasked", "none", false, PrivacyRule::kId, Global::none, kAnonymous,
                   "id"},
        PrivacyRow{"GatewayPasses", "id", true, PrivacyRule::kPassthrough, Global::none, kAnonymous,
                   "id"},
        PrivacyRow{"GatewayPassesNone", "none", true, PrivacyRule::kPassthrough, Global::id, kAlice,
                   "none"},
        PrivacyRow{"GatewayPassesSilence", "", true, PrivacyRule::kPassthrough, Global::id, kAlice,
                   ""},
        PrivacyRow{"GatewayPassesWhatIsSupported", "id", false, PrivacyRule::kPassthrough,
                   Global::id, kAlice, ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Identity, SeveralPrivacyHeadersAreOne) {
  EXPECT_EQ(told("Privacy: user\r\nPrivacy: id\r\n", {.support_privacy = true}, {}).headers,
            "Privacy: user;id\r\n");
}

// --- P-Asserted-Identity and P-Preferred-Identity ------------------------------------------------

struct AssertedRow {
  const char* name;
  bool trusted;
  IdentityRule pai;
  IdentityRule ppi;
  const char* pai_plan;  // "": none
  const char* headers;
};

class AssertedTable : public ::testing::TestWithParam<AssertedRow> {};

TEST_P(AssertedTable, Row) {
  const AssertedRow& row = GetParam();
  const auto plan = routing::NumberRules::parse(row.pai_plan).value();
  const auto out =
      told(std::string(kAsserted) + kPreferred, {.trusted = row.trusted},
           {.pai = row.pai, .ppi = row.ppi, .pai_plan = *row.pai_plan == 0 ? nullptr : &plan});
  EXPECT_EQ(out.from, kAlice);
  EXPECT_EQ(out.headers, row.headers);
}

constexpr auto kNone = IdentityRule::kNone;
constexpr auto kPass = IdentityRule::kPassthrough;
constexpr auto kCaller = IdentityRule::kCaller;

INSTANTIATE_TEST_SUITE_P(
    Identity, AssertedTable,
    ::testing::Values(AssertedRow{"Nothing", true, kNone, kNone, "", ""},
                      AssertedRow{"PassesFromTrusted", true, kPass, kNone, "",
                                  "P-Asserted-Identity: \"A\" <sip:+4931@a>\r\n"
                                  "P-Asserted-Identity: <tel:+4931>\r\n"},
                      AssertedRow{"PassesFromNobodyElse", false, kPass, kNone, "", ""},
                      AssertedRow{"CallerAsTrustedSays", true, kCaller, kNone, "",
                                  "P-Asserted-Identity: <sip:+4931@10.77.2.1>\r\n"},
                      AssertedRow{"CallerByItsFrom", false, kCaller, kNone, "",
                                  "P-Asserted-Identity: <sip:4930@10.77.2.1>\r\n"},
                      AssertedRow{"FromByTheDialPlan", false, kCaller, kNone, "+:1,49:0049",
                                  "P-Asserted-Identity: <sip:004930@10.77.2.1>\r\n"},
                      AssertedRow{"TheAssertedByTheDialPlan", true, kCaller, kNone, "+:1,49:0049",
                                  "P-Asserted-Identity: <sip:14931@10.77.2.1>\r\n"},
                      AssertedRow{"ThePlanHasNothingToSay", true, kCaller, kNone, "33:0",
                                  "P-Asserted-Identity: <sip:+4931@10.77.2.1>\r\n"},
                      AssertedRow{"ThePlanRefuses", true, kCaller, kNone, "+49:!", ""},
                      AssertedRow{"NoPlanForWhatPasses", true, kPass, kNone, "+:00",
                                  "P-Asserted-Identity: \"A\" <sip:+4931@a>\r\n"
                                  "P-Asserted-Identity: <tel:+4931>\r\n"},
                      AssertedRow{"PreferredPasses", false, kNone, kPass, "",
                                  "P-Preferred-Identity: <sip:4932@b>\r\n"},
                      AssertedRow{"PreferredCaller", false, kNone, kCaller, "",
                                  "P-Preferred-Identity: <sip:4930@10.77.2.1>\r\n"},
                      AssertedRow{"Both", false, kCaller, kCaller, "4930$:1",
                                  "P-Asserted-Identity: <sip:1@10.77.2.1>\r\n"
                                  "P-Preferred-Identity: <sip:4930@10.77.2.1>\r\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Identity, PrivacyIdKeepsTheNumberWhereTheGatewayIsToldIt) {
  const auto out = told("", {}, {.privacy = PrivacyRule::kId, .pai = kCaller});
  EXPECT_EQ(out.from, kAnonymous);
  EXPECT_EQ(out.headers, "Privacy: id\r\nP-Asserted-Identity: <sip:4930@10.77.2.1>\r\n");
}

// A gateway that isn't told to keep it to itself doesn't get it.
TEST(Identity, WhereNoPrivacyGoesNoNumberGoes) {
  const auto out = told("Privacy: id\r\n" + std::string(kPreferred), {.support_privacy = true},
                        {.privacy = PrivacyRule::kNone, .pai = kCaller, .ppi = kPass});
  EXPECT_EQ(out.from, kAnonymous);
  EXPECT_EQ(out.headers, "");
}

TEST(Identity, AnonymousCallersHaveTheNumberThatATrustedNetworkGivesThem) {
  const std::string anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
  const IdentityRules to{.pai = kCaller};
  EXPECT_EQ(told(kAsserted, {.trusted = true}, to, anonymous).headers,
            "P-Asserted-Identity: <sip:+4931@10.77.2.1>\r\n");
  EXPECT_EQ(told(kAsserted, {.trusted = false}, to, anonymous).headers, "");
  EXPECT_EQ(told("", {.trusted = true}, to, "<sip:x.example>").headers, "");
  // A dial plan doesn't make a number of nobody.
  const auto plan = routing::NumberRules::parse(":00").value();
  const IdentityRules planned{.pai = kCaller, .pai_plan = &plan};
  EXPECT_EQ(told(kAsserted, {.trusted = true}, planned, anonymous).headers,
            "P-Asserted-Identity: <sip:00+4931@10.77.2.1>\r\n");
  EXPECT_EQ(told("", {.trusted = true}, planned, anonymous).headers, "");
}

// RFC 3323 §5.3; and a network's word on the number goes where the number itself goes.
TEST(Identity, WhatWouldTellWhoAHiddenCallerIsDoesNotPass) {
  const auto withholds = [](const calls::ToldIdentity& out, std::string_view name) {
    return std::find(out.withheld.begin(), out.withheld.end(), name) != out.withheld.end();
  };
  EXPECT_TRUE(told(kAsserted, {.trusted = true}, {.pai = kPass}).withheld.empty());
  const auto kept = told(kAsserted, {.trusted = true}, {.privacy = PrivacyRule::kId, .pai = kPass});
  const auto secret = told(kAsserted, {.trusted = true}, {.privacy = PrivacyRule::kId});
  const auto unsaid =
      told(std::string("Privacy: user\r\n") + kAsserted, {.support_privacy = true, .trusted = true},
           {.privacy = PrivacyRule::kNone, .pai = kPass});
  for (const char* name : {"Reply-To", "Organization", "Subject", "s", "Call-Info", "In-Reply-To",
                           "Referred-By", "b"}) {
    EXPECT_TRUE(withholds(kept, name)) << name;
    EXPECT_TRUE(withholds(secret, name)) << name;
    EXPECT_TRUE(withholds(unsaid, name)) << name;
  }
  for (const char* name : {"Identity", "y", "P-Charge-Info"}) {
    EXPECT_FALSE(withholds(kept, name)) << name;
    EXPECT_TRUE(withholds(secret, name)) << name;
    EXPECT_TRUE(withholds(unsaid, name)) << name;
  }
}

// --- the display name --------------------------------------------------------------------------

TEST(Identity, DisplayNames) {
  const auto from = [](Display rule, const std::string& party, std::string_view number = {}) {
    return told("", {}, {.display = rule}, party, number).from;
  };
  const std::string alice = "\"Alice\" <sip:4930@x>";
  EXPECT_EQ(from(Display::ignore, alice), kAlice);
  EXPECT_EQ(from(Display::ignore, "<sip:4930@x>"), "<sip:4930@10.77.2.1>");
  EXPECT_EQ(from(Display::e164, alice), "\"4930\" <sip:4930@10.77.2.1>");
  EXPECT_EQ(from(Display::original, alice), "\"4930\" <sip:4930@10.77.2.1>");
  EXPECT_EQ(from(Display::e164, "\"Alice\" <sip:x.example>"), "<sip:anonymous@10.77.2.1>");
  // The number that is sent and the one that came are two where it is rewritten.
  const calls::CallerIdentity rewritten{.display = "Alice", .number = "4930", .original = "030"};
  EXPECT_EQ(told_identity(rewritten, {}, {.display = Display::e164}, kHost).from,
            "\"4930\" <sip:4930@10.77.2.1>");
  EXPECT_EQ(told_identity(rewritten, {}, {.display = Display::original}, kHost).from,
            "\"030\" <sip:4930@10.77.2.1>");
  // Nothing that would end the name where it shouldn't.
  const calls::CallerIdentity odd{.display = "", .number = "4\"9", .original = "4\"9"};
  EXPECT_EQ(told_identity(odd, {}, {.display = Display::e164}, kHost).from, "<sip:4\"9@10.77.2.1>");
}

// --- phones ------------------------------------------------------------------------------------

TEST(Identity, APhoneIsWhatItsAccountSays) {
  const IdentityRules pass{.pai = kPass, .ppi = kPass};
  const CallerRules rules = calls::caller_rules_of(nullptr);
  const auto dave = [&](const std::string& lines, const std::string& party) {
    return told(lines, rules, pass, party, "4940", true);
  };
  EXPECT_EQ(dave("", "Dave <sip:911@x>").from, "Dave <sip:4940@10.77.2.1>");
  EXPECT_EQ(dave("", "\"911\" <sip:911@x>").from, "<sip:4940@10.77.2.1>");
  EXPECT_EQ(dave(kAsserted, "<sip:4940@x>").headers, "");
  EXPECT_EQ(dave(kPreferred, "<sip:4940@x>").headers, "");
  EXPECT_EQ(dave("P-Preferred-Identity: <sip:4940@b>, <sip:911@b>\r\n", "<sip:4940@x>").headers,
            "P-Preferred-Identity: <sip:4940@b>\r\n");
  EXPECT_EQ(dave("Privacy: id\r\n", "<sip:4940@x>").from, kAnonymous);
}

// --- on the wire -------------------------------------------------------------------------------

class IdentityOnTheWire : public SwitchTest {
 protected:
  explicit IdentityOnTheWire(const std::vector<std::pair<std::string, std::string>>& set = {})
      : SwitchTest(make_site(set)) {
    alice.own_headers = std::string("Privacy: id\r\n") + kAsserted + kPreferred;
  }
  std::string invited() {
    alice.dial("10.77.1.1:5060", "491");
    net.settle();
    const std::string invite = net.last("INVITE");
    EXPECT_EQ(bob.events.front(), "invite");
    alice.leg()->finish(0);
    expect_nothing_left();
    return invite;
  }
};

// From's value, without its tag.
std::string from_of(const std::string& message) {
  const std::string from = field(message, "From");
  return from.substr(0, from.find(";tag="));
}

TEST_F(IdentityOnTheWire, AGatewayWithoutSettingsIsBelievedItsFromAndNothingElse) {
  const std::string invite = invited();
  EXPECT_EQ(from_of(invite), "\"Alice\" <sip:alice@10.77.2.1>");
  for (const char* header : {"Privacy", "P-Asserted-Identity", "P-Preferred-Identity"}) {
    EXPECT_EQ(field(invite, header), "") << header;
  }
}

class AllAnonymous : public IdentityOnTheWire {
 protected:
  AllAnonymous() : IdentityOnTheWire({{"SS_SIP_USER_AGENT_PRIVACY", "id"}}) {}
};

TEST_F(AllAnonymous, AnonymousInAllOfTheDialog) {
  const std::string invite = invited();
  EXPECT_EQ(from_of(invite), kAnonymous);
  EXPECT_EQ(field(invite, "Privacy"), "id");
  EXPECT_EQ(from_of(net.last("BYE")), kAnonymous);
  EXPECT_EQ(record()["caller"], "alice");
}

// Its own words don't tell either, in no message of the dialog.
TEST_F(AllAnonymous, NothingOfTheCallersOwnTellsWhoItIs) {
  const std::string own = "Reply-To: <sip:alice@x>\r\ns: alice\r\nX-Mine: 1\r\n";
  const auto expect_silence = [&](const std::string& message) {
    EXPECT_EQ(field(message, "X-Mine"), "1") << message;
    EXPECT_EQ(message.find("alice"), std::string::npos) << message;
  };
  alice.invite_headers = own;
  alice.on_change = [&](sip::InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", kOffer, Carried("INVITE", own).headers);
  };
  alice.on_request = [&](sip::InviteSession& leg, sip::ServerId id, const sip::Message&) {
    leg.answer_relayed(id, {.status = 200, .passed = Carried("INFO", own).headers});
  };
  alice.dial("10.77.1.1:5060", "491");
  net.settle();
  expect_silence(net.last("INVITE"));
  ASSERT_TRUE(alice.ask("INFO", own));
  net.settle();
  expect_silence(net.last("INFO"));
  ASSERT_TRUE(bob.ask("INFO"));
  net.settle();
  expect_silence(net.last("SIP/2.0 200"));
  bob.leg()->offer("application/sdp", kAnswer);
  net.settle();
  expect_silence(net.last("SIP/2.0 200"));
  alice.leg()->offer("application/sdp", kOffer, Carried("INVITE", own).headers);
  net.settle();
  expect_silence(net.last("INVITE"));
  const Carried bye("BYE", own);
  alice.leg()->finish(0, {}, &bye.message);
  net.settle();
  expect_silence(net.last("BYE"));
  expect_nothing_left();
}

class ShownNumbers : public IdentityOnTheWire {
 protected:
  ShownNumbers()
      : IdentityOnTheWire(
            {{"SS_SIP_USER_AGENT_PRIVACY", "none"}, {"SS_SIP_E164_DISPLAY_FROM", "e164"}}) {}
};

TEST_F(ShownNumbers, NumberAsDisplayNameAndPrivacyNone) {
  const std::string invite = invited();
  EXPECT_EQ(from_of(invite), "\"alice\" <sip:alice@10.77.2.1>");
  EXPECT_EQ(field(invite, "Privacy"), "none");
}

TEST_F(Endpoints, APhoneMayAskForPrivacy) {
  dave.invite_headers.clear();
  dave.dial("10.77.1.1", "491");
  net.settle();
  const std::string nonce = challenge_param(dave.last_response, "nonce");
  dave.own_headers =
      credentials(kDave, "INVITE", nonce, 1, "Proxy-Authorization") + "Privacy: id\r\n" + kAsserted;
  dave.dial("10.77.1.1", "491");
  net.settle();
  const std::string invite = net.last("INVITE");
  ASSERT_EQ(bob.events.front(), "invite");
  EXPECT_EQ(from_of(invite), kAnonymous);
  EXPECT_EQ(field(invite, "Privacy"), "id");
  EXPECT_EQ(field(invite, "P-Asserted-Identity"), "");
  EXPECT_EQ(invite.find("dave"), std::string::npos);
  dave.leg()->finish(0);
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
