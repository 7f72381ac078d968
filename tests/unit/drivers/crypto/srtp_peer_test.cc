// Against libsrtp2, which nobody here wrote: the same packets, both ways, must have the same octets
// and the same verdicts.
#include <algorithm>
#include <memory>

#include "tests/unit/drivers/crypto/libsrtp_peer.h"
#include "tests/unit/drivers/crypto/packets.h"

namespace tandem::crypto {
namespace {

struct Packet {
  Octets octets;
  SrtpKind kind;
  std::size_t session;
};

// Both of a pair have the same key and do the same work.
struct Session {
  Session(const IpsecMb& crypto, const SrtpMaster& master, SrtpDirection direction)
      : theirs(master, direction) {
    ours.start(crypto, master, direction);
  }

  SrtpContext ours;
  LibsrtpPeer theirs;
  std::uint16_t sequence = 0;
};

constexpr std::size_t kSsrcs = 3;

class Peer : public testing::TestWithParam<IpsecMb::Isa> {
 protected:
  // False: the machine has no such instructions.
  bool open() {
    auto opened = IpsecMb::open(GetParam());
    if (!opened) return false;
    crypto_ = std::make_unique<IpsecMb>(std::move(*opened));
    batch_ = std::make_unique<SrtpBatch>(*crypto_);
    for (const SrtpSuite suite : kSuites) {
      for (int i = 0; i < 2; ++i) {
        const SrtpMaster master = random_master(suite, random_);
        auto& out = senders_.emplace_back(
            std::make_unique<Session>(*crypto_, master, SrtpDirection::kProtect));
        receivers_.push_back(
            std::make_unique<Session>(*crypto_, master, SrtpDirection::kUnprotect));
        out->sequence = static_cast<std::uint16_t>(65536 - random_() % 100);
        // libsrtp2 numbers its SRTCP packets from 1.
        for (std::uint32_t ssrc = 0; ssrc < kSsrcs; ++ssrc) {
          EXPECT_TRUE(out->ours.restore({ssrc, {}, 0}));
        }
      }
    }
    return true;
  }

  Packet random_packet() {
    const std::size_t session = random_() % senders_.size();
    const auto ssrc = static_cast<std::uint32_t>(random_() % kSsrcs);
    if (random_() % 8 == 0) return {rtcp(ssrc, random_() % 200), SrtpKind::kRtcp, session};
    Session& sender = *senders_[session];
    // Mostly on by one, at times over a gap, back a little, or not at all.
    constexpr int kSteps[] = {1, 1, 1, 1, 1, 2, 3, 40, 0, -3, 70, -70, 9000};
    const int step = kSteps[random_() % std::size(kSteps)];
    sender.sequence = static_cast<std::uint16_t>(sender.sequence + step);
    RtpShape shape{.ssrc = ssrc, .sequence = sender.sequence};
    shape.payload = random_() % 4 == 0 ? random_() % 1400 : 160;
    shape.csrcs = random_() % 4 == 0 ? static_cast<unsigned>(random_() % 16) : 0;
    shape.extension_words = static_cast<int>(random_() % 5) - 1;
    return {rtp(shape), SrtpKind::kRtp, session};
  }

  // Each packet by both; what passed is left in `packets`.
  void both(std::vector<Packet>& packets, std::vector<std::unique_ptr<Session>>& sessions) {
    std::vector<Octets> theirs;
    std::vector<SrtpJob> jobs;
    for (Packet& one : packets) {
      const std::size_t size = one.octets.size();
      one.octets.resize(size + kSrtpGrowthMax);
      theirs.push_back(one.octets);
      jobs.push_back(
          {{one.octets.data(), size}, kSrtpGrowthMax, &sessions[one.session]->ours, one.kind, {}});
    }
    batch_->run(jobs);
    std::vector<Packet> passed;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      std::size_t size = packets[i].octets.size() - kSrtpGrowthMax;
      const auto status =
          sessions[packets[i].session]->theirs.run(theirs[i].data(), size, packets[i].kind);
      // libsrtp2 looks at the E flag of GCM's packets after their tag.
      if (jobs[i].verdict != SrtpVerdict::kUnencrypted || status != srtp_err_status_auth_fail) {
        ASSERT_EQ(name_of(jobs[i].verdict), name_of(verdict_of(status))) << status;
      }
      ++seen_[static_cast<std::size_t>(jobs[i].verdict)];
      if (status != srtp_err_status_ok) continue;
      theirs[i].resize(size);
      packets[i].octets.resize(jobs[i].packet.size());
      ASSERT_EQ(packets[i].octets, theirs[i]);
      passed.push_back(packets[i]);
    }
    packets = std::move(passed);
  }

  static SrtpVerdict verdict_of(srtp_err_status_t status) {
    switch (status) {
      case srtp_err_status_ok:
        return SrtpVerdict::kOk;
      case srtp_err_status_replay_fail:
        return SrtpVerdict::kReplayed;
      case srtp_err_status_replay_old:
        return SrtpVerdict::kTooOld;
      case srtp_err_status_auth_fail:
        return SrtpVerdict::kBadTag;
      case srtp_err_status_cant_check:
        return SrtpVerdict::kUnencrypted;
      case srtp_err_status_parse_err:
      case srtp_err_status_bad_param:
        return SrtpVerdict::kMalformed;
      default:
        return SrtpVerdict::kCount;
    }
  }

  // What a network and those who sit in it do to packets.
  void disturb(std::vector<Packet>& packets) {
    const std::size_t count = packets.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto fate = random_() % 20;
      if (fate == 0) {
        packets.push_back(packets[i]);
      } else if (fate == 1) {
        Octets& octets = packets[i].octets;
        octets[random_() % octets.size()] ^= static_cast<std::uint8_t>(1 << random_() % 8);
      } else if (fate == 2) {
        packets[i].octets.resize(random_() % packets[i].octets.size());
      } else if (fate < 6) {
        std::swap(packets[i], packets[random_() % packets.size()]);
      }
    }
  }

  std::uint64_t seen(SrtpVerdict verdict) const { return seen_[static_cast<std::size_t>(verdict)]; }

  std::mt19937_64 random_{3711};
  std::unique_ptr<IpsecMb> crypto_;
  std::unique_ptr<SrtpBatch> batch_;
  std::vector<std::unique_ptr<Session>> senders_;
  std::vector<std::unique_ptr<Session>> receivers_;
  std::array<std::uint64_t, static_cast<std::size_t>(SrtpVerdict::kCount)> seen_{};
};

TEST_P(Peer, DoesTheSame) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  for (int burst = 0; burst < 150; ++burst) {
    std::vector<Packet> packets;
    for (auto left = 1 + random_() % 100; left > 0; --left) packets.push_back(random_packet());
    both(packets, senders_);
    if (HasFatalFailure()) return;
    disturb(packets);
    both(packets, receivers_);
    if (HasFatalFailure()) return;
  }
  // It was put to the test.
  EXPECT_GT(seen(SrtpVerdict::kOk), 8000u);
  for (const auto verdict : {SrtpVerdict::kReplayed, SrtpVerdict::kTooOld, SrtpVerdict::kBadTag,
                             SrtpVerdict::kMalformed}) {
    EXPECT_GT(seen(verdict), 20u) << name_of(verdict);
  }
}

// New keys in the middle: counters go on, of other suites too.
TEST_P(Peer, DoesTheSameWhenRekeyed) {
  if (!open()) GTEST_SKIP() << "this CPU lacks the instructions";
  for (std::size_t round = 0; round < 12; ++round) {
    for (int burst = 0; burst < 5; ++burst) {
      std::vector<Packet> packets;
      for (int left = 60; left > 0; --left) packets.push_back(random_packet());
      both(packets, senders_);
      if (HasFatalFailure()) return;
      both(packets, receivers_);
      if (HasFatalFailure()) return;
    }
    for (std::size_t i = 0; i < senders_.size(); ++i) {
      // libsrtp2 forgets its windows then, which we don't: no number of before comes again.
      senders_[i]->sequence = static_cast<std::uint16_t>(senders_[i]->sequence + 300);
      const SrtpMaster master = random_master(kSuites[(i + round) % kSuites.size()], random_);
      for (Session* one : {senders_[i].get(), receivers_[i].get()}) {
        one->ours.rekey(*crypto_, master);
        one->theirs.rekey(master);
      }
    }
  }
  EXPECT_GT(seen(SrtpVerdict::kOk), 5000u);
}

INSTANTIATE_TEST_SUITE_P(Isa, Peer, testing::ValuesIn(kIsas), isa_name);

}  // namespace
}  // namespace tandem::crypto
