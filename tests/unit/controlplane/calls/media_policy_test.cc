// Whether media go through us: each rule, and which one comes first.
#include "controlplane/calls/media_policy.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace tandem::calls {
namespace {

using Mode = MediaParty::Mode;

const auto kPublic = *base::IpAddress::parse("192.0.2.7");
const auto kOtherPublic = *base::IpAddress::parse("198.51.100.9");
const auto kPrivate = *base::IpAddress::parse("10.1.2.3");

constexpr std::array kModes{Mode::auto_, Mode::on, Mode::off, Mode::mustOn};

MediaParty party(Mode mode = Mode::auto_) { return {.mode = mode, .address = kPublic}; }
MediaParty behind(const base::IpAddress& nat) { return {.address = nat, .behind_nat = true}; }

// §7: Off, unless a party is Must On; On, unless a party is Off; Must On always; Auto by its rules.
TEST(MediaPolicy, EveryCombinationOfModes) {
  for (const Mode system : kModes) {
    for (const Mode caller : kModes) {
      for (const Mode callee : kModes) {
        const auto has = [&](Mode mode) { return caller == mode || callee == mode; };
        const bool expected = system == Mode::mustOn || has(Mode::mustOn) ||
                              (system == Mode::on && !has(Mode::off)) ||
                              (system == Mode::auto_ && !has(Mode::off) && has(Mode::on));
        const auto decision = decide_media({.mode = system}, party(caller), party(callee));
        EXPECT_EQ(decision.proxied, expected)
            << static_cast<int>(system) << static_cast<int>(caller) << static_cast<int>(callee)
            << name_of(decision.rule);
      }
    }
  }
}

struct Row {
  const char* name;
  MediaSwitches system;
  MediaParty caller;
  MediaParty callee;
  MediaDecision expected;
};

TEST(MediaPolicy, EachRule) {
  const auto with = [](MediaParty party, auto change) {
    change(party);
    return party;
  };
  const auto elsewhere = [](MediaParty& party) { party.network = 1; };
  const auto rings = [](MediaParty& party) { party.local_ring = true; };
  const auto encrypts = [](MediaParty& party) { party.srtp = media::SrtpPolicy::kOptional; };
  const auto insists = [](MediaParty& party) { party.srtp = media::SrtpPolicy::kRequired; };
  const auto hides = [](MediaParty& party) { party.encrypted_payload = true; };
  const MediaSwitches plain{};
  const MediaSwitches no_nets{.between_networks = false};
  const MediaSwitches same_nat{.same_nat = true};
  const MediaSwitches no_nats{.behind_nat = false};
  const MediaParty inside{.address = kPrivate};
  using enum MediaRule;
  const Row rows[] = {
      {"system must on", {.mode = Mode::mustOn}, party(Mode::off), party(), {true, kSystemMustOn}},
      {"1: caller must on", plain, party(Mode::mustOn), party(Mode::off), {true, kPartyMustOn}},
      {"1: callee must on", plain, party(Mode::off), party(Mode::mustOn), {true, kPartyMustOn}},
      {"must on though the system is off",
       {.mode = Mode::off},
       party(),
       party(Mode::mustOn),
       {true, kPartyMustOn}},
      {"the caller's payloads are encrypted, though the system is off",
       {.mode = Mode::off},
       with(party(), hides),
       party(),
       {true, kPayloadEncryption}},
      {"the callee's are, though both are off",
       plain,
       party(Mode::off),
       with(party(Mode::off), hides),
       {true, kPayloadEncryption}},
      {"must on before payloads",
       plain,
       party(Mode::mustOn),
       with(party(), hides),
       {true, kPartyMustOn}},
      {"SRTP is required, though the system is off",
       {.mode = Mode::off},
       party(),
       with(party(), insists),
       {true, kSrtpRequired}},
      {"optional SRTP isn't enough for that",
       {.mode = Mode::off},
       with(party(), encrypts),
       party(),
       {false, kSystemOff}},
      {"system off", {.mode = Mode::off}, party(Mode::on), party(Mode::on), {false, kSystemOff}},
      {"2: caller off", plain, party(Mode::off), party(Mode::on), {false, kPartyOff}},
      {"2: callee off, behind a NAT", plain, behind(kPublic), party(Mode::off), {false, kPartyOff}},
      {"system on", {.mode = Mode::on}, party(), party(), {true, kSystemOn}},
      {"3: caller on", plain, party(Mode::on), party(), {true, kPartyOn}},
      {"3: callee on", plain, party(), party(Mode::on), {true, kPartyOn}},
      {"4: callee has local ring", plain, party(), with(party(), rings), {true, kLocalRing}},
      {"4: not the caller's", plain, with(party(), rings), party(), {false, kOtherwise}},
      {"5: caller's registration with encryption",
       plain,
       with(party(), encrypts),
       party(),
       {true, kEncrypted}},
      {"5: callee's", plain, party(), with(party(), encrypts), {true, kEncrypted}},
      {"6: networks", plain, party(), with(party(), elsewhere), {true, kBetweenNetworks}},
      {"6: not asked for", no_nets, party(), with(party(), elsewhere), {false, kOtherwise}},
      {"7: one NAT", same_nat, behind(kPublic), behind(kPublic), {true, kSameNat}},
      {"7: one NAT, not asked for", plain, behind(kPublic), behind(kPublic), {false, kOtherwise}},
      {"7: two NATs", plain, behind(kPublic), behind(kOtherPublic), {true, kBehindNat}},
      {"7: caller behind one", plain, behind(kPublic), party(), {true, kBehindNat}},
      {"7: callee behind one", plain, party(), behind(kOtherPublic), {true, kBehindNat}},
      {"7: NATs, not asked for",
       no_nats,
       behind(kPublic),
       behind(kOtherPublic),
       {false, kOtherwise}},
      {"7: caller private", plain, inside, party(), {true, kBehindNat}},
      {"7: callee private", plain, party(), inside, {true, kBehindNat}},
      {"7: both private", plain, inside, inside, {false, kOtherwise}},
      {"8: else", plain, party(), party(), {false, kOtherwise}},
      {"8: a party whose address isn't known", plain, {}, inside, {false, kOtherwise}},
      {"4 before 6", plain, party(), with(with(party(), rings), elsewhere), {true, kLocalRing}},
      {"6 before 7", plain, behind(kPublic), with(party(), elsewhere), {true, kBetweenNetworks}},
  };
  for (const Row& row : rows) {
    const auto decision = decide_media(row.system, row.caller, row.callee);
    EXPECT_EQ(decision.proxied, row.expected.proxied) << row.name;
    EXPECT_EQ(name_of(decision.rule), name_of(row.expected.rule)) << row.name;
  }
}

TEST(MediaPolicy, SwitchesAreTheParameters) {
  config::Parameters parameters;
  EXPECT_EQ(media_switches_of(parameters).mode, Mode::auto_);
  EXPECT_TRUE(media_switches_of(parameters).between_networks);
  EXPECT_TRUE(media_switches_of(parameters).behind_nat);
  EXPECT_FALSE(media_switches_of(parameters).same_nat);
  for (const auto& [name, value] : {std::pair{"SS_MEDIAPROXYMODE", "mustOn"},
                                    {"SS_MEDIAPROXYBETWEENNET", "off"},
                                    {"SS_MEDIAPROXYSAMENAT", "on"},
                                    {"SS_MEDIA_PROXY_BEHIND_NAT", "0"}}) {
    EXPECT_TRUE(parameters.set(name, value).ok()) << name;
  }
  EXPECT_EQ(media_switches_of(parameters).mode, Mode::mustOn);
  EXPECT_FALSE(media_switches_of(parameters).between_networks);
  EXPECT_FALSE(media_switches_of(parameters).behind_nat);
  EXPECT_TRUE(media_switches_of(parameters).same_nat);
  // The numbers that VOS3000 has for them.
  for (const auto& [number, mode] :
       {std::pair{"0", Mode::auto_}, {"1", Mode::on}, {"2", Mode::off}, {"3", Mode::mustOn}}) {
    EXPECT_TRUE(parameters.set("SS_MEDIAPROXYMODE", number).ok());
    EXPECT_EQ(parameters.SS_MEDIAPROXYMODE, mode);
  }
  EXPECT_EQ(parameters.set("SS_MEDIAPROXYMODE", "4").error_text(),
            "SS_MEDIAPROXYMODE = 4: must be one of: auto, on, off, mustOn");
}

}  // namespace
}  // namespace tandem::calls
