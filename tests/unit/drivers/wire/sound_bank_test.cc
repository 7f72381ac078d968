#include "drivers/wire/sound_bank.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace tandem::wire {
namespace {

using Octets = std::vector<std::uint8_t>;

class SoundBankTest : public ::testing::Test {
 protected:
  std::unique_ptr<SoundBank> bank_ = std::make_unique<SoundBank>();
};

TEST_F(SoundBankTest, KeepsEachSoundInBothLaws) {
  EXPECT_EQ(bank_->add(Octets(100, 1), Octets(100, 2)), 0);
  EXPECT_EQ(bank_->add(Octets(7, 3), Octets(7, 4)), 1);
  const Sound second = bank_->find(1);
  ASSERT_EQ(second.samples, 7u);
  EXPECT_EQ(Octets(second.pcmu, second.pcmu + 7), Octets(7, 3));
  EXPECT_EQ(Octets(second.pcma, second.pcma + 7), Octets(7, 4));
  const Sound first = bank_->find(0);
  EXPECT_EQ(first.samples, 100u);
  EXPECT_EQ(first.pcmu[99], 1);
  EXPECT_EQ(bank_->find(2).samples, 0u);
  bank_->clear();
  EXPECT_EQ(bank_->find(0).samples, 0u);
}

TEST_F(SoundBankTest, RefusesWhatHasNoRoom) {
  const Octets half(SoundBank::kSamples / 2 + 1);
  EXPECT_EQ(bank_->add(half, half), 0);
  EXPECT_EQ(bank_->add(half, half), -1);
  EXPECT_EQ(bank_->add(Octets(1), Octets(1)), 1);
  for (std::size_t i = 2; i < SoundBank::kSounds; ++i) bank_->add(Octets(1), Octets(1));
  EXPECT_EQ(bank_->add(Octets(1), Octets(1)), -1);
  EXPECT_EQ(bank_->find(SoundBank::kSounds).samples, 0u);
}

TEST_F(SoundBankTest, NoNumberOfItsLeadsOutOfIt) {
  bank_->add(Octets(1), Octets(1));
  // Whatever another process has written over them.
  std::uint32_t* words = reinterpret_cast<std::uint32_t*>(bank_.get());
  words[1] = SoundBank::kSamples - 3;  // the first one's beginning
  words[2] = 4;                        // and its samples
  EXPECT_EQ(bank_->find(0).samples, 0u);
  words[2] = 3;
  EXPECT_EQ(bank_->find(0).samples, 3u);
  words[1] = UINT32_MAX;
  EXPECT_EQ(bank_->find(0).samples, 0u);
  words[0] = UINT32_MAX;
  EXPECT_EQ(bank_->find(SoundBank::kSounds).samples, 0u);
}

}  // namespace
}  // namespace tandem::wire
