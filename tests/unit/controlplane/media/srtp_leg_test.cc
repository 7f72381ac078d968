// Two legs under every pair of policies offer and answer one another, as two switches would.
#include "controlplane/media/srtp_leg.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::media {
namespace {

using crypto::SrtpSuite;
using enum SrtpPolicy;
using Protocol = sdp::Security::Protocol;

// What the other end reads of what this leg said. Views into `leg`.
sdp::Media heard(const SrtpLeg& leg) {
  sdp::Media out;
  constexpr std::string_view kProtocols[] = {"RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP"};
  out.protocol = kProtocols[static_cast<std::size_t>(leg.said().protocol)];
  for (std::string_view line : leg.said().attributes) {
    const auto name = base::split_first(line, ':');
    if (name == "crypto") out.crypto.push_back(line);
    if (name == "fingerprint") out.fingerprints.push_back(line);
    if (name == "setup") out.setup = line;
    if (name == "tls-id") out.tls_id = line;
  }
  return out;
}
sdp::Media media(std::string_view protocol, std::vector<std::string_view> crypto = {}) {
  sdp::Media out;
  out.protocol = protocol;
  out.crypto = std::move(crypto);
  return out;
}
std::string line(int tag, const char* suite, char filling, std::size_t characters) {
  return std::to_string(tag) + " " + suite + " inline:" + std::string(characters, filling);
}
const std::string kGcm = line(3, "AEAD_AES_128_GCM", 'A', 37) + "Q==";  // 28 octets
const std::string kCm = line(4, "AES_CM_128_HMAC_SHA1_80", 'B', 40);
const std::string kUnknown = "1 F8_128_HMAC_SHA1_80 inline:" + std::string(40, 'C');

class SrtpLegTest : public ::testing::Test {
 protected:
  // The offer is accepted, and its answer too.
  bool agree(SrtpLeg& offerer, SrtpLeg& answerer) {
    offerer.make_offer(random_);
    if (!answerer.take_offer(heard(offerer), random_)) return false;
    answerer.agree();
    return offerer.take_answer(heard(answerer));
  }
  static void expect_matched(const SrtpLeg& a, const SrtpLeg& b) {
    ASSERT_TRUE(a.agreed() && b.agreed());
    EXPECT_EQ(a.agreed()->suite, b.agreed()->suite);
    EXPECT_EQ(a.agreed()->in, b.agreed()->out);
    EXPECT_EQ(a.agreed()->out, b.agreed()->in);
    const bool clear = a.agreed()->suite == SrtpSuite::kNone;
    EXPECT_EQ(a.agreed()->in == a.agreed()->out, clear);
  }

  base::SeededRandom random_{1};
};

TEST_F(SrtpLegTest, EveryPairOfPolicies) {
  for (const auto offers : {kOff, kOptional, kRequired}) {
    for (const auto answers : {kOff, kOptional, kRequired}) {
      SrtpLeg offerer({offers});
      SrtpLeg answerer({answers});
      const bool never =
          (offers == kRequired && answers == kOff) || (offers == kOff && answers == kRequired);
      ASSERT_EQ(agree(offerer, answerer), !never)
          << static_cast<int>(offers) << static_cast<int>(answers);
      if (never) continue;
      expect_matched(offerer, answerer);
      const bool clear = offers == kOff || answers == kOff;
      EXPECT_EQ(offerer.agreed()->suite,
                clear ? SrtpSuite::kNone : SrtpSuite::kAesCm128HmacSha1_80);
      EXPECT_EQ(answerer.said().protocol == Protocol::kSavp, offers == kRequired);
    }
  }
}

TEST_F(SrtpLegTest, OfTheirLinesTheFirstThatWeSpeak) {
  SrtpLeg leg({kOptional});
  ASSERT_TRUE(leg.take_offer(media("RTP/SAVP", {kUnknown, kGcm, kCm}), random_));
  leg.agree();
  EXPECT_EQ(leg.agreed()->suite, SrtpSuite::kAeadAes128Gcm);
  ASSERT_EQ(leg.said().attributes.size(), 1u);
  EXPECT_TRUE(leg.said().attributes[0].starts_with("crypto:3 AEAD_AES_128_GCM inline:"));
  EXPECT_FALSE(leg.said().attributes[0].ends_with(kGcm.substr(kGcm.find("inline"))))
      << "a key of ours";
}

TEST_F(SrtpLegTest, NothingUsableInSavpIsRefused) {
  for (const auto policy : {kOff, kOptional, kRequired}) {
    SrtpLeg leg({policy});
    EXPECT_FALSE(leg.take_offer(media("RTP/SAVP", {kUnknown}), random_));
    EXPECT_FALSE(leg.take_offer(media("RTP/SAVPF"), random_));
  }
  SrtpLeg clear({kOptional});
  EXPECT_TRUE(clear.take_offer(media("RTP/AVP", {kUnknown}), random_));
  EXPECT_TRUE(clear.said().attributes.empty());
}

TEST_F(SrtpLegTest, AnAnswerMustBeOneOfWhatWasOffered) {
  SrtpLeg leg({kRequired});
  leg.make_offer(random_);
  EXPECT_EQ(leg.said().attributes.size(), 6u);
  EXPECT_FALSE(leg.take_answer(media("RTP/SAVP", {line(9, "AES_CM_128_HMAC_SHA1_80", 'B', 40)})));
  EXPECT_FALSE(leg.take_answer(media("RTP/SAVP", {line(2, "AES_CM_128_HMAC_SHA1_80", 'B', 40)})));
  EXPECT_FALSE(leg.take_answer(media("RTP/AVP")));
  EXPECT_FALSE(leg.agreed());
  EXPECT_TRUE(leg.take_answer(media("RTP/SAVP", {line(1, "AES_CM_128_HMAC_SHA1_80", 'B', 40)})));
}

TEST_F(SrtpLegTest, AnotherOfferOfOursChangesNoKey) {
  SrtpLeg ours({kRequired});
  SrtpLeg theirs({kOptional});
  ASSERT_TRUE(agree(ours, theirs));
  const auto before = ours.agreed();
  ASSERT_TRUE(agree(ours, theirs));
  EXPECT_EQ(ours.agreed(), before);
  // Nor does theirs, held and taken up again.
  ASSERT_TRUE(agree(theirs, ours));
  EXPECT_EQ(ours.agreed(), before);
  EXPECT_EQ(ours.said().protocol, Protocol::kSavp) << "the protocol stays too";
}

TEST_F(SrtpLegTest, TheirNewKeyCountsWhenItIsAgreedOn) {
  SrtpLeg leg({kOptional});
  ASSERT_TRUE(leg.take_offer(media("RTP/SAVP", {kCm}), random_));
  leg.agree();
  const auto before = leg.agreed();
  const std::string other = line(4, "AES_CM_128_HMAC_SHA1_80", 'D', 40);
  ASSERT_TRUE(leg.take_offer(media("RTP/SAVP", {other}), random_));
  EXPECT_EQ(leg.agreed(), before);
  leg.withdraw();
  leg.agree();
  EXPECT_EQ(leg.agreed(), before) << "it was refused";
  ASSERT_TRUE(leg.take_offer(media("RTP/SAVP", {other}), random_));
  leg.agree();
  EXPECT_NE(leg.agreed()->in, before->in);
  EXPECT_EQ(leg.agreed()->out, before->out) << "ours stays";
}

TEST_F(SrtpLegTest, WhatWasWithdrawnWasNeverSaid) {
  SrtpLeg ours({kOptional});
  SrtpLeg theirs({kRequired});
  ASSERT_TRUE(agree(theirs, ours));
  const auto said = ours.said();
  ours.make_offer(random_);
  EXPECT_NE(ours.said().attributes, std::vector<std::string>{});
  ours.withdraw();
  EXPECT_EQ(ours.said(), said);
  // A refresh says it again; who answers it as before agrees on nothing new.
  const auto before = ours.agreed();
  ASSERT_TRUE(ours.take_answer(heard(theirs)));
  EXPECT_EQ(ours.agreed(), before);
}

TEST_F(SrtpLegTest, KeysAreNeverTheSameTwice) {
  std::vector<std::string> all;
  for (int i = 0; i < 50; ++i) {
    SrtpLeg leg({kRequired});
    leg.make_offer(random_);
    for (const auto& one : leg.said().attributes) all.push_back(one.substr(one.find("inline")));
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace tandem::media
