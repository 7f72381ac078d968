#include "drivers/crypto/ipsec_mb.h"

#include <gtest/gtest.h>
#include <intel-ipsec-mb.h>

namespace tandem::crypto {
namespace {

constexpr std::uint64_t kGood =
    IMB_CPUFLAGS_SSE | IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;
constexpr unsigned kVersion = IMB_VERSION(1, 3, 0);

TEST(IpsecMb, OpensWhatTheMachineHas) {
  auto crypto = IpsecMb::open();
  ASSERT_TRUE(crypto.ok());
  EXPECT_NE(crypto->manager(), nullptr);
  EXPECT_NE(crypto->few_manager(), nullptr);
  EXPECT_GE(crypto->lanes(), 1u);
  EXPECT_EQ(crypto->few() != 0, crypto->few_manager() != crypto->manager());
}

TEST(IpsecMb, AManagerWithoutFaultIsTaken) {
  EXPECT_FALSE(ipsec_mb_fault(kGood, IMB_CPUFLAGS_SSE, 0, kVersion));
  // A library that tests nothing about itself.
  EXPECT_FALSE(ipsec_mb_fault(IMB_CPUFLAGS_SSE, IMB_CPUFLAGS_SSE, 0, kVersion));
}

TEST(IpsecMb, TellsWhyItCannotBeUsed) {
  const auto has = [](const std::optional<std::string>& fault, const char* word) {
    return fault && fault->find(word) != std::string::npos;
  };
  EXPECT_TRUE(has(ipsec_mb_fault(kGood, IMB_CPUFLAGS_SSE, 0, IMB_VERSION(1, 2, 9)), "older"));
  EXPECT_TRUE(
      has(ipsec_mb_fault(kGood & ~std::uint64_t{IMB_FEATURE_AESNI}, IMB_CPUFLAGS_SSE, 0, kVersion),
          "AES-NI"));
  EXPECT_TRUE(has(ipsec_mb_fault(kGood & ~std::uint64_t{IMB_FEATURE_SELF_TEST_PASS},
                                 IMB_CPUFLAGS_SSE, 0, kVersion),
                  "self-test"));
  EXPECT_TRUE(has(ipsec_mb_fault(kGood, IMB_CPUFLAGS_SSE, IMB_ERR_NULL_MBMGR, kVersion), "start"));
}

}  // namespace
}  // namespace tandem::crypto
