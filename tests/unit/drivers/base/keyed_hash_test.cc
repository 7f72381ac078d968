#include "drivers/base/keyed_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::base {
namespace {

// The key 00 01 … 0f of SipHash's own test vectors.
constexpr KeyedHash::Key kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST(KeyedHash, AgreesWithOthersSipHash) {
  // What `openssl mac -macopt size:16 SIPHASH` says to the octets 00, 01, 02 …
  EXPECT_EQ(KeyedHash(kKey).digest(), (KeyedHash::Digest{0xe6a825ba047f81a3, 0x930255c71472f66d}));
  KeyedHash eight(kKey);
  EXPECT_EQ((eight << 0x0706050403020100ull).digest(),
            (KeyedHash::Digest{0x61f55862baa9623b, 0xb49714f364e2830f}));
  KeyedHash sixteen(kKey);
  EXPECT_EQ((sixteen << 0x0706050403020100ull << 0x0f0e0d0c0b0a0908ull).digest(),
            (KeyedHash::Digest{0xbb54b067caa4e26e, 0x77052385bf1533fd}));
}

TEST(KeyedHash, PiecesAreNotTheirSum) {
  const auto of = [](std::string_view a, std::string_view b) {
    KeyedHash hash(kKey);
    return (hash << a << b).digest();
  };
  EXPECT_EQ(of("branch", "INVITE"), of("branch", "INVITE"));
  EXPECT_FALSE(of("branch", "INVITE") == of("branchI", "NVITE"));
  EXPECT_FALSE(of("branchbranch", "") == of("branch", "branch"));
  EXPECT_FALSE(of("", "x") == of("x", ""));
  EXPECT_FALSE(of("x", "") == of(std::string_view("x\0", 2), ""));
}

TEST(KeyedHash, AnotherKeyIsAnotherHash) {
  KeyedHash one(kKey);
  KeyedHash other({1, 2});
  EXPECT_FALSE((one << "text").digest() == (other << "text").digest());
}

}  // namespace
}  // namespace tandem::base
