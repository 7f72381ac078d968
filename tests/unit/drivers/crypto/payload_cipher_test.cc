#include "drivers/crypto/payload_cipher.h"

#include <set>

#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

class Payload : public testing::Test {
 protected:
  static PayloadKey key(PayloadMode mode, std::string_view text) {
    auto made = make_payload_key(best(), mode, text);
    EXPECT_TRUE(made.ok());
    return *made;
  }
  static std::vector<PayloadKey> one_of_each() {
    return {key(PayloadMode::kNone, ""), key(PayloadMode::kXor, "abc"),
            key(PayloadMode::kRc4, "a key of 16 and more"),
            key(PayloadMode::kAes128, "0123456789abcdef")};
  }
  Octets applied(const PayloadKey& with, Octets packet) {
    PayloadJob job{packet, &with, false};
    cipher_.run({&job, 1});
    EXPECT_TRUE(job.done);
    return packet;
  }
  // What a payload of zeros becomes.
  Octets keystream(const PayloadKey& with, RtpShape shape) {
    Octets packet = rtp(shape);
    const std::size_t header = packet.size() - shape.payload;
    std::fill(packet.begin() + static_cast<std::ptrdiff_t>(header), packet.end(), std::uint8_t{0});
    packet = applied(with, packet);
    return {packet.begin() + static_cast<std::ptrdiff_t>(header), packet.end()};
  }

  PayloadCipher cipher_{best()};
};

TEST_F(Payload, XorIsTheKeyFromThePayloadsStart) {
  for (const std::size_t size : {1, 3, 16, 255, 256}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 31 + 7);
    const auto stream = keystream(key(PayloadMode::kXor, text), {.payload = 1400, .csrcs = 2});
    for (std::size_t i = 0; i < stream.size(); ++i) {
      ASSERT_EQ(stream[i], static_cast<std::uint8_t>(text[i % size])) << size << " " << i;
    }
  }
}

// The wire format of docs/MEDIA-ENCRYPTION.md, computed by `openssl enc -aes-128-ctr` with the IV
// cafebabe 01020304 0506 000000000000.
TEST_F(Payload, AesIsCounterModeFromThePacketsNumbers) {
  EXPECT_EQ(
      keystream(key(PayloadMode::kAes128, "0123456789abcdef"), {.sequence = 0x0506, .payload = 40}),
      hex("2b7a3ab0b4582cd1 91d4697ba89f274f 2bc1ca2432dd9f82 59694ca24d0bfc70 f4d933cecf844e17"));
}

// Likewise: RC4 under 32 octets of that keystream under half of the key's SHA-256, the first 256
// octets left out.
TEST_F(Payload, Rc4IsBoundToThePacketsNumbers) {
  EXPECT_EQ(
      keystream(key(PayloadMode::kRc4, "a key of 16 and more"),
                {.sequence = 0x0506, .payload = 40}),
      hex("fcaa932c1e93c261 1d7bbb505deb544f 64af18d3dabecb88 36ed3ca507430016 88bd7d9ffd9e6329"));
}

TEST_F(Payload, OnlyThePayloadChangesAndComesBack) {
  for (const PayloadKey& with : one_of_each()) {
    for (std::size_t payload = 0; payload < 300; payload += payload < 70 ? 1 : 37) {
      const RtpShape shape{.sequence = static_cast<std::uint16_t>(payload),
                           .payload = payload,
                           .csrcs = static_cast<unsigned>(payload % 4),
                           .extension_words = static_cast<int>(payload % 5) - 1};
      const Octets plain = rtp(shape);
      const Octets changed = applied(with, plain);
      const auto header = static_cast<std::ptrdiff_t>(plain.size() - payload);
      ASSERT_EQ(changed.size(), plain.size());
      ASSERT_TRUE(std::equal(plain.begin(), plain.begin() + header, changed.begin()));
      if (with.mode == PayloadMode::kNone || payload >= 8) {
        ASSERT_EQ(changed == plain, with.mode == PayloadMode::kNone);
      }
      ASSERT_EQ(applied(with, changed), plain);
    }
  }
}

TEST_F(Payload, NoPacketHasAnothersKeystream) {
  for (const auto& with : {key(PayloadMode::kRc4, "a key of 16 and more"),
                           key(PayloadMode::kAes128, "0123456789abcdef")}) {
    std::set<Octets> seen;
    for (const std::uint32_t ssrc : {1u, 2u, 0x100u, 0x80000001u}) {
      for (const std::uint32_t timestamp : {0u, 1u, 160u, 0x01000000u}) {
        for (const unsigned sequence : {0u, 1u, 256u, 65535u}) {
          EXPECT_TRUE(seen.insert(keystream(with, {.ssrc = ssrc,
                                                   .sequence = static_cast<std::uint16_t>(sequence),
                                                   .payload = 16,
                                                   .timestamp = timestamp}))
                          .second);
        }
      }
    }
    EXPECT_EQ(seen.size(), 64u);
  }
}

TEST_F(Payload, AnotherKeyIsAnotherKeystream) {
  const RtpShape shape{.payload = 32};
  EXPECT_NE(keystream(key(PayloadMode::kAes128, "0123456789abcdef"), shape),
            keystream(key(PayloadMode::kAes128, "0123456789abcdeg"), shape));
  EXPECT_NE(keystream(key(PayloadMode::kRc4, "0123456789abcdef"), shape),
            keystream(key(PayloadMode::kRc4, "0123456789abcdefg"), shape));
}

TEST_F(Payload, ABurstMixesModesAndIsAnyLength) {
  const auto keys = one_of_each();
  std::vector<Octets> packets;
  std::vector<Octets> expected;
  for (std::uint16_t i = 0; i < 150; ++i) {
    packets.push_back(rtp({.sequence = i, .payload = i}));
    expected.push_back(applied(keys[i % 4], packets.back()));
  }
  std::vector<PayloadJob> jobs;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    jobs.push_back({packets[i], &keys[i % 4], false});
  }
  cipher_.run(jobs);
  EXPECT_EQ(packets, expected);
  EXPECT_TRUE(std::all_of(jobs.begin(), jobs.end(), [](const auto& job) { return job.done; }));
}

TEST_F(Payload, WhatIsNoRtpIsLeftAlone) {
  for (const PayloadKey& with : one_of_each()) {
    Octets packet = rtp({.payload = 4, .csrcs = 2});
    packet[0] |= 15;
    const Octets before = packet;
    PayloadJob job{packet, &with, true};
    cipher_.run({&job, 1});
    EXPECT_FALSE(job.done);
    EXPECT_EQ(packet, before);
  }
}

TEST_F(Payload, AWrongKeyIsRefusedWithoutBeingTold) {
  const auto made = make_payload_key(best(), PayloadMode::kAes128, "sesame");
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error_text().find("16"), std::string::npos);
  EXPECT_EQ(made.error_text().find("sesame"), std::string::npos);
}

}  // namespace
}  // namespace tandem::crypto
