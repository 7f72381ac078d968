#include "drivers/base/byte_block.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

namespace tandem::base {
namespace {

template <typename Block>
class ByteBlockTest : public testing::Test {};

#ifdef __AVX2__
using Blocks = testing::Types<PlainBlock, Avx2Block>;
#else
using Blocks = testing::Types<PlainBlock>;
#endif
TYPED_TEST_SUITE(ByteBlockTest, Blocks);

TYPED_TEST(ByteBlockTest, OneBitAByteTheFirstLowest) {
  const std::string text = ":bcdefghijklmnop:rstuvwxyz01234:";
  const auto block = TypeParam::load(text.data());
  EXPECT_EQ(block.equal(':'), 0x80010001u);
  EXPECT_EQ(block.equal('?'), 0u);
  EXPECT_EQ(block.controls(), 0u);
}

TYPED_TEST(ByteBlockTest, Controls) {
  for (int c = 0; c < 256; ++c) {
    std::string text(32, 'x');
    text[5] = static_cast<char>(c);
    EXPECT_EQ(TypeParam::load(text.data()).controls(), c < 0x20 ? 1u << 5 : 0u) << c;
  }
}

TYPED_TEST(ByteBlockTest, FoldedComparison) {
  const std::string lower = "call-id                         ";
  std::string fold(32, '\0');
  for (const std::size_t i : {0, 1, 2, 3, 5, 6}) fold[i] = 0x20;
  const auto same = [&](std::string text) {
    text.resize(32, ' ');
    return TypeParam::load(text.data()).equal_folded(lower.data(), fold.data()) & 0x7f;
  };
  EXPECT_EQ(same("CALL-Id"), 0x7fu);
  EXPECT_EQ(same("call-id"), 0x7fu);
  EXPECT_EQ(same("call\rid"), 0x6fu);  // only letters have a case
  EXPECT_EQ(same("cbll-id"), 0x7du);
}

// The buffer ends where the text does: a sanitizer sees every step beyond.
TYPED_TEST(ByteBlockTest, APartIsFilledWithBlanks) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const auto text = std::make_unique<char[]>(size == 0 ? 1 : size);
    std::fill_n(text.get(), size, 'x');
    const auto block = load_part<TypeParam>(text.get(), size);
    const auto expected = size >= 32 ? ~0u : (1u << size) - 1;
    EXPECT_EQ(block.equal('x'), expected);
    EXPECT_EQ(block.equal(' '), ~expected);
  }
}

#ifdef __AVX2__
TEST(ByteBlock, BothKindsAgree) {
  std::mt19937_64 random(32);
  std::string text(32, ' ');
  std::string fold(32, ' ');
  std::string other(32, ' ');
  for (int round = 0; round < 10'000; ++round) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      text[i] = static_cast<char>(random());
      fold[i] = random() % 2 == 0 ? 0x20 : 0;
      other[i] = random() % 2 == 0 ? static_cast<char>(text[i] | fold[i]) : 'q';
    }
    const auto plain = PlainBlock::load(text.data());
    const auto fast = Avx2Block::load(text.data());
    ASSERT_EQ(plain.controls(), fast.controls());
    ASSERT_EQ(plain.equal(text[7]), fast.equal(text[7]));
    ASSERT_EQ(plain.equal_folded(other.data(), fold.data()),
              fast.equal_folded(other.data(), fold.data()));
  }
}
#endif

}  // namespace
}  // namespace tandem::base
