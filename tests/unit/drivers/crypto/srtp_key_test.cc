#include "drivers/crypto/srtp_key.h"

#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

Octets keystream(std::string_view key, std::string_view counter, std::size_t blocks) {
  alignas(16) std::array<std::uint8_t, kAesScheduleMax> schedule;
  const Octets octets = hex(key);
  expand_aes_key(best().manager(), octets, schedule.data());
  Octets out(16 * blocks);
  aes_ctr(best().manager(), schedule.data(), octets.size(), hex(counter).data(), out);
  return out;
}

Octets prf(const SrtpMaster& master, std::uint8_t label, std::size_t size) {
  Octets out(size, 0xff);
  srtp_prf(best(), master, label, out);
  return out;
}

TEST(SrtpKey, CounterModeIsThatOfRfc3711B2) {
  EXPECT_EQ(keystream("2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 3),
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
                "41E95B3BB0A2E8DD477901E4FCA894C0"));
  EXPECT_EQ(keystream("2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF", 3),
            hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE"
                "6A2CC3787889374FBEB4C81B17BA6C44"));
}

TEST(SrtpKey, CounterModeOf256BitsIsThatOfRfc6188) {
  const char* key = "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98";
  EXPECT_EQ(keystream(key, "f0f1f2f3f4f5f6f7f8f9fafbfcfd0000", 3),
            hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac"
                "63c4868b7096d88421b563b8c94c9a31"));
  EXPECT_EQ(keystream(key, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 3),
            hex("cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d"
                "6eb246913062a16891433e97dd01a57f"));
}

TEST(SrtpKey, DerivationIsThatOfRfc3711B3) {
  const auto master = master_of(SrtpSuite::kAesCm128HmacSha1_80, "E1F97A0D3E018BE0D64FA32C06DE4139",
                                "0EC675AD498AFEEBB6960B3AABE6");
  EXPECT_EQ(prf(master, 0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
  EXPECT_EQ(prf(master, 2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
  EXPECT_EQ(prf(master, 1, 94),
            hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE"
                "E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25"
                "6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"));
}

TEST(SrtpKey, DerivationOf256BitsIsThatOfRfc6188) {
  const auto master = master_of(SrtpSuite::kAesCm256HmacSha1_80,
                                "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6",
                                "3b04803de51ee7c96423ab5b78d2");
  SrtpSessionKeys rtp;
  SrtpSessionKeys rtcp;
  derive_srtp_keys(best(), master, rtp, rtcp);
  EXPECT_EQ(Octets(rtp.cipher.begin(), rtp.cipher.end()),
            hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4"));
  EXPECT_EQ(Octets(rtp.salt.begin(), rtp.salt.end()), hex("fa31791685ca444a9e07c6c64e93"));
  EXPECT_EQ(Octets(rtp.authentication.begin(), rtp.authentication.end()),
            hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
  EXPECT_EQ(Octets(rtcp.cipher.begin(), rtcp.cipher.end()), prf(master, 3, 32));
  EXPECT_NE(rtcp.cipher, rtp.cipher);
  EXPECT_NE(rtcp.authentication, rtp.authentication);
  EXPECT_NE(rtcp.salt, rtp.salt);
}

TEST(SrtpKey, OnlyTheSuitesLengthsCount) {
  std::mt19937_64 random(1);
  for (const SrtpSuite suite : kSuites) {
    const SrtpSuiteFacts& facts = facts_of(suite);
    SrtpMaster one = random_master(suite, random);
    SrtpMaster other = one;
    std::fill(other.key.begin() + facts.key, other.key.end(), std::uint8_t{0x5a});
    std::fill(other.salt.begin() + facts.salt, other.salt.end(), std::uint8_t{0x5a});
    SrtpKey a;
    SrtpKey b;
    make_srtp_key(best(), one, a);
    make_srtp_key(best(), other, b);
    EXPECT_EQ(std::memcmp(&a, &b, sizeof a), 0);
    other.key[facts.key - 1] ^= 1;
    make_srtp_key(best(), other, b);
    EXPECT_NE(std::memcmp(&a, &b, sizeof a), 0);
  }
}

}  // namespace
}  // namespace tandem::crypto
