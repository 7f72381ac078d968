#include "dataplane/payload_keys.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/unit/dataplane/payload_key_command.h"

namespace tandem::dataplane {
namespace {

using crypto::PayloadMode;
using testing::set_key_commands;
using wire::Counter;

constexpr wire::PayloadKeyName kName = (wire::PayloadKeyName{3} << 32) | 1;
constexpr std::string_view kAesKey = "0123456789abcdef";

class PayloadKeysTest : public ::testing::Test {
 protected:
  // The faults of all its pieces, or none.
  Fault set(wire::PayloadKeyName name, PayloadMode mode, std::string_view key,
            std::uint8_t shard = 0) {
    Fault out;
    for (const auto& command : set_key_commands(name, mode, key)) {
      if (const Fault fault = keys_.set(command.set_key, shard)) out = fault;
    }
    return out;
  }
  static wire::SetPayloadKey order() {
    return set_key_commands(kName, PayloadMode::kAes128, kAesKey).front().set_key;
  }
  template <typename Change>
  bool refused(Change&& change, std::uint8_t shard = 0) {
    auto changed = order();
    change(changed);
    return keys_.set(changed, shard).reason == Counter::drop_command;
  }

  crypto::IpsecMb crypto_ = crypto::IpsecMb::open().value();
  PayloadKeys keys_{crypto_, 2};
};

TEST_F(PayloadKeysTest, PutsAKeyTogetherFromPieces) {
  std::string key(256, 0);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i * 7);
  const auto commands = set_key_commands(kName, PayloadMode::kXor, key);
  ASSERT_EQ(commands.size(), 4u);
  for (const auto& command : commands) {
    EXPECT_EQ(keys_.find(kName, 0), PayloadKeys::kNone) << "not whole yet";
    EXPECT_FALSE(keys_.set(command.set_key, 0));
  }
  const auto place = keys_.find(kName, 0);
  ASSERT_NE(place, PayloadKeys::kNone);
  EXPECT_EQ(keys_.at(place).mode, PayloadMode::kXor);
  ASSERT_EQ(keys_.at(place).pattern_size, 256u);
  for (std::size_t i = 0; i < 256; ++i) {
    ASSERT_EQ(keys_.at(place).pattern[i], static_cast<std::uint8_t>(i * 7));
  }
}

TEST_F(PayloadKeysTest, NamesAreAShardsOwn) {
  EXPECT_FALSE(set(kName, PayloadMode::kXor, "of the first", 0));
  EXPECT_EQ(keys_.find(kName, 1), PayloadKeys::kNone);
  EXPECT_FALSE(set(kName, PayloadMode::kXor, "of the second", 1));
  EXPECT_NE(keys_.find(kName, 0), keys_.find(kName, 1));
  EXPECT_EQ(keys_.size(), 2u);
}

TEST_F(PayloadKeysTest, PiecesOfTwoShardsMayCrossEachOther) {
  const std::string one(100, 'a');
  const std::string other(100, 'b');
  const auto first = set_key_commands(kName, PayloadMode::kXor, one);
  const auto second = set_key_commands(kName, PayloadMode::kXor, other);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_FALSE(keys_.set(first[i].set_key, 0));
    EXPECT_FALSE(keys_.set(second[i].set_key, 1));
  }
  EXPECT_EQ(keys_.at(keys_.find(kName, 0)).pattern[99], 'a');
  EXPECT_EQ(keys_.at(keys_.find(kName, 1)).pattern[99], 'b');
}

TEST_F(PayloadKeysTest, BelievesNothing) {
  EXPECT_TRUE(refused([](auto& o) { o.name = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.mode = 0; })) << "none";
  EXPECT_TRUE(refused([](auto& o) { o.mode = 4; }));
  EXPECT_TRUE(refused([](auto& o) { o.size = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.size = 15; })) << "AES needs 16";
  EXPECT_TRUE(refused([](auto& o) { o.size = 257; }));
  EXPECT_TRUE(refused([](auto& o) { o.size = 65535; }));
  EXPECT_TRUE(refused([](auto& o) { o.piece = 1; })) << "without the one before it";
  EXPECT_TRUE(refused([](auto& o) { o.piece = 255; }));
  EXPECT_TRUE(refused([](auto&) {}, 2)) << "no such shard";
  EXPECT_EQ(keys_.size(), 0u);
  EXPECT_FALSE(set(kName, PayloadMode::kAes128, kAesKey));
  EXPECT_EQ(set(kName, PayloadMode::kAes128, kAesKey).reason, Counter::drop_command)
      << "a name is set once";
  EXPECT_EQ(keys_.forget(kName + 1, 0).reason, Counter::drop_command);
  EXPECT_EQ(keys_.forget(0, 0).reason, Counter::drop_command);
}

TEST_F(PayloadKeysTest, APieceOfAnotherKeyEndsIt) {
  const auto commands = set_key_commands(kName, PayloadMode::kXor, std::string(200, 'x'));
  EXPECT_FALSE(keys_.set(commands[0].set_key, 0));
  for (const auto field : {0, 1, 2, 3}) {
    auto other = commands[1].set_key;
    if (field == 0) other.name += 1;
    if (field == 1) other.size = 130;
    if (field == 2) other.mode = static_cast<std::uint8_t>(PayloadMode::kRc4);
    if (field == 3) other.piece = 2;
    EXPECT_EQ(keys_.set(other, 0).reason, Counter::drop_command) << field;
  }
  EXPECT_FALSE(keys_.set(commands[1].set_key, 0));
  EXPECT_FALSE(keys_.set(commands[2].set_key, 0));
  EXPECT_FALSE(keys_.set(commands[3].set_key, 0));
  EXPECT_EQ(keys_.size(), 1u);
}

TEST_F(PayloadKeysTest, NoiseChangesNothing) {
  std::mt19937 random(4);
  for (int i = 0; i < 20000; ++i) {
    wire::SetPayloadKey noise;
    auto* octets = reinterpret_cast<std::uint8_t*>(&noise);
    for (std::size_t n = 0; n < sizeof noise; ++n) octets[n] = static_cast<std::uint8_t>(random());
    if (i % 2 == 0) noise.piece = static_cast<std::uint8_t>(random() % 4);
    if (i % 3 == 0) noise.mode = static_cast<std::uint8_t>(random() % 5);
    if (i % 5 == 0) noise.size = static_cast<std::uint16_t>(random() % 300);
    keys_.set(noise, static_cast<std::uint8_t>(random() % 3));
  }
  EXPECT_LE(keys_.size(), PayloadKeys::kMax);
}

TEST_F(PayloadKeysTest, AForgottenKeyStaysForItsFlowsAndIsWipedThen) {
  ASSERT_FALSE(set(kName, PayloadMode::kAes128, kAesKey));
  const auto place = keys_.find(kName, 0);
  keys_.hold(place);
  keys_.hold(place);
  EXPECT_FALSE(keys_.forget(kName, 0));
  EXPECT_EQ(keys_.find(kName, 0), PayloadKeys::kNone) << "no new flow gets it";
  EXPECT_EQ(keys_.at(place).mode, PayloadMode::kAes128);
  keys_.let_go(place);
  EXPECT_EQ(keys_.at(place).mode, PayloadMode::kAes128);
  keys_.let_go(place);
  EXPECT_EQ(keys_.size(), 0u);
  const auto* left = reinterpret_cast<const std::uint8_t*>(&keys_.at(place));
  for (std::size_t i = 0; i < sizeof(crypto::PayloadKey); ++i) ASSERT_EQ(left[i], 0);
}

TEST_F(PayloadKeysTest, OneThatNobodyHasIsWipedAtOnce) {
  ASSERT_FALSE(set(kName, PayloadMode::kAes128, kAesKey));
  EXPECT_FALSE(keys_.forget(kName, 0));
  EXPECT_EQ(keys_.size(), 0u);
  keys_.let_go(PayloadKeys::kNone);
}

TEST_F(PayloadKeysTest, AnotherLifeOfTheShardForgetsTheFormersKeys) {
  ASSERT_FALSE(set(kName, PayloadMode::kXor, "in use"));
  ASSERT_FALSE(set(kName + 1, PayloadMode::kXor, "idle"));
  ASSERT_FALSE(set(kName, PayloadMode::kXor, "another shard's", 1));
  const auto used = keys_.find(kName, 0);
  keys_.hold(used);
  const auto next = (wire::PayloadKeyName{4} << 32) | 1;
  ASSERT_FALSE(set(next, PayloadMode::kXor, "new"));
  EXPECT_EQ(keys_.size(), 3u) << "the idle one is gone";
  EXPECT_EQ(keys_.at(used).mode, PayloadMode::kXor) << "calls go on";
  keys_.let_go(used);
  EXPECT_EQ(keys_.size(), 2u);
  EXPECT_NE(keys_.find(next, 0), PayloadKeys::kNone);
  EXPECT_NE(keys_.find(kName, 1), PayloadKeys::kNone);
}

TEST_F(PayloadKeysTest, HasRoomForSoMany) {
  for (std::size_t i = 0; i < PayloadKeys::kMax; ++i) {
    ASSERT_FALSE(set(kName + i, PayloadMode::kXor, "k"));
  }
  EXPECT_EQ(set(kName + PayloadKeys::kMax, PayloadMode::kXor, "k").reason,
            Counter::payload_keys_unplaced);
  EXPECT_FALSE(keys_.forget(kName + 7, 0));
  EXPECT_FALSE(set(kName + PayloadKeys::kMax, PayloadMode::kXor, "k"));
}

}  // namespace
}  // namespace tandem::dataplane
