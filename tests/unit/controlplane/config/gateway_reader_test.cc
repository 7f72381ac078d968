// A gateway's settings as words: what each means, and what is refused.
#include "controlplane/config/gateway_reader.h"

#include <gtest/gtest.h>

#include "controlplane/config/payload_secret.h"
#include "drivers/base/text.h"

namespace tandem::config {
namespace {

class GatewayReader : public ::testing::Test {
 protected:
  GatewayReader() {
    Port port;
    port.name = "callee";
    port.network = *base::Ip4Prefix::parse("10.77.2.1/24");
    port.address = *base::IpAddress::parse("10.77.2.1");
    port.sip_port = 5060;
    site.ports.push_back(port);
    checks.is_end_reason = [](std::string_view name) { return name == "NoRoute"; };
  }

  // "kind=mapping address=10.0.0.1": blanks part the words.
  Gateway read(std::string_view text) {
    Words words;
    while (!text.empty()) {
      std::string_view value = base::split_first(text, ' ');
      const auto name = base::split_first(value, '=');
      words.emplace_back(name, value);
    }
    auto file = base::SettingsFile::of_words(words);
    auto table = file.root();
    Gateway gateway = read_gateway(table, site, others, checks);
    faults = file.faults();
    return gateway;
  }
  Gateway mapping(const std::string& words) {
    return read("name=acme kind=mapping address=10.0.0.1 " + words);
  }
  Gateway routing(const std::string& words) {
    return read("name=bcorp kind=routing address=10.77.2.2 " + words);
  }
  void expect_only(const std::string& fault) { EXPECT_EQ(faults, (base::Faults{fault})); }

  Site site;
  std::vector<Gateway> others;
  GatewayChecks checks;
  base::Faults faults;
};

TEST_F(GatewayReader, DefaultsAreTheSystems) {
  const Gateway gateway = routing("");
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(gateway.name, "bcorp");
  EXPECT_EQ(gateway.kind, GatewayKind::kRouting);
  EXPECT_EQ(gateway.addresses[0].text(), "10.77.2.2:5060");
  EXPECT_EQ(gateway.capacity, 0u);
  EXPECT_EQ(gateway.calls_per_s, 0u);
  EXPECT_FALSE(gateway.locked);
  EXPECT_TRUE(gateway.rests);
  EXPECT_EQ(gateway.probe, base::Seconds{0});
  EXPECT_EQ(gateway.max_duration, base::Seconds{0});
  EXPECT_TRUE(gateway.overrides.empty());
  Parameters system;
  ASSERT_TRUE(system.set("SS_SIP_TIMEOUT_RINGING", "33").ok());
  EXPECT_EQ(parameters_of(gateway, system).SS_SIP_TIMEOUT_RINGING, base::Seconds{33});
}

TEST_F(GatewayReader, EachSettingIsRead) {
  const Gateway out = routing(
      "capacity=10 calls_per_s=3 locked=on rests=off probe=20 "
      "max_duration=3600 stop_codes=404,500-599 SS_SIP_TIMEOUT_RINGING=45 "
      "SS_SIP_TIMEOUT_INVITE=system");
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(out.capacity, 10u);
  EXPECT_EQ(out.calls_per_s, 3u);
  EXPECT_TRUE(out.locked);
  EXPECT_FALSE(out.rests);
  EXPECT_EQ(out.probe, base::Seconds{20});
  EXPECT_EQ(out.max_duration, base::Seconds{3600});
  EXPECT_EQ(out.stop_codes, (std::vector<StatusRange>{{404, 404}, {500, 599}}));
  EXPECT_TRUE(out.stop_codes[1].covers(503));
  EXPECT_FALSE(out.stop_codes[1].covers(499));
  const Parameters own = parameters_of(out, Parameters{});
  EXPECT_EQ(own.SS_SIP_TIMEOUT_RINGING, base::Seconds{45});
  EXPECT_EQ(own.SS_SIP_TIMEOUT_INVITE, base::Seconds{10});

  const Gateway told = routing("privacy=id pai=caller ppi=passthrough pai_plan=0:49");
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(told.privacy, PrivacyRule::kId);
  EXPECT_EQ(told.pai, IdentityRule::kCaller);
  EXPECT_EQ(told.ppi, IdentityRule::kPassthrough);
  EXPECT_EQ(told.pai_plan, "0:49");
  EXPECT_EQ(routing("privacy=system").privacy, std::nullopt);

  const Gateway in = mapping(
      "fail_codes=NoRoute:503,*:480 prefixes=00 support_privacy=on trusted=on caller_plan=0:49 "
      "callee_plan=00: lists=vip,day");
  EXPECT_TRUE(in.support_privacy && in.trusted);
  EXPECT_EQ(in.caller_plan, "0:49");
  EXPECT_EQ(in.callee_plan, "00:");
  EXPECT_EQ(in.lists, (std::vector<std::string>{"vip", "day"}));
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(in.prefixes, (std::vector<std::string>{"00"}));
  EXPECT_EQ(in.fail_codes, (std::vector<FailCode>{{"NoRoute", 503}, {"*", 480}}));
}

TEST_F(GatewayReader, AnnouncementsNameSoundsThatAreThere) {
  site.sound_folder = "/sounds";
  site.sounds = {"sorry", "unknown-number"};
  EXPECT_EQ(mapping("announcements=NoRoute:unknown-number,*:sorry").announcements,
            (std::vector<Announcement>{{"NoRoute", "unknown-number"}, {"*", "sorry"}}));
  EXPECT_TRUE(faults.empty()) << faults.front();
  mapping("announcements=NoRoute:lost");
  expect_only("announcements: there is no /sounds/lost.wav");
  mapping("announcements=Nonsense:sorry");
  expect_only("announcements: \"Nonsense\" is no end reason");
  mapping("announcements=sorry");
  expect_only(
      "announcements: \"sorry\" must be an end reason, or *, then a sound: "
      "NoRoute:unknown-number");
  mapping("announcements=*:sorry,*:unknown-number");
  expect_only("announcements: * stands there twice");
  routing("announcements=*:sorry");
  expect_only("announcements: is for mapping gateways");
  site.sound_folder.clear();
  site.sounds.clear();
  mapping("announcements=*:sorry");
  expect_only("announcements: there is no sound \"sorry\": [sounds] names no folder");
}

TEST_F(GatewayReader, WhatIsWrongIsSaid) {
  routing("capacity=many");
  expect_only("capacity: must be a whole number");
  routing("calls_per_s=7000000");
  expect_only("calls_per_s: 7000000 is outside 0..1000000");
  routing("locked=perhaps");
  expect_only("locked: must be on or off");
  routing("colour=red");
  expect_only("colour: is not a setting known here");
  routing("fail_codes=NoRoute:404");
  expect_only("fail_codes: is for mapping gateways");
  mapping("stop_codes=404");
  expect_only("stop_codes: is for routing gateways");
  mapping("prefixes=49,4x");
  expect_only("prefixes: \"4x\" must be 0..32 digits");
  mapping("prefixes=49,49");
  expect_only("prefixes: \"49\" stands there twice");
  routing("stop_codes=200");
  expect_only(
      "stop_codes: \"200\" is no final response from 300 to 699, nor a range of them (500-599)");
  routing("stop_codes=480-490,486");
  expect_only("stop_codes: 486 overlaps what stands before it");
  routing("SS_SIP_TIMEOUT_RINGING=0");
  expect_only("SS_SIP_TIMEOUT_RINGING: SS_SIP_TIMEOUT_RINGING = 0: must be 1..600 s");
  routing("SS_RTP_PORT_RANGE=1,2");
  expect_only("SS_RTP_PORT_RANGE: is no parameter that a gateway may have otherwise");
  mapping("fail_codes=Nonsense:404");
  expect_only("fail_codes: \"Nonsense\" is no end reason");
  mapping("fail_codes=NoRoute:200");
  expect_only(
      "fail_codes: \"NoRoute:200\" must be an end reason, or *, then a status from 400 to 699: "
      "NoRoute:404");
  mapping("fail_codes=NoRoute:404,NoRoute:405");
  expect_only("fail_codes: NoRoute stands there twice");
  read("name=x kind=routing address=10.77.2.1");
  expect_only("address: 10.77.2.1 is this switch's own: calls would come back");
  routing("privacy=perhaps");
  expect_only("privacy: must be one of: system, none, passthrough, id");
  mapping("SS_SIP_TIMEOUT_INVITE=5");
  expect_only("SS_SIP_TIMEOUT_INVITE: is for routing gateways");
  mapping("pai=caller");
  expect_only("pai: is for routing gateways");
  read("name=x kind=mapping");
  expect_only("address: at least one is needed");
}

TEST_F(GatewayReader, CustomersOfOneAddressNeedPrefixesThatTellThemApart) {
  others.push_back(read("name=first kind=mapping address=10.0.0.1 prefixes=11,12"));
  ASSERT_TRUE(faults.empty());
  mapping("prefixes=13");
  EXPECT_TRUE(faults.empty()) << faults.front();
  mapping("");  // what no prefix of the other's fits
  EXPECT_TRUE(faults.empty()) << faults.front();
  mapping("prefixes=12");
  expect_only("prefixes: 12 is also that of gateway first, which has 10.0.0.1 too");
  others.push_back(read("name=second kind=mapping address=10.0.0.1"));
  mapping("");
  expect_only("address: 10.0.0.1 is also that of gateway second");
}

TEST_F(GatewayReader, AnAccountStandsInsteadOfAnAddress) {
  read("name=x kind=routing account=trunk@r");
  expect_only("account: nobody registers here: there is no [registrar]");
  site.registrar = Registrar{.realms = {"sip.example"}, .store = {}, .registrations = {}};
  const Gateway gateway = read("name=x kind=routing account=trunk@SIP.example");
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(gateway.account, "trunk@SIP.example");
  read("name=x kind=routing account=trunk@elsewhere");
  expect_only("account: must be USER@REALM, with a realm of ours");
  routing("account=trunk@sip.example");
  expect_only("account: stands instead of an address, not beside one");
  others.push_back(read("name=first kind=mapping account=trunk@sip.example"));
  read("name=second kind=mapping account=TRUNK@sip.example");
  expect_only("account: is also that of gateway first");
}

TEST_F(GatewayReader, EverySettingStandsInTheTable) {
  for (const GatewaySetting& setting : gateway_settings()) {
    EXPECT_FALSE(setting.sentence.empty()) << setting.name;
    EXPECT_TRUE(setting.kinds == "both" || setting.kinds == "mapping" || setting.kinds == "routing")
        << setting.name;
  }
  Parameters parameters;
  for (const auto& [name, kinds, sentence] : gateway_parameters()) {
    const auto set = parameters.set(name, "?");
    EXPECT_TRUE(set || set.error_text() != std::string(name) + ": no such parameter");
  }
}

TEST_F(GatewayReader, RoutesOfItsOwn) {
  std::string seen;
  checks.fault_of_prefixes = [&](const Gateway& gateway) {
    for (const auto& prefix : gateway.prefixes) seen += prefix + " ";
    return gateway.prefixes.size() > 2 ? "too many" : "";
  };
  const Gateway plain = routing("");
  EXPECT_EQ(plain.priority, 100);
  EXPECT_EQ(plain.weight, 1);
  const Gateway some = routing("prefixes=49,4940-4949 priority=7 weight=0");
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(seen, "49 4940-4949 ");
  EXPECT_EQ(some.priority, 7);
  EXPECT_EQ(some.weight, 0);
  routing("prefixes=1,2,3");
  expect_only("prefixes: too many");
  routing("weight=65536");
  expect_only("weight: 65536 is outside 0..65535");
  mapping("priority=7");
  expect_only("priority: is for routing gateways");
}

TEST_F(GatewayReader, Codecs) {
  checks.is_encoding = [](std::string_view name) { return name != "P?"; };
  EXPECT_EQ(mapping("codecs=PCMA,G729").codecs, (std::vector<std::string>{"PCMA", "G729"}));
  EXPECT_TRUE(faults.empty());
  EXPECT_TRUE(routing("").codecs.empty());
  routing("codecs=P?");
  expect_only("codecs: \"P?\" is no encoding's name");
  routing("codecs=PCMA,pcma");
  expect_only("codecs: pcma stands there twice");
}

TEST_F(GatewayReader, ARegistrationMustBeThere) {
  checks.is_registration = [](std::string_view name) { return name == "carrier"; };
  read("name=b kind=routing registration=carrier");
  EXPECT_TRUE(faults.empty());
  read("name=b kind=routing registration=carier");
  expect_only("registration: there is none named \"carier\"");
}

TEST_F(GatewayReader, KeysOfThePayloadEncryptionAreChecked) {
  const std::string sixteen = "0123456789abcdef";
  const auto key = [](const std::string& text) { return " SS_RTPENCRYPTIONKEY=" + text; };
  for (const auto& [mode, text] : {std::pair<std::string, std::string>{"none", ""},
                                   {"xor", "x"},
                                   {"1", std::string(256, 'x')},
                                   {"rc4", sixteen},
                                   {"2", std::string(256, 'x')},
                                   {"aes128", sixteen},
                                   {"3", sixteen}}) {
    for (const bool takes : {false, true}) {
      const auto words = "SS_RTPENCRYPTIONMODE=" + mode + (text.empty() ? "" : key(text));
      const Gateway gateway = takes ? routing(words) : mapping(words);
      EXPECT_TRUE(faults.empty()) << mode << " " << faults.front();
      EXPECT_TRUE(gateway.warnings.empty());
      EXPECT_EQ(payload_secret_of(parameters_of(gateway, {})).key, text);
    }
  }
  mapping("SS_RTPENCRYPTIONMODE=aes128" + key("0123456789abcde"));
  expect_only("SS_RTPENCRYPTIONKEY: aes128 needs a key of exactly 16 octets");
  mapping("SS_RTPENCRYPTIONMODE=aes128");
  expect_only("SS_RTPENCRYPTIONKEY: aes128 needs a key of exactly 16 octets");
  routing("SS_RTPENCRYPTIONMODE=xor");
  expect_only("SS_RTPENCRYPTIONKEY: xor needs a key of 1 to 256 octets");
  routing("SS_RTPENCRYPTIONMODE=rc4");
  EXPECT_EQ(faults.size(), 1u);
  mapping("SS_RTPENCRYPTIONMODE=des" + key(sixteen));
  expect_only(
      "SS_RTPENCRYPTIONMODE: SS_RTPENCRYPTIONMODE = des: must be one of: none, xor, rc4, "
      "aes128");
  mapping("SS_RTPENCRYPTIONMODE=xor" + key(std::string(257, 'q')));
  ASSERT_FALSE(faults.empty());
  for (const auto& fault : faults) EXPECT_EQ(fault.find("qq"), std::string::npos) << fault;
}

TEST_F(GatewayReader, AShortKeyOfRc4IsTakenWithAWarning) {
  const Gateway gateway = mapping("SS_RTPENCRYPTIONMODE=rc4 SS_RTPENCRYPTIONKEY=short");
  EXPECT_TRUE(faults.empty());
  ASSERT_EQ(gateway.warnings.size(), 1u);
  EXPECT_EQ(gateway.warnings[0],
            "SS_RTPENCRYPTIONKEY: an rc4 key below 16 octets is easily guessed");
}

// What a gateway doesn't say is the system's, and both together must be right.
TEST_F(GatewayReader, ModeAndKeyMayBeTheSystems) {
  ASSERT_TRUE(site.parameters.set("SS_RTPENCRYPTIONMODE", "xor").ok());
  ASSERT_TRUE(site.parameters.set("SS_RTPENCRYPTIONKEY", "ours").ok());
  mapping("SS_RTPENCRYPTIONKEY=its");
  EXPECT_TRUE(faults.empty());
  mapping("SS_RTPENCRYPTIONMODE=none");
  EXPECT_TRUE(faults.empty());
  mapping("SS_RTPENCRYPTIONMODE=aes128");
  expect_only("SS_RTPENCRYPTIONKEY: aes128 needs a key of exactly 16 octets");
}

}  // namespace
}  // namespace tandem::config
