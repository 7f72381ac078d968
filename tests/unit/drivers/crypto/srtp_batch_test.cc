#include "drivers/crypto/srtp_batch.h"

#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

struct Vector {
  SrtpSuite suite;
  SrtpKind kind;
  const char* plain;
  const char* protected_packet;
};

constexpr const char* kGcmKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* kGcmSalt = "517569642070726f2071756f";
constexpr std::uint32_t kGcmRtcpIndex = 0x5d4;

// RFC 7714 §16.1.1, §16.2.1, §17.1, §17.2: of session keys.
constexpr Vector kGcmVectors[] = {
    {SrtpSuite::kAeadAes128Gcm, SrtpKind::kRtp,
     "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070"
     "61727465 73207472 6573",
     "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a"
     "51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce"},
    {SrtpSuite::kAeadAes256Gcm, SrtpKind::kRtp,
     "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070"
     "61727465 73207472 6573",
     "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02"
     "76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13"},
    {SrtpSuite::kAeadAes128Gcm, SrtpKind::kRtcp,
     "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef"
     "deadbeef deadbeef deadbeef",
     "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda"
     "4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"},
    {SrtpSuite::kAeadAes256Gcm, SrtpKind::kRtcp,
     "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef"
     "deadbeef deadbeef deadbeef",
     "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be"
     "8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4"},
};

class Batch : public testing::Test {
 protected:
  SrtpMaster start_pair(SrtpSuite suite) {
    const SrtpMaster master = random_master(suite, random_);
    sender_.start(best(), master, SrtpDirection::kProtect);
    receiver_.start(best(), master, SrtpDirection::kUnprotect);
    return master;
  }
  Octets sent(std::uint16_t sequence, std::uint32_t ssrc = 1) {
    Octets out = rtp({.ssrc = ssrc, .sequence = sequence});
    EXPECT_EQ(run(batch_, sender_, out), SrtpVerdict::kOk);
    return out;
  }
  SrtpVerdict received(Octets packet) { return run(batch_, receiver_, packet); }
  // All in one burst.
  std::vector<SrtpVerdict> received_together(std::vector<Octets>& packets) {
    std::vector<SrtpJob> jobs;
    for (Octets& one : packets) jobs.push_back({one, 0, &receiver_, SrtpKind::kRtp, {}});
    batch_.run(jobs);
    std::vector<SrtpVerdict> out;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      packets[i].resize(jobs[i].packet.size());
      out.push_back(jobs[i].verdict);
    }
    return out;
  }
  // Of several SSRCs that roll over, with duplicates, forgeries and packets out of order.
  std::vector<Octets> disturbed_stream() {
    std::vector<Octets> out;
    auto sequence = static_cast<std::uint16_t>(random_());
    for (int i = 0; i < 150; ++i) {
      const auto step = random_() % 10;
      sequence = static_cast<std::uint16_t>(sequence + (step == 0 ? 20'000 : step));
      Octets packet =
          rtp({.ssrc = static_cast<std::uint32_t>(random_() % 6), .sequence = sequence});
      if (run(batch_, sender_, packet) != SrtpVerdict::kOk) continue;
      out.push_back(packet);
      if (random_() % 5 == 0) out.push_back(out[random_() % out.size()]);
      if (random_() % 5 == 0) {
        packet[2] ^= 0xc0;  // another half of the round
        out.push_back(packet);
      }
      if (random_() % 7 == 0) std::swap(out.back(), out[out.size() / 2]);
    }
    return out;
  }

  std::mt19937_64 random_{7};
  SrtpBatch batch_{best()};
  SrtpContext sender_;
  SrtpContext receiver_;
};

TEST_F(Batch, GcmIsThatOfRfc7714) {
  for (const Vector& vector : kGcmVectors) {
    SrtpSessionKeys keys;
    const Octets key = hex(kGcmKey);
    const Octets salt = hex(kGcmSalt);
    std::copy(key.begin(), key.end(), keys.cipher.begin());
    std::copy(salt.begin(), salt.end(), keys.salt.begin());
    sender_.start(best(), vector.suite, keys, keys, SrtpDirection::kProtect);
    receiver_.start(best(), vector.suite, keys, keys, SrtpDirection::kUnprotect);
    ASSERT_TRUE(sender_.restore({0x4d617273, {}, kGcmRtcpIndex - 1}));
    Octets packet = hex(vector.plain);
    EXPECT_EQ(run(batch_, sender_, packet, vector.kind), SrtpVerdict::kOk);
    EXPECT_EQ(packet, hex(vector.protected_packet));
    EXPECT_EQ(run(batch_, receiver_, packet, vector.kind), SrtpVerdict::kOk);
    EXPECT_EQ(packet, hex(vector.plain));
  }
}

// RFC 3711 appendix B.2 and RFC 6188 §7.1: salt and keystream of session keys, on a packet whose
// SSRC and index are 0.
TEST_F(Batch, CounterModeIsThatOfTheRfcs) {
  const auto keystream = [this](SrtpSuite suite, const char* key) {
    SrtpSessionKeys keys;
    const Octets cipher = hex(key);
    const Octets salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    std::copy(cipher.begin(), cipher.end(), keys.cipher.begin());
    std::copy(salt.begin(), salt.end(), keys.salt.begin());
    sender_.start(best(), suite, keys, keys, SrtpDirection::kProtect);
    Octets packet = rtp({.ssrc = 0, .sequence = 0, .payload = 48});
    std::fill(packet.begin() + 12, packet.end(), std::uint8_t{0});
    EXPECT_EQ(run(batch_, sender_, packet), SrtpVerdict::kOk);
    return Octets(packet.begin() + 12, packet.begin() + 60);
  };
  EXPECT_EQ(keystream(SrtpSuite::kAesCm128HmacSha1_80, "2B7E151628AED2A6ABF7158809CF4F3C"),
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
                "41E95B3BB0A2E8DD477901E4FCA894C0"));
  EXPECT_EQ(keystream(SrtpSuite::kAesCm256HmacSha1_32,
                      "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98"),
            hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac"
                "63c4868b7096d88421b563b8c94c9a31"));
}

TEST_F(Batch, EverySizeAndShapeComesBack) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    std::uint16_t sequence = 0;
    for (std::size_t payload = 0; payload <= 70; ++payload) {
      for (const int words : {-1, 0, 3}) {
        const Octets plain = rtp({.sequence = ++sequence,
                                  .payload = payload,
                                  .csrcs = sequence % 16u,
                                  .extension_words = words});
        Octets packet = plain;
        ASSERT_EQ(run(batch_, sender_, packet), SrtpVerdict::kOk);
        ASSERT_EQ(packet.size(), plain.size() + facts_of(suite).rtp_tag);
        ASSERT_EQ(run(batch_, receiver_, packet), SrtpVerdict::kOk) << payload;
        ASSERT_EQ(packet, plain);
      }
      const Octets plain = rtcp(5, payload);
      Octets packet = plain;
      ASSERT_EQ(run(batch_, sender_, packet, SrtpKind::kRtcp), SrtpVerdict::kOk);
      ASSERT_EQ(packet.size(), plain.size() + facts_of(suite).rtcp_tag + 4);
      ASSERT_EQ(run(batch_, receiver_, packet, SrtpKind::kRtcp), SrtpVerdict::kOk);
      ASSERT_EQ(packet, plain);
    }
  }
}

TEST_F(Batch, AnyChangedBitIsABadTag) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    Octets packet = rtp({.sequence = 9, .payload = 20, .csrcs = 1});
    ASSERT_EQ(run(batch_, sender_, packet), SrtpVerdict::kOk);
    for (std::size_t bit = 0; bit < packet.size() * 8; ++bit) {
      Octets forged = packet;
      forged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto verdict = received(forged);
      // Version, number of CSRCs and X bit may make it no RTP at all.
      if (bit < 8) {
        EXPECT_NE(verdict, SrtpVerdict::kOk);
      } else {
        ASSERT_EQ(verdict, SrtpVerdict::kBadTag) << name_of(verdict) << " " << bit;
      }
    }
    // None of them has moved anything.
    EXPECT_EQ(received(packet), SrtpVerdict::kOk);
  }
}

TEST_F(Batch, AnyChangedBitOfRtcpIsRefused) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    Octets packet = rtcp(3, 20);
    ASSERT_EQ(run(batch_, sender_, packet, SrtpKind::kRtcp), SrtpVerdict::kOk);
    const std::size_t word = packet.size() - 4 - (facts_of(suite).gcm ? 0 : 10);
    for (std::size_t bit = 2; bit < packet.size() * 8; ++bit) {
      Octets forged = packet;
      forged[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
      const auto verdict = run(batch_, receiver_, forged, SrtpKind::kRtcp);
      const bool e_flag = bit == word * 8;
      ASSERT_EQ(verdict, e_flag ? SrtpVerdict::kUnencrypted : SrtpVerdict::kBadTag) << bit;
    }
    EXPECT_EQ(run(batch_, receiver_, packet, SrtpKind::kRtcp), SrtpVerdict::kOk);
  }
}

TEST_F(Batch, ARefusedPacketOfCounterModeIsAsItWas) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_32);
  Octets packet = sent(1);
  packet.back() ^= 1;
  const Octets before = packet;
  EXPECT_EQ(run(batch_, receiver_, packet), SrtpVerdict::kBadTag);
  EXPECT_EQ(packet, before);
  packet.back() ^= 1;
  Octets again = packet;
  EXPECT_EQ(run(batch_, receiver_, packet), SrtpVerdict::kOk);
  const Octets replay = again;
  EXPECT_EQ(run(batch_, receiver_, again), SrtpVerdict::kReplayed);
  EXPECT_EQ(again, replay);
}

TEST_F(Batch, WhatIsShorterThanItSaysIsMalformed) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    Octets whole = rtp({.sequence = 2, .payload = 20, .csrcs = 3, .extension_words = 2});
    const std::size_t header = whole.size() - 20;
    ASSERT_EQ(run(batch_, sender_, whole), SrtpVerdict::kOk);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const bool fits = size >= header + facts_of(suite).rtp_tag;
      ASSERT_EQ(received(cut), fits ? SrtpVerdict::kBadTag : SrtpVerdict::kMalformed) << size;
    }
    Octets control = rtcp(3, 20);
    ASSERT_EQ(run(batch_, sender_, control, SrtpKind::kRtcp), SrtpVerdict::kOk);
    for (std::size_t size = 0; size < control.size(); ++size) {
      Octets cut(control.begin(), control.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_NE(run(batch_, receiver_, cut, SrtpKind::kRtcp), SrtpVerdict::kOk) << size;
      if (size < 8 + facts_of(suite).rtcp_tag + 4u) {
        Octets shorter(control.begin(), control.begin() + static_cast<std::ptrdiff_t>(size));
        ASSERT_EQ(run(batch_, receiver_, shorter, SrtpKind::kRtcp), SrtpVerdict::kMalformed);
      }
    }
  }
}

TEST_F(Batch, AHeaderThatLiesIsNotProtected) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_80);
  Octets csrcs = rtp({.payload = 8});
  csrcs[0] |= 3;
  EXPECT_EQ(run(batch_, sender_, csrcs), SrtpVerdict::kMalformed);
  Octets extension = rtp({.payload = 0, .extension_words = 1});
  extension[15] = 2;
  EXPECT_EQ(run(batch_, sender_, extension), SrtpVerdict::kMalformed);
  Octets version = rtp({});
  version[0] &= 0x7f;
  EXPECT_EQ(run(batch_, sender_, version), SrtpVerdict::kMalformed);
  Octets control = rtcp(1, 0);
  control.pop_back();
  EXPECT_EQ(run(batch_, sender_, control, SrtpKind::kRtcp), SrtpVerdict::kMalformed);
  Octets huge = rtp({.payload = 70'000});
  EXPECT_EQ(run(batch_, sender_, huge), SrtpVerdict::kMalformed);
}

TEST_F(Batch, ATagNeedsRoom) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    Octets packet = rtp({.payload = 40});
    const std::size_t tag = facts_of(suite).rtp_tag;
    packet.resize(packet.size() + tag);
    SrtpJob job{{packet.data(), 52}, tag - 1, &sender_, SrtpKind::kRtp, {}};
    batch_.run({&job, 1});
    EXPECT_EQ(job.verdict, SrtpVerdict::kNoRoom);
    // It has used nothing up: the same sequence number may still be sent.
    job.tailroom = tag;
    batch_.run({&job, 1});
    EXPECT_EQ(job.verdict, SrtpVerdict::kOk);
    EXPECT_EQ(job.packet.size(), 52 + tag);
  }
  Octets longest = rtp({.payload = 65'535 - 12});
  EXPECT_EQ(run(batch_, sender_, longest), SrtpVerdict::kNoRoom);
}

TEST_F(Batch, WithoutAKeyNothingPasses) {
  Octets packet = rtp({});
  EXPECT_EQ(run(batch_, sender_, packet), SrtpVerdict::kNoKey);
  EXPECT_EQ(packet, rtp({}));
}

TEST_F(Batch, ASequenceNumberIsNotSentTwice) {
  start_pair(SrtpSuite::kAeadAes128Gcm);
  sent(5);
  Octets again = rtp({.ssrc = 1, .sequence = 5, .payload = 3});
  EXPECT_EQ(run(batch_, sender_, again), SrtpVerdict::kReplayed);
  EXPECT_EQ(again, rtp({.ssrc = 1, .sequence = 5, .payload = 3}));
  sent(4);
}

TEST_F(Batch, DuplicatesInOneBurstPassOnce) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    std::vector<Octets> burst = {sent(1), sent(2), sent(3)};
    burst.insert(burst.begin() + 1, burst[0]);
    burst.push_back(burst[2]);
    Octets forged = burst[4];
    forged[2] = 0x10;
    burst.insert(burst.begin(), forged);
    const auto verdicts = received_together(burst);
    EXPECT_EQ(verdicts, (std::vector{SrtpVerdict::kBadTag, SrtpVerdict::kOk, SrtpVerdict::kReplayed,
                                     SrtpVerdict::kOk, SrtpVerdict::kOk, SrtpVerdict::kReplayed}))
        << facts_of(suite).name;
    EXPECT_EQ(burst[1], rtp({.ssrc = 1, .sequence = 1}));
    EXPECT_EQ(burst[3], rtp({.ssrc = 1, .sequence = 2}));
  }
}

TEST_F(Batch, ANewSsrcMayRollOverInsideItsFirstBurst) {
  for (const SrtpSuite suite : kSuites) {
    start_pair(suite);
    std::vector<Octets> burst;
    for (const int ahead : {-2, -1, 0, 1}) {
      burst.push_back(sent(static_cast<std::uint16_t>(ahead)));
    }
    EXPECT_EQ(received_together(burst), std::vector(4, SrtpVerdict::kOk));
    EXPECT_EQ(burst[3], rtp({.ssrc = 1, .sequence = 1}));
  }
}

// A forged packet far away must not make those behind it in the burst guess wrong; nor must a true
// one be lost that only makes sense after another true one.
TEST_F(Batch, ABurstIsWhatItsPacketsAreOneByOne) {
  std::array<int, static_cast<std::size_t>(SrtpVerdict::kCount)> seen{};
  for (const SrtpSuite suite : kSuites) {
    for (int round = 0; round < 10; ++round) {
      const SrtpMaster master = start_pair(suite);
      SrtpContext alone;
      alone.start(best(), master, SrtpDirection::kUnprotect);
      std::vector<Octets> packets = disturbed_stream();
      std::vector<Octets> plain = packets;
      std::vector<SrtpVerdict> singly;
      for (Octets& one : plain) {
        singly.push_back(run(batch_, alone, one));
        ++seen[static_cast<std::size_t>(singly.back())];
      }
      ASSERT_EQ(received_together(packets), singly) << facts_of(suite).name << " " << round;
      for (std::size_t i = 0; i < packets.size(); ++i) {
        ASSERT_TRUE(singly[i] != SrtpVerdict::kOk || packets[i] == plain[i]);
      }
    }
  }
  for (const auto verdict :
       {SrtpVerdict::kOk, SrtpVerdict::kReplayed, SrtpVerdict::kTooOld, SrtpVerdict::kBadTag}) {
    EXPECT_GT(seen[static_cast<std::size_t>(verdict)], 100) << name_of(verdict);
  }
}

TEST_F(Batch, AStrangersSsrcsPushNobodyOut) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_80);
  EXPECT_EQ(received(sent(1)), SrtpVerdict::kOk);
  for (std::uint32_t ssrc = 100; ssrc < 200; ++ssrc) {
    EXPECT_EQ(received(rtp({.ssrc = ssrc})), SrtpVerdict::kBadTag);
  }
  std::array<SrtpPosition, SrtpContext::kLive + SrtpContext::kRetired> known;
  EXPECT_EQ(receiver_.positions(known), 1u);
}

TEST_F(Batch, ASenderWithTooManySsrcsSaysSo) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_80);
  constexpr std::uint32_t kKnown = SrtpContext::kLive + SrtpContext::kRetired;
  for (std::uint32_t ssrc = 0; ssrc < kKnown; ++ssrc) sent(1, ssrc);
  Octets more = rtp({.ssrc = kKnown});
  EXPECT_EQ(run(batch_, sender_, more), SrtpVerdict::kTooManySsrcs);
  sent(2, 0);
}

TEST_F(Batch, AKeyThatHasEndedProtectsNothing) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_80);
  ASSERT_TRUE(sender_.restore({1, kSrtpLifetime - 2, kSrtcpLifetime - 2}));
  Octets last = rtp({.ssrc = 1, .sequence = 65535});
  EXPECT_EQ(run(batch_, sender_, last), SrtpVerdict::kOk);
  Octets more = rtp({.ssrc = 1, .sequence = 0});
  EXPECT_EQ(run(batch_, sender_, more), SrtpVerdict::kKeyEnded);
  Octets control = rtcp(1, 8);
  EXPECT_EQ(run(batch_, sender_, control, SrtpKind::kRtcp), SrtpVerdict::kOk);
  EXPECT_EQ(run(batch_, sender_, control, SrtpKind::kRtcp), SrtpVerdict::kKeyEnded);
}

TEST_F(Batch, RekeyedBothSidesGoOn) {
  start_pair(SrtpSuite::kAesCm128HmacSha1_80);
  EXPECT_EQ(received(sent(65535)), SrtpVerdict::kOk);
  EXPECT_EQ(received(sent(0)), SrtpVerdict::kOk);
  const Octets old = sent(1);
  const SrtpMaster master = random_master(SrtpSuite::kAeadAes128Gcm, random_);
  sender_.rekey(best(), master);
  receiver_.rekey(best(), master);
  EXPECT_EQ(received(old), SrtpVerdict::kBadTag);
  EXPECT_EQ(received(sent(2)), SrtpVerdict::kOk);
}

}  // namespace
}  // namespace tandem::crypto
