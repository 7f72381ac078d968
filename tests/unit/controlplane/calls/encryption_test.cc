// Whose key a call's flows have: each party's gateway's, whoever it is by now.
#include "tests/unit/controlplane/calls/transfer_fixture.h"

namespace tandem::test {
namespace {

config::Words secret(const std::string& mode, const std::string& key) {
  return {{"SS_RTPENCRYPTIONMODE", mode}, {"SS_RTPENCRYPTIONKEY", key}};
}

// acme's key is "alice's", bcorp's "bob's", that of ccorp "carol's"; "far" has none.
class Encryption : public SwitchTest {
 protected:
  explicit Encryption(const char* media = "auto")
      : SwitchTest(site_with(
            transfer_site(make_site({{"TD_SIP_REFER", "follow"}, {"SS_MEDIAPROXYMODE", media}})))) {
  }

  static config::Site site_with(config::Site site) {
    site.gateways[0].overrides = secret("xor", "alice's");
    site.gateways[1].overrides = secret("rc4", "bob's");
    site.gateways[4].overrides = secret("xor", "carol's");
    site.routes.push_back({"55", 1, 1});
    site.routes.push_back({"55", 3, 2});
    return site;
  }
  void dial(const std::string& number) {
    alice.dial(kSwitch, number);
    net.run(Seconds{1});
    ASSERT_EQ(bob.events.back(), "acked");
  }
  // The key of the flow that has this far end; "?": there is no such flow.
  std::string key_towards(std::string_view remote) {
    for (const auto& [place, flow] : flows) {
      if (flow.remote != at(remote)) continue;
      return flow.payload_key == 0 ? "" : payload_keys.at(flow.payload_key);
    }
    return "?";
  }
  static base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text, 5060); }
};

TEST_F(Encryption, EachPartyByItsGatewaysKey) {
  dial("491");
  EXPECT_EQ(key_towards("10.77.1.2:7000"), "alice's");
  EXPECT_EQ(key_towards("10.77.1.2:7001"), "") << "RTCP";
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "bob's");
  EXPECT_EQ(key_towards("10.77.2.2:8001"), "");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(Encryption, TheNextGatewayHasItsOwnOrNone) {
  int tried = 0;
  bob.on_call = [&](InviteSession& call) {
    if (++tried == 1)
      call.finish(503);
    else
      call.accept("application/sdp", kAnswer);
  };
  dial("551");
  EXPECT_EQ(tried, 2);
  EXPECT_EQ(key_towards("10.77.1.2:7000"), "alice's");
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "");
  alice.leg()->finish(0);
  expect_nothing_left();
}

// Another key is for new calls.
TEST_F(Encryption, ACallKeepsTheKeyThatItWasBornWith) {
  dial("491");
  config::Gateway changed = site.gateways[1];
  changed.overrides = secret("xor", "bob's new one");
  gateways.put({changed});
  const std::string hold = kOffer + "a=sendonly\r\n";
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", hold));
  net.settle();
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "bob's");
  alice.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_TRUE(payload_keys.empty());
  alice.events.clear();
  dial("491");
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "bob's new one");
  alice.leg()->finish(0);
  expect_nothing_left();
}

class EncryptionOfDirectMedia : public Encryption {
 protected:
  EncryptionOfDirectMedia() : Encryption("off") {}
};

TEST_F(EncryptionOfDirectMedia, MediaGoThroughUsThen) {
  dial("491");
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "bob's");
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "payload_encryption");
  EXPECT_EQ(record()["media_mode"], "proxy");
}

class EncryptedTransfers : public Transfers {
 protected:
  EncryptedTransfers() : Transfers("on", &EncryptedTransfers::site_with) {}
  static config::Site site_with(config::Site site) {
    site.gateways[0].overrides = secret("xor", "alice's");
    site.gateways[1].overrides = secret("rc4", "bob's");
    site.gateways[4].overrides = secret("xor", "carol's");
    return site;
  }
  std::string key_towards(std::string_view remote) {
    std::string out = "?";
    for (const auto& [place, flow] : flows) {
      if (flow.remote == *base::Endpoint::parse(remote, 5060)) {
        out = flow.payload_key == 0 ? "" : payload_keys.at(flow.payload_key);
      }
    }
    return out;
  }
};

TEST_F(EncryptedTransfers, TheGuestBringsItsKeyWhoeverPays) {
  connect();
  ASSERT_TRUE(bob.ask("REFER", "Refer-To: <sip:391@10.77.2.1>\r\n"));
  net.run(Seconds{1});
  expect_alice_talks_to_carol();
  EXPECT_EQ(key_towards("10.77.1.2:7000"), "alice's");
  EXPECT_EQ(key_towards("10.77.2.5:9000"), "carol's");
  alice.leg()->finish(0);
  expect_all_over();
}

// bob is the one that goes, alice's gateway pays.
TEST_F(EncryptedTransfers, AlsoWhenTheCalleeIsTheGuest) {
  connect();
  ASSERT_TRUE(alice.ask("REFER", "Refer-To: <sip:391@10.77.1.1>\r\n"));
  net.run(Seconds{1});
  EXPECT_EQ(key_towards("10.77.2.2:8000"), "bob's");
  EXPECT_EQ(key_towards("10.77.2.5:9000"), "carol's");
  EXPECT_EQ(key_towards("10.77.1.2:7000"), "?");
  bob.leg()->finish(0);
  expect_all_over();
}

TEST_F(EncryptedTransfers, Attended) {
  connect();
  consult();
  ASSERT_TRUE(bob.ask("REFER", refer_to_second()));
  net.run(Seconds{1});
  expect_alice_talks_to_carol();
  EXPECT_EQ(key_towards("10.77.1.2:7000"), "alice's");
  EXPECT_EQ(key_towards("10.77.2.5:9000"), "carol's");
  carol.leg()->finish(0);
  expect_all_over();
}

}  // namespace
}  // namespace tandem::test
