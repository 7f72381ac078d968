#include "drivers/crypto/srtp_context.h"

#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

constexpr std::uint32_t kSsrc = 0x11223344;

class Context : public testing::Test {
 protected:
  Context() { start(SrtpDirection::kUnprotect); }

  void start(SrtpDirection direction) { context_.start(best(), master_, direction); }
  // As a batch does it.
  SrtpVerdict pass(std::uint16_t sequence, std::uint32_t ssrc = kSsrc) {
    const auto guess = context_.guess_rtp(ssrc, sequence);
    if (guess.verdict == SrtpVerdict::kOk) context_.note_rtp(ssrc, guess.index);
    return guess.verdict;
  }
  SrtpVerdict pass_rtcp(std::uint32_t index, std::uint32_t ssrc = kSsrc) {
    const auto verdict = context_.check_rtcp(ssrc, index);
    if (verdict == SrtpVerdict::kOk) context_.note_rtcp(ssrc, index);
    return verdict;
  }
  std::vector<SrtpPosition> positions() const {
    std::vector<SrtpPosition> out(SrtpContext::kLive + SrtpContext::kRetired);
    out.resize(context_.positions(out));
    return out;
  }

  SrtpMaster master_ = master_of(SrtpSuite::kAesCm128HmacSha1_80, "0102", "0304");
  SrtpContext context_;
};

struct Case {
  std::uint64_t highest;
  std::uint16_t sequence;
  std::uint64_t index;
};

// RFC 3711 appendix A, at every edge that it has.
TEST(SrtpIndex, IsTheNearestThatRfc3711Guesses) {
  constexpr std::uint64_t kRound = 65536;
  constexpr Case kCases[] = {
      // in order and a little out of it
      {0, 1, 1},
      {100, 99, 99},
      {kRound + 100, 101, kRound + 101},
      // over the edge, both ways
      {65535, 0, kRound},
      {65530, 3, kRound + 3},
      {kRound, 65535, 65535},
      {2 * kRound + 3, 65530, kRound + 65530},
      {2 * kRound + 65535, 0, 3 * kRound},
      // half way round: up to there it is ahead, from there on behind
      {kRound, 32768, kRound + 32768},
      {kRound, 32769, 32769},
      {kRound + 1, 32769, kRound + 32769},
      {kRound + 1, 32770, 32770},
      {kRound + 32767, 65535, kRound + 65535},
      {kRound + 32767, 0, kRound},
      {kRound + 32768, 0, kRound},
      {kRound + 32769, 0, 2 * kRound},
      {kRound + 65535, 32767, kRound + 32767},
      {kRound + 65535, 32766, 2 * kRound + 32766},
      // nothing is before the first round
      {0, 65535, 65535},
      {0, 32769, 32769},
      {5, 40000, 40000},
      {32768, 0, 0},
      {32769, 0, kRound},
      // the last round has nothing behind it
      {kSrtpLifetime - 1, 65534, kSrtpLifetime - 2},
      {kSrtpLifetime - 1, 0, kSrtpLifetime},
  };
  for (const Case& one : kCases) {
    EXPECT_EQ(guess_srtp_index(one.highest, one.sequence), one.index)
        << one.highest << " " << one.sequence;
  }
}

TEST_F(Context, WithoutAKeyThereIsNothing) {
  context_.stop();
  EXPECT_EQ(context_.suite(), SrtpSuite::kNone);
  SrtpKey none{};
  std::memset(static_cast<void*>(&none), 0, sizeof none);
  EXPECT_EQ(std::memcmp(&context_.key(), &none, sizeof none), 0);
}

TEST_F(Context, APacketPassesOnce) {
  EXPECT_EQ(pass(7), SrtpVerdict::kOk);
  EXPECT_EQ(pass(7), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(9), SrtpVerdict::kOk);
  EXPECT_EQ(pass(8), SrtpVerdict::kOk);
  EXPECT_EQ(pass(8), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(7), SrtpVerdict::kReplayed);
}

TEST_F(Context, TheWindowIs64PacketsWide) {
  EXPECT_EQ(pass(1000), SrtpVerdict::kOk);
  EXPECT_EQ(pass(1000 - 64), SrtpVerdict::kTooOld);
  EXPECT_EQ(pass(1000 - 63), SrtpVerdict::kOk);
  EXPECT_EQ(pass(1000 - 63), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(1001), SrtpVerdict::kOk);
  EXPECT_EQ(pass(1000 - 63), SrtpVerdict::kTooOld);
  EXPECT_EQ(pass(1000), SrtpVerdict::kReplayed);
  // A jump over the whole window leaves nothing of it behind.
  EXPECT_EQ(pass(1001 + 64), SrtpVerdict::kOk);
  EXPECT_EQ(pass(1001), SrtpVerdict::kTooOld);
  EXPECT_EQ(pass(1002), SrtpVerdict::kOk);
  // 63 on, the eldest is just inside.
  EXPECT_EQ(pass(1001 + 64 + 63), SrtpVerdict::kOk);
  EXPECT_EQ(pass(1001 + 64), SrtpVerdict::kReplayed);
}

TEST_F(Context, RolloverIsCountedThroughReordering) {
  constexpr std::uint16_t kReordered[] = {65533, 65535, 1, 0, 65534, 2};
  for (const std::uint16_t sequence : kReordered) {
    EXPECT_EQ(pass(sequence), SrtpVerdict::kOk) << sequence;
  }
  for (const std::uint16_t sequence : kReordered) {
    EXPECT_EQ(pass(sequence), SrtpVerdict::kReplayed) << sequence;
  }
  EXPECT_EQ(positions()[0].rtp, 65536u + 2);
}

TEST_F(Context, RtcpHasItsOwnIndexAndWindow) {
  EXPECT_EQ(pass(5), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(5), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(5), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass_rtcp(70), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(6), SrtpVerdict::kTooOld);
  EXPECT_EQ(pass_rtcp(7), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(kSrtcpLifetime - 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass(6), SrtpVerdict::kOk);
}

TEST_F(Context, ASendersRtcpCountsFromZero) {
  start(SrtpDirection::kProtect);
  EXPECT_EQ(context_.next_rtcp(kSsrc), 0u);
  context_.note_rtcp(kSsrc, 0);
  EXPECT_EQ(context_.next_rtcp(kSsrc), 1u);
  EXPECT_EQ(context_.next_rtcp(kSsrc + 1), 0u);
}

TEST_F(Context, EachSsrcStandsForItself) {
  for (std::uint32_t ssrc = 0; ssrc < 4; ++ssrc) EXPECT_EQ(pass(7, ssrc), SrtpVerdict::kOk);
  for (std::uint32_t ssrc = 0; ssrc < 4; ++ssrc) EXPECT_EQ(pass(7, ssrc), SrtpVerdict::kReplayed);
  for (std::uint32_t ssrc = 0; ssrc < 4; ++ssrc) EXPECT_EQ(pass(6, ssrc), SrtpVerdict::kOk);
}

TEST_F(Context, OneThatMadeRoomComesBackWhereItWas) {
  EXPECT_EQ(pass(65535, 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass(9, 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(3, 1), SrtpVerdict::kOk);
  for (std::uint32_t ssrc = 2; ssrc < 7; ++ssrc) EXPECT_EQ(pass(7, ssrc), SrtpVerdict::kOk);
  // What it had below its highest counts as passed, whether it had or not.
  EXPECT_EQ(pass(9, 1), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(8, 1), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass_rtcp(3, 1), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(10, 1), SrtpVerdict::kOk);
  EXPECT_EQ(positions()[0].ssrc, 1u);
  EXPECT_EQ(positions()[0].rtp, 65536u + 10);
  EXPECT_EQ(pass_rtcp(4, 1), SrtpVerdict::kOk);
  // It took the place of the one that was used longest ago.
  EXPECT_EQ(positions()[4].ssrc, 3u);
  EXPECT_EQ(positions().size(), 6u);
}

TEST_F(Context, WhoIsUsedStays) {
  for (std::uint32_t ssrc = 1; ssrc <= 4; ++ssrc) EXPECT_EQ(pass(100, ssrc), SrtpVerdict::kOk);
  EXPECT_EQ(pass(101, 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass(100, 5), SrtpVerdict::kOk);
  // 2 has retired, 1 still has its window.
  EXPECT_EQ(pass(99, 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass(99, 2), SrtpVerdict::kReplayed);
}

TEST_F(Context, AReceiverForgetsTheEldestInTheEnd) {
  constexpr std::uint32_t kKnown = SrtpContext::kLive + SrtpContext::kRetired;
  for (std::uint32_t ssrc = 0; ssrc < kKnown; ++ssrc) EXPECT_EQ(pass(7, ssrc), SrtpVerdict::kOk);
  for (std::uint32_t ssrc = 0; ssrc < kKnown; ++ssrc) {
    EXPECT_NE(context_.guess_rtp(ssrc, 7).verdict, SrtpVerdict::kOk) << ssrc;
  }
  EXPECT_EQ(pass(7, kKnown), SrtpVerdict::kOk);
  EXPECT_EQ(context_.guess_rtp(0, 7).verdict, SrtpVerdict::kOk);
  EXPECT_EQ(context_.guess_rtp(1, 7).verdict, SrtpVerdict::kReplayed);
}

TEST_F(Context, ASenderRefusesRatherThanForgets) {
  start(SrtpDirection::kProtect);
  constexpr std::uint32_t kKnown = SrtpContext::kLive + SrtpContext::kRetired;
  for (std::uint32_t ssrc = 0; ssrc < kKnown; ++ssrc) {
    EXPECT_TRUE(context_.has_room_for(ssrc));
    EXPECT_EQ(pass(7, ssrc), SrtpVerdict::kOk);
  }
  EXPECT_FALSE(context_.has_room_for(kKnown));
  EXPECT_TRUE(context_.has_room_for(0));
  EXPECT_EQ(pass(8, 0), SrtpVerdict::kOk);
  context_.rekey(best(), master_);
  EXPECT_TRUE(context_.has_room_for(kKnown));
}

TEST_F(Context, RekeyingGoesOnCounting) {
  EXPECT_EQ(pass(65535), SrtpVerdict::kOk);
  EXPECT_EQ(pass(4), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(4), SrtpVerdict::kOk);
  const SrtpKey before = context_.key();
  context_.rekey(best(), master_of(SrtpSuite::kAeadAes256Gcm, "0a", "0b"));
  EXPECT_EQ(context_.suite(), SrtpSuite::kAeadAes256Gcm);
  EXPECT_NE(std::memcmp(&before, &context_.key(), sizeof before), 0);
  EXPECT_EQ(pass(4), SrtpVerdict::kReplayed);
  EXPECT_EQ(context_.guess_rtp(kSsrc, 5).index, 65536u + 5);
  EXPECT_EQ(context_.next_rtcp(kSsrc), 5u);
}

TEST_F(Context, StartingForgetsAll) {
  EXPECT_EQ(pass(65535), SrtpVerdict::kOk);
  EXPECT_EQ(pass(0), SrtpVerdict::kOk);
  start(SrtpDirection::kUnprotect);
  EXPECT_TRUE(positions().empty());
  EXPECT_EQ(context_.guess_rtp(kSsrc, 0).index, 0u);
}

TEST_F(Context, PositionsAreFoundAgainAfterARestart) {
  for (std::uint32_t ssrc = 1; ssrc <= 6; ++ssrc) {
    EXPECT_EQ(pass(static_cast<std::uint16_t>(65000 + ssrc), ssrc), SrtpVerdict::kOk);
    EXPECT_EQ(pass(static_cast<std::uint16_t>(ssrc), ssrc), SrtpVerdict::kOk);
  }
  EXPECT_EQ(pass_rtcp(9, 6), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(3, 77), SrtpVerdict::kOk);
  const auto before = positions();
  ASSERT_EQ(before.size(), 7u);
  start(SrtpDirection::kUnprotect);
  for (const SrtpPosition& one : before) EXPECT_TRUE(context_.restore(one));
  const auto after = positions();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].ssrc, before[i].ssrc);
    EXPECT_EQ(after[i].rtp, before[i].rtp);
    EXPECT_EQ(after[i].rtcp, before[i].rtcp);
  }
  EXPECT_EQ(pass(6, 6), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(5, 6), SrtpVerdict::kReplayed);
  EXPECT_EQ(pass(7, 6), SrtpVerdict::kOk);
  EXPECT_EQ(pass(7, 77), SrtpVerdict::kOk);
}

TEST_F(Context, ASenderGoesOnBehindWhatItMayHaveSent) {
  start(SrtpDirection::kProtect);
  ASSERT_TRUE(context_.restore({kSsrc, 65500, 40}, 100, 10));
  EXPECT_EQ(context_.next_rtcp(kSsrc), 51u);
  EXPECT_EQ(context_.guess_rtp(kSsrc, 65500).verdict, SrtpVerdict::kTooOld);
  EXPECT_EQ(context_.guess_rtp(kSsrc, 64).verdict, SrtpVerdict::kReplayed);
  const auto next = context_.guess_rtp(kSsrc, 65);
  EXPECT_EQ(next.verdict, SrtpVerdict::kOk);
  EXPECT_EQ(next.index, 65536u + 65);
}

TEST_F(Context, AKeyEnds) {
  ASSERT_TRUE(context_.restore({kSsrc, kSrtpLifetime - 3, kSrtcpLifetime - 2}));
  // The last index but one is the last packet that 2^48 allow.
  EXPECT_EQ(pass(65534), SrtpVerdict::kOk);
  EXPECT_EQ(pass(65535), SrtpVerdict::kOk);
  EXPECT_EQ(pass(0), SrtpVerdict::kKeyEnded);
  EXPECT_EQ(pass(5, kSsrc + 1), SrtpVerdict::kKeyEnded);
  EXPECT_EQ(pass_rtcp(kSrtcpLifetime - 1), SrtpVerdict::kOk);
  EXPECT_EQ(pass_rtcp(0, kSsrc + 1), SrtpVerdict::kKeyEnded);
  EXPECT_EQ(context_.next_rtcp(kSsrc), kSrtcpLifetime);
  EXPECT_EQ(context_.next_rtcp(kSsrc + 1), kSrtcpLifetime);
  context_.rekey(best(), master_);
  EXPECT_EQ(context_.next_rtcp(kSsrc + 1), 0u);
  EXPECT_EQ(pass(5, kSsrc + 1), SrtpVerdict::kOk);
  // Where there is no index left, a new key makes none.
  EXPECT_EQ(pass(0), SrtpVerdict::kKeyEnded);
  EXPECT_EQ(context_.next_rtcp(kSsrc), kSrtcpLifetime);
}

TEST_F(Context, NothingIsRestoredAtTheKeysEnd) {
  EXPECT_FALSE(context_.restore({1, kSrtpLifetime - 3, {}}, 3));
  EXPECT_FALSE(context_.restore({1, {}, kSrtcpLifetime - 3}, 0, 3));
  EXPECT_TRUE(positions().empty());
  for (std::uint32_t ssrc = 0; ssrc < SrtpContext::kLive + SrtpContext::kRetired; ++ssrc) {
    EXPECT_TRUE(context_.restore({ssrc, 1, {}}));
  }
  EXPECT_FALSE(context_.restore({99, 1, {}}));
}

}  // namespace
}  // namespace tandem::crypto
