// The same two legs, where keys are agreed on by DTLS: who begins, and which association it is.
#include <gtest/gtest.h>

#include <array>

#include "controlplane/media/srtp_leg.h"
#include "drivers/base/text.h"

namespace tandem::media {
namespace {

using enum SrtpPolicy;
using Protocol = sdp::Security::Protocol;

constexpr SrtpRule kDtlsRequired{kRequired, KeyAgreement::kDtls};
constexpr SrtpRule kDtlsOptional{kOptional, KeyAgreement::kDtls};

base::Endpoint at(std::string_view text) { return *base::Endpoint::parse(text, 1); }

// What the other end reads of what this leg said. Views into `leg`.
sdp::Media read(const SrtpLeg& leg) {
  constexpr std::array<std::string_view, 3> kNames{"RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP"};
  sdp::Media out;
  out.protocol = kNames[static_cast<std::size_t>(leg.said().protocol)];
  out.rtp = at("192.0.2.1:7000");
  for (std::string_view line : leg.said().attributes) {
    const auto name = base::split_first(line, ':');
    if (name == "crypto") out.crypto.push_back(line);
    if (name == "fingerprint") out.fingerprints.push_back(line);
    if (name == "setup") out.setup = line;
    if (name == "tls-id") out.tls_id = line;
  }
  return out;
}

class SrtpLegDtlsTest : public ::testing::Test {
 protected:
  bool agree(SrtpLeg& offerer, SrtpLeg& answerer, bool anew = false) {
    offerer.make_offer(random_, nullptr, anew);
    if (!answerer.take_offer(read(offerer), random_)) return false;
    answerer.agree();
    return offerer.take_answer(read(answerer));
  }
  static const SrtpLeg::Dtls& dtls(const SrtpLeg& leg) { return *leg.agreed()->dtls; }

  // An offer or answer of somebody else's.
  sdp::Media theirs(std::string_view setup, std::string_view tls_id = {}) const {
    sdp::Media out;
    out.protocol = "UDP/TLS/RTP/SAVP";
    out.rtp = at("192.0.2.9:9000");
    out.fingerprints = {line_};
    out.setup = setup;
    out.tls_id = tls_id;
    return out;
  }
  // It offers that, and has our answer.
  bool offered(SrtpLeg& leg, const sdp::Media& media) {
    if (!leg.take_offer(media, random_)) return false;
    leg.agree();
    return true;
  }
  static std::string_view setup(const SrtpLeg& leg) { return read(leg).setup; }

  base::SeededRandom random_{1};
  DtlsIdentity a_ = DtlsIdentity::make().value();
  DtlsIdentity b_ = DtlsIdentity::make().value();
  std::string line_ = sdp::write_fingerprint(b_.fingerprint());
  SrtpLeg leg_{kDtlsRequired, &a_};
};

TEST_F(SrtpLegDtlsTest, TheAnswererBeginsAndEachKnowsTheOther) {
  SrtpLeg answerer(kDtlsRequired, &b_);
  leg_.make_offer(random_);
  EXPECT_EQ(leg_.said().protocol, Protocol::kDtlsSavp);
  EXPECT_EQ(setup(leg_), "actpass");
  EXPECT_TRUE(read(leg_).crypto.empty());
  EXPECT_GE(read(leg_).tls_id.size(), 20u);
  ASSERT_TRUE(answerer.take_offer(read(leg_), random_));
  EXPECT_TRUE(answerer.awaits_dtls());
  EXPECT_FALSE(answerer.agreed());
  answerer.agree();
  EXPECT_EQ(answerer.said().protocol, Protocol::kDtlsSavp);
  EXPECT_EQ(setup(answerer), "active");
  ASSERT_TRUE(leg_.take_answer(read(answerer)));
  EXPECT_EQ(dtls(answerer).role, DtlsRole::kClient);
  EXPECT_EQ(dtls(leg_).role, DtlsRole::kServer);
  EXPECT_EQ(dtls(answerer).fingerprints, std::vector{a_.fingerprint()});
  EXPECT_EQ(dtls(leg_).fingerprints, std::vector{b_.fingerprint()});
  EXPECT_EQ(dtls(leg_).tls_id, dtls(answerer).own_tls_id);
  EXPECT_EQ(setup(leg_), "passive") << "said again, it is what was agreed";
}

TEST_F(SrtpLegDtlsTest, EveryPairOfRules) {
  const std::array<SrtpRule, 5> rules{SrtpRule{}, SrtpRule{kOptional}, SrtpRule{kRequired},
                                      kDtlsOptional, kDtlsRequired};
  for (const SrtpRule& offers : rules) {
    for (const SrtpRule& answers : rules) {
      SrtpLeg offerer(offers, &a_);
      SrtpLeg answerer(answers, &b_);
      const bool off = offers.policy == kOff || answers.policy == kOff;
      const bool must = offers.policy == kRequired || answers.policy == kRequired;
      ASSERT_EQ(agree(offerer, answerer), !(off && must));
      if (off && must) continue;
      EXPECT_EQ(offerer.agreed()->dtls.has_value(), !off && offers.offers == KeyAgreement::kDtls);
      EXPECT_EQ(answerer.agreed()->dtls.has_value(), offerer.agreed()->dtls.has_value());
      EXPECT_EQ(offerer.agreed()->suite == crypto::SrtpSuite::kNone,
                off || offers.offers == KeyAgreement::kDtls);
    }
  }
}

TEST_F(SrtpLegDtlsTest, WhoSpeaksNoDtlsOffersSdes) {
  SrtpLeg leg(kDtlsRequired);
  leg.make_offer(random_);
  EXPECT_EQ(leg.said().protocol, Protocol::kSavp);
  EXPECT_EQ(read(leg).crypto.size(), 6u);
  EXPECT_FALSE(leg.take_offer(theirs("actpass"), random_));
}

TEST_F(SrtpLegDtlsTest, OfBothTheProtocolSaysWhich) {
  const std::string key = "1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(40, 'B');
  auto both = theirs("actpass");
  both.crypto = {key};
  for (const SrtpRule& rule : {SrtpRule{kOptional}, kDtlsOptional}) {
    SrtpLeg leg(rule, &a_);
    const auto by_dtls = [&](std::string_view protocol) {
      both.protocol = protocol;
      EXPECT_TRUE(offered(leg, both));
      return leg.agreed()->dtls.has_value();
    };
    EXPECT_TRUE(by_dtls("UDP/TLS/RTP/SAVPF"));
    EXPECT_FALSE(by_dtls("RTP/SAVP"));
    EXPECT_EQ(by_dtls("RTP/AVP"), rule.offers == KeyAgreement::kDtls);
  }
  both.crypto.clear();
  both.protocol = "RTP/SAVP";
  SrtpLeg leg({kOptional}, &a_);
  EXPECT_TRUE(offered(leg, both) && leg.agreed()->dtls);
}

TEST_F(SrtpLegDtlsTest, RolesByWhatTheOffererSays) {
  const auto answer = [this](std::string_view setup_word, bool hidden = false) {
    SrtpLeg leg(kDtlsRequired, &a_);
    EXPECT_TRUE(leg.take_offer(theirs(setup_word), random_, hidden)) << setup_word;
    return std::string(setup(leg));
  };
  EXPECT_EQ(answer("actpass"), "active");
  EXPECT_EQ(answer("ACTPASS"), "active");
  EXPECT_EQ(answer("actpass", true), "passive") << "it opens its NAT";
  EXPECT_EQ(answer("active"), "passive");
  EXPECT_EQ(answer("passive"), "active");
  EXPECT_EQ(answer(""), "passive") << "RFC 4145 §4: an offer means active";
  SrtpLeg leg(kDtlsRequired, &a_);
  EXPECT_FALSE(leg.take_offer(theirs("holdconn"), random_));
  EXPECT_FALSE(leg.take_offer(theirs("somehow"), random_));
}

TEST_F(SrtpLegDtlsTest, AnAnswerMustTakeARoleAndNameACertificate) {
  leg_.make_offer(random_);
  for (const char* word : {"actpass", "holdconn", "x"}) {
    EXPECT_FALSE(leg_.take_answer(theirs(word))) << word;
  }
  auto nameless = theirs("active");
  nameless.fingerprints = {"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33"};
  EXPECT_FALSE(leg_.take_answer(nameless));
  EXPECT_FALSE(leg_.agreed());
  EXPECT_TRUE(leg_.take_answer(theirs("")));
  EXPECT_EQ(dtls(leg_).role, DtlsRole::kClient) << "RFC 4145 §4: an answer means passive";
}

TEST_F(SrtpLegDtlsTest, AChangeThatChangesNothingKeepsTheAssociation) {
  SrtpLeg other(kDtlsRequired, &b_);
  ASSERT_TRUE(agree(leg_, other));
  const auto ours = leg_.agreed();
  const auto others = other.agreed();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(agree(leg_, other));
    ASSERT_TRUE(agree(other, leg_));
    EXPECT_EQ(leg_.agreed(), ours);
    EXPECT_EQ(other.agreed(), others);
  }
  // A refresh says again what was said last.
  ASSERT_TRUE(offered(other, read(leg_)));
  ASSERT_TRUE(leg_.take_answer(read(other)));
  EXPECT_EQ(leg_.agreed(), ours);
  EXPECT_EQ(other.agreed(), others);
}

TEST_F(SrtpLegDtlsTest, AnewIsAnotherAssociationForBoth) {
  SrtpLeg other(kDtlsOptional, &b_);
  ASSERT_TRUE(agree(leg_, other));
  ASSERT_TRUE(agree(leg_, other, true));
  EXPECT_EQ(dtls(leg_).association, 2u);
  EXPECT_EQ(dtls(other).association, 2u);
  EXPECT_EQ(leg_.said().protocol, Protocol::kDtlsSavp);
}

TEST_F(SrtpLegDtlsTest, WhatChangesAnAssociation) {
  ASSERT_TRUE(offered(leg_, theirs("actpass", "first")));
  EXPECT_EQ(dtls(leg_).association, 1u);
  ASSERT_TRUE(offered(leg_, theirs("actpass", "second")));
  EXPECT_EQ(dtls(leg_).association, 2u) << "another a=tls-id";
  ASSERT_TRUE(offered(leg_, theirs("active", "second")));
  EXPECT_EQ(dtls(leg_).association, 3u) << "another role";
  auto moved = theirs("active", "second");
  moved.rtp = at("192.0.2.9:9100");
  ASSERT_TRUE(offered(leg_, moved));
  EXPECT_EQ(dtls(leg_).association, 3u) << "a=tls-id names it, wherever it is";
  const std::string other = sdp::write_fingerprint(a_.fingerprint());
  moved.fingerprints = {other};
  ASSERT_TRUE(offered(leg_, moved));
  EXPECT_EQ(dtls(leg_).association, 4u) << "another certificate";
}

TEST_F(SrtpLegDtlsTest, WithoutATlsIdThePlaceNamesIt) {
  ASSERT_TRUE(offered(leg_, theirs("actpass")));
  EXPECT_TRUE(read(leg_).tls_id.empty()) << "not asked";
  auto held = theirs("actpass");
  held.rtp.address = base::IpAddress::ip4(0, 0, 0, 0);
  ASSERT_TRUE(offered(leg_, held));
  EXPECT_EQ(dtls(leg_).association, 1u);
  auto moved = theirs("actpass");
  moved.rtp = at("192.0.2.9:9100");
  ASSERT_TRUE(offered(leg_, moved));
  EXPECT_EQ(dtls(leg_).association, 2u);
  // "holdconn" of one that there is.
  moved.setup = "holdconn";
  ASSERT_TRUE(offered(leg_, moved));
  EXPECT_EQ(dtls(leg_).association, 2u);
  EXPECT_EQ(setup(leg_), "holdconn");
}

TEST_F(SrtpLegDtlsTest, FeedbackIsOfferedUnderTheProtocolThatHadIt) {
  auto phone = theirs("actpass");
  phone.protocol = "UDP/TLS/RTP/SAVPF";
  ASSERT_TRUE(offered(leg_, phone));
  EXPECT_TRUE(leg_.said().feedback) << "an answer has the offer's profile";
  const auto offers = [&](const SrtpRule& rule) {
    SrtpLeg leg(rule, &b_);
    leg.make_offer(random_, &phone);
    return leg.said().feedback;
  };
  EXPECT_FALSE(offers({}));
  EXPECT_FALSE(offers({kRequired}));
  EXPECT_TRUE(offers(kDtlsRequired));
  phone.protocol = "RTP/AVPF";
  EXPECT_TRUE(offers({}));
  EXPECT_TRUE(offers(kDtlsOptional));
  EXPECT_FALSE(offers(kDtlsRequired));
}

TEST_F(SrtpLegDtlsTest, WhatIsWithdrawnChangesNothing) {
  ASSERT_TRUE(offered(leg_, theirs("actpass", "first")));
  const auto before = leg_.agreed();
  const auto said = leg_.said();
  ASSERT_TRUE(leg_.take_offer(theirs("passive", "second"), random_));
  leg_.withdraw();
  leg_.agree();
  EXPECT_EQ(leg_.agreed(), before);
  EXPECT_EQ(leg_.said(), said);
  leg_.make_offer(random_, nullptr, true);
  leg_.withdraw();
  EXPECT_EQ(leg_.said(), said);
}

}  // namespace
}  // namespace tandem::media
