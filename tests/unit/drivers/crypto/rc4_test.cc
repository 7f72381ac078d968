#include "drivers/crypto/rc4.h"

#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

Octets stream(std::string_view key, std::size_t skip) {
  const Octets octets = hex(key);
  Octets out(16);
  const Rc4Job job{octets, out};
  rc4({&job, 1}, skip);
  return out;
}

// RFC 6229 §2, at offsets 0, 240, 256 and 1536.
TEST(Rc4, IsThatOfRfc6229) {
  const char* k5 = "0102030405";
  EXPECT_EQ(stream(k5, 0), hex("b2396305f03dc027ccc3524a0a1118a8"));
  EXPECT_EQ(stream(k5, 240), hex("28cb1132c96ce286421dcaadb8b69eae"));
  EXPECT_EQ(stream(k5, 256), hex("1cfcf62b03eddb641d77dfcf7f8d8c93"));
  EXPECT_EQ(stream(k5, 1536), hex("d8729db41882259bee4f825325f5a130"));
  const char* k16 = "0102030405060708090a0b0c0d0e0f10";
  EXPECT_EQ(stream(k16, 0), hex("9ac7cc9a609d1ef7b2932899cde41b97"));
  EXPECT_EQ(stream(k16, 256), hex("d39d566bc6bce3010768151549f3873f"));
  const char* k32 = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
  EXPECT_EQ(stream(k32, 0), hex("eaa6bd25880bf93d3f5d1e4ca2611d91"));
  EXPECT_EQ(stream(k32, 1536), hex("3e34135c79db010200767651cf263073"));
}

TEST(Rc4, ManyAreAsOneByOne) {
  std::mt19937_64 random(4);
  for (std::size_t count = 0; count <= 11; ++count) {
    std::vector<Octets> keys(count);
    std::vector<Octets> together(count);
    std::vector<Rc4Job> jobs;
    for (std::size_t i = 0; i < count; ++i) {
      keys[i].resize(1 + random() % 256);
      fill(keys[i], random);
      together[i].resize(random() % 400);
      fill(together[i], random);
    }
    auto singly = together;
    for (std::size_t i = 0; i < count; ++i) {
      jobs.push_back({keys[i], together[i]});
      const Rc4Job alone{keys[i], singly[i]};
      rc4({&alone, 1}, 3);
    }
    rc4(jobs, 3);
    EXPECT_EQ(together, singly) << count;
  }
}

}  // namespace
}  // namespace tandem::crypto
