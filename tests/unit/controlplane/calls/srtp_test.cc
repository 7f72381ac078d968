// SRTP by SDES between the switch and each party of a call, and the clear on the other side.
#include "controlplane/sdp/crypto.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

constexpr const char* kTheirKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

std::string secure(std::string description, const std::string& key,
                   const char* protocol = "RTP/SAVP", int tag = 1) {
  description.replace(description.find("RTP/AVP"), 7, protocol);
  return description + "a=crypto:" + std::to_string(tag) +
         " AES_CM_128_HMAC_SHA1_80 inline:" + key + "\r\n";
}

// acme calls, bcorp is called; either may have a policy of its own.
class Srtp : public SwitchTest {
 protected:
  explicit Srtp(const char* caller = "off", const char* callee = "off")
      : SwitchTest([&] {
          config::Site made = make_site();
          made.gateways[0].overrides = {{"TD_SRTP", caller}};
          made.gateways[1].overrides = {{"TD_SRTP", callee}};
          return made;
        }()) {}

  static sdp::Media audio(std::string_view text) { return sdp::parse(text).value().media.at(0); }
  static sdp::Crypto crypto_of(std::string_view text, std::size_t which = 0) {
    std::string why;
    const auto media = audio(text);
    return sdp::read_crypto(media.crypto.at(which), why).value();
  }
  // What the worker was told of this side's RTP: both keys, in base64's octets.
  std::optional<std::pair<std::string, std::string>> keys(std::uint16_t side) const {
    for (const auto& [place, set] : srtp) {
      if (place.first != side || set.suite == 0) continue;
      const auto text = [](const wire::SrtpKeying& one) {
        return std::string(one.key.begin(), one.key.begin() + 16) +
               std::string(one.salt.begin(), one.salt.end());
      };
      return std::pair(text(set.in), text(set.out));
    }
    return std::nullopt;
  }
  static std::string text(const sdp::Crypto& line) {
    return {line.key_and_salt.begin(), line.key_and_salt.end()};
  }
  void dial(const std::string& offer) {
    alice.dial(kSwitch, "491", offer);
    net.run(base::Seconds{1});
  }
  void answer_with(const std::string& answer) {
    bob.on_call = [this, answer](sip::InviteSession& call) {
      offered = bob.last_body;
      call.accept("application/sdp", answer);
    };
  }

  std::string offered;
};

class SrtpFromCaller : public Srtp {
 protected:
  SrtpFromCaller() : Srtp("required", "off") {}
};

TEST_F(SrtpFromCaller, IsEndedHereAndGoesOnInTheClear) {
  answer_with(kAnswer);
  dial(secure(kOffer, kTheirKey));
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "RTP/AVP");
  EXPECT_TRUE(audio(offered).crypto.empty());
  const auto& told = alice.last_body;
  EXPECT_EQ(audio(told).protocol, "RTP/SAVP");
  std::string why;
  const auto theirs =
      sdp::read_crypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(kTheirKey), why);
  ASSERT_TRUE(keys(0));
  EXPECT_EQ(keys(0)->first, text(*theirs));
  EXPECT_EQ(keys(0)->second, text(crypto_of(told)));
  EXPECT_FALSE(keys(1));
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "srtp_required");
}

TEST_F(SrtpFromCaller, InTheClearIsRefused) {
  dial(kOffer);
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MediaEncryption");
}

class SrtpToCallee : public Srtp {
 protected:
  SrtpToCallee() : Srtp("off", "required") {}
};

TEST_F(SrtpToCallee, IsOfferedAndTheCallerHearsNothingOfIt) {
  answer_with(secure(kAnswer, kTheirKey, "RTP/SAVP", 1));
  dial(kOffer);
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "RTP/SAVP");
  EXPECT_EQ(audio(offered).crypto.size(), 6u);
  EXPECT_EQ(audio(alice.last_body).protocol, "RTP/AVP");
  EXPECT_TRUE(audio(alice.last_body).crypto.empty());
  ASSERT_TRUE(keys(1));
  EXPECT_EQ(keys(1)->second, text(crypto_of(offered)));
  EXPECT_FALSE(keys(0));
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(SrtpToCallee, AnAnswerInTheClearEndsTheCall) {
  answer_with(kAnswer);
  dial(kOffer);
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "MediaEncryption");
}

TEST_F(SrtpToCallee, ACallersOwnSrtpHasNoPolicyToComeUnder) {
  dial(secure(kOffer, kTheirKey));
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
}

class SrtpOptional : public Srtp {
 protected:
  SrtpOptional() : Srtp("optional", "optional") {}
};

TEST_F(SrtpOptional, WhoDoesntSpeakItHasTheClear) {
  answer_with(kAnswer);
  dial(kOffer);
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(audio(offered).protocol, "RTP/AVP");
  EXPECT_EQ(audio(offered).crypto.size(), 6u) << "offered all the same";
  EXPECT_FALSE(keys(0) || keys(1));
  EXPECT_EQ(srtp.size(), 2u) << "told that media may pass";
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["media_rule"], "encrypted");
}

// Held, and with another key; then a change that is refused.
TEST_F(SrtpOptional, AChangeOfTheSessionMayBringANewKey) {
  answer_with(secure(kAnswer, kTheirKey, "RTP/AVP"));
  dial(secure(kOffer, kTheirKey, "RTP/AVP"));
  ASSERT_EQ(bob.events.back(), "acked");
  const auto before = keys(0);
  const auto callees = keys(1);
  ASSERT_TRUE(before && callees);
  bob.on_change = [&](sip::InviteSession& leg) {
    leg.answer_offer(200, "application/sdp", secure(kAnswer, kTheirKey, "RTP/AVP"));
  };
  const std::string other(40, 'D');
  ASSERT_TRUE(
      alice.leg()->offer("application/sdp", secure(kOffer, other, "RTP/AVP") + "a=sendonly\r\n"));
  net.settle();
  EXPECT_NE(keys(0)->first, before->first);
  EXPECT_EQ(keys(0)->second, before->second);
  EXPECT_EQ(keys(1), callees);
  const auto now = keys(0);
  bob.on_change = [](sip::InviteSession& leg) { leg.answer_offer(488); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", secure(kOffer, kTheirKey, "RTP/AVP")));
  net.settle();
  EXPECT_EQ(keys(0), now);
  alice.leg()->finish(0);
  expect_nothing_left();
}

// Nobody here has a part in it: keys pass from one party to the other.
TEST_F(Srtp, WithoutAPolicyItPassesBetweenTheParties) {
  answer_with(secure(kAnswer, kTheirKey));
  const auto offer = secure(kOffer, kTheirKey);
  dial(offer);
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(crypto_of(offered).key_and_salt, crypto_of(offer).key_and_salt);
  EXPECT_EQ(audio(offered).protocol, "RTP/SAVP");
  EXPECT_TRUE(srtp.empty());
  alice.leg()->finish(0);
  expect_nothing_left();
}

}  // namespace
}  // namespace tandem::test
