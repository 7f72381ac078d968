// SRTP on its way through a worker: ordered by commands, spoken with either party or both.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/crypto/srtp_batch.h"
#include "tests/unit/dataplane/bench_switch.h"
#include "tests/unit/dataplane/payload_key_command.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using crypto::SrtpDirection;
using crypto::SrtpKind;
using crypto::SrtpSuite;
using crypto::SrtpVerdict;
using wire::Command;
using wire::CommandKind;
using wire::Counter;
using Octets = std::vector<std::uint8_t>;

constexpr std::uint16_t kPorts[2] = {20000, 30000};
constexpr std::uint16_t kBoth[2] = {0, 1};

wire::SrtpKeying keying(std::uint8_t seed) {
  wire::SrtpKeying out;
  for (std::size_t i = 0; i < out.key.size(); ++i) out.key[i] = static_cast<std::uint8_t>(seed + i);
  for (std::size_t i = 0; i < out.salt.size(); ++i)
    out.salt[i] = static_cast<std::uint8_t>(seed * i);
  return out;
}

crypto::SrtpMaster master(SrtpSuite suite, const wire::SrtpKeying& keying) {
  crypto::SrtpMaster out;
  out.suite = suite;
  std::copy(keying.key.begin(), keying.key.end(), out.key.begin());
  std::copy(keying.salt.begin(), keying.salt.end(), out.salt.begin());
  return out;
}

// A sender report of SSRC 77, without blocks.
Octets sender_report() {
  Octets out(28, 0);
  out[0] = 0x80;
  out[1] = 200;
  out[3] = 6;
  out[7] = 77;
  return out;
}

// Caller and callee are sides 0 and 1: 10.77.1.2:4000 by port 20000, 10.77.2.2:6000 by port 30000;
// RTCP on the ports behind them.
class WorkerSrtpTest : public ::testing::Test {
 protected:
  void SetUp() override { bench_.know_far_ends(); }

  void order(const Command& command) {
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
    bench_.turn();
  }
  // Both flows of both sides; who has SRTP.
  void open(bool caller, bool callee, wire::PayloadKeyName callee_key = 0) {
    for (const std::uint16_t side : kBoth) {
      for (const std::uint16_t rtcp : kBoth) {
        Command command;
        command.kind = CommandKind::kOpenFlow;
        wire::OpenFlow& flow = command.open = {};
        flow.key = {side, static_cast<std::uint16_t>(kPorts[side] + rtcp)};
        flow.peer = {static_cast<std::uint16_t>(1 - side),
                     static_cast<std::uint16_t>(kPorts[1 - side] + rtcp)};
        flow.generation = side * 2u + rtcp + 1u;
        flow.cookie = 5;
        flow.kind = rtcp != 0 ? wire::FlowKind::kRtcp : wire::FlowKind::kRtp;
        flow.remote = endpoint(side == 0 ? "10.77.1.2:4000" : "10.77.2.2:6000");
        flow.remote.port = static_cast<std::uint16_t>(flow.remote.port + rtcp);
        flow.protection =
            (side == 0 ? caller : callee) ? wire::Protection::kSrtp : wire::Protection::kNone;
        if (side == 1 && rtcp == 0) flow.payload_key = callee_key;
        order(command);
      }
    }
  }
  void set(std::uint16_t side, SrtpSuite suite, std::uint8_t in, std::uint8_t out,
           bool start = true) {
    Command command;
    command.kind = CommandKind::kSetSrtp;
    command.set_srtp = {};
    command.set_srtp.key = {side, kPorts[side]};
    command.set_srtp.suite = static_cast<std::uint8_t>(suite);
    command.set_srtp.generation = side * 2u + 1u;
    command.set_srtp.in = keying(in);
    command.set_srtp.out = keying(out);
    order(command);
    if (!start) return;
    sends_[side].start(crypto_, master(suite, keying(in)), SrtpDirection::kProtect);
    hears_[side].start(crypto_, master(suite, keying(out)), SrtpDirection::kUnprotect);
  }
  // One flow alone, whose far end's contexts are these.
  void set_alone(std::uint16_t side, std::uint16_t rtcp, std::uint8_t in, std::uint8_t out,
                 crypto::SrtpContext& sends, crypto::SrtpContext& hears) {
    constexpr auto kSuite = SrtpSuite::kAesCm128HmacSha1_80;
    Command command;
    command.kind = CommandKind::kSetSrtp;
    command.set_srtp = {};
    command.set_srtp.key = {side, static_cast<std::uint16_t>(kPorts[side] + rtcp)};
    command.set_srtp.suite = static_cast<std::uint8_t>(kSuite);
    command.set_srtp.scope = wire::SetSrtp::kFlow;
    command.set_srtp.anew = 1;
    command.set_srtp.generation = side * 2u + rtcp + 1u;
    command.set_srtp.in = keying(in);
    command.set_srtp.out = keying(out);
    order(command);
    sends.stop();
    hears.stop();
    sends.start(crypto_, master(kSuite, keying(in)), SrtpDirection::kProtect);
    hears.start(crypto_, master(kSuite, keying(out)), SrtpDirection::kUnprotect);
  }
  Octets run(Octets packet, crypto::SrtpContext& context, SrtpKind kind,
             SrtpVerdict* out = nullptr) {
    const std::size_t size = packet.size();
    packet.resize(size + crypto::kSrtpGrowthMax);
    crypto::SrtpJob job{.packet = {packet.data(), size},
                        .tailroom = crypto::kSrtpGrowthMax,
                        .context = &context,
                        .kind = kind};
    batch_.run({&job, 1});
    if (out != nullptr) *out = job.verdict;
    packet.resize(job.packet.size());
    return packet;
  }
  Octets sealed(std::uint16_t side, const Octets& packet, SrtpKind kind = SrtpKind::kRtp) {
    return run(packet, sends_[side], kind);
  }
  // What this party can read of it; nothing: it isn't for it.
  Octets heard(std::uint16_t side, const Octets& packet, SrtpKind kind = SrtpKind::kRtp) {
    SrtpVerdict verdict;
    auto out = run(packet, hears_[side], kind, &verdict);
    return verdict == SrtpVerdict::kOk ? out : Octets{};
  }
  // This party sends it; what leaves to the other one. `rtcp`: on its own port.
  Octets pass(std::uint16_t side, const Octets& packet, bool rtcp = false) {
    const auto shift = static_cast<std::uint16_t>(rtcp ? 1 : 0);
    const Way way{kFarMac[side],
                  kOurMac[side],
                  ip(10, 77, static_cast<std::uint8_t>(side + 1), 2),
                  ip(10, 77, static_cast<std::uint8_t>(side + 1), 1),
                  static_cast<std::uint16_t>((side == 0 ? 4000 : 6000) + shift),
                  static_cast<std::uint16_t>(kPorts[side] + shift)};
    bench_.arrive(side, udp_frame(way, packet));
    bench_.turn();
    auto frame = bench_.depart(static_cast<std::uint16_t>(1 - side));
    if (!frame) return {};
    EXPECT_TRUE(ip_checksum_right(*frame));
    EXPECT_TRUE(udp_checksum_right(*frame));
    const auto* at = reinterpret_cast<const std::uint8_t*>(payload_of(*frame));
    return {at, at + (frame->size() - kUdpFrameBytes)};
  }

  BenchSwitch bench_{1};
  crypto::IpsecMb crypto_ = crypto::IpsecMb::open().value();
  crypto::SrtpBatch batch_{crypto_};
  crypto::SrtpContext sends_[2];
  crypto::SrtpContext hears_[2];
};

// Eight octets, the shortest RTCP that there is, on either port: not SRTCP, and not let through.
TEST_F(WorkerSrtpTest, TheShortestRtcpIsNoWayAroundIt) {
  open(true, false);
  set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  for (const std::uint16_t rtcp : kBoth) {
    Way way{kFarMac[0],
            kOurMac[0],
            ip(10, 77, 1, 2),
            ip(10, 77, 1, 1),
            static_cast<std::uint16_t>(4000 + rtcp),
            static_cast<std::uint16_t>(kPorts[0] + rtcp)};
    bench_.arrive(0, udp_frame(way, Octets{0x80, 201, 0, 1, 0, 0, 0, 9}));
  }
  bench_.turn();
  EXPECT_FALSE(bench_.depart(1).has_value());
  EXPECT_EQ(bench_.count(Counter::drop_srtp_malformed), 2u);
  EXPECT_EQ(bench_.count(Counter::flows_latched), 0u);
}

TEST_F(WorkerSrtpTest, EverySuiteBetweenSrtpAndTheClear) {
  for (std::size_t i = 1; i < crypto::kSrtpSuites.size(); ++i) {
    const SrtpSuite suite = crypto::kSrtpSuites[i].suite;
    open(false, true);
    set(1, suite, 10, 20);
    for (std::uint16_t n = 0; n < 40; ++n) {
      const auto plain = rtp(n, n * 160u, 77, n);  // payloads of all lengths, odd ones too
      const auto out = pass(0, plain);
      ASSERT_NE(out, plain);
      ASSERT_EQ(heard(1, out), plain) << crypto::kSrtpSuites[i].name;
      const auto back = rtp(n, n * 160u, 78, 160 - n);
      ASSERT_EQ(pass(1, sealed(1, back)), back) << crypto::kSrtpSuites[i].name;
    }
    // RTCP on its own port, and on RTP's (RFC 5761).
    for (const bool own : {true, false}) {
      const auto out = pass(0, sender_report(), own);
      ASSERT_EQ(heard(1, out, SrtpKind::kRtcp), sender_report());
      ASSERT_EQ(pass(1, sealed(1, sender_report(), SrtpKind::kRtcp), own), sender_report());
    }
  }
  EXPECT_EQ(bench_.count(Counter::srtp_protected), 6u * 42);
  EXPECT_EQ(bench_.count(Counter::srtp_unprotected), 6u * 42);
}

TEST_F(WorkerSrtpTest, BothPartiesEachWithASuiteAndKeysOfItsOwn) {
  open(true, true);
  set(0, SrtpSuite::kAeadAes256Gcm, 1, 2);
  set(1, SrtpSuite::kAesCm128HmacSha1_32, 3, 4);
  for (std::uint16_t n = 0; n < 50; ++n) {
    ASSERT_EQ(heard(1, pass(0, sealed(0, rtp(n)))), rtp(n));
    ASSERT_EQ(heard(0, pass(1, sealed(1, rtp(n)))), rtp(n));
  }
}

TEST_F(WorkerSrtpTest, BetweenSrtpAndTheLegacyEncryption) {
  for (const auto& command : set_key_commands(7, crypto::PayloadMode::kXor, "k")) order(command);
  open(true, false, 7);
  set(0, SrtpSuite::kAesCm256HmacSha1_80, 1, 2);
  auto hidden = rtp(1);
  for (std::size_t i = 12; i < hidden.size(); ++i) hidden[i] ^= 'k';
  EXPECT_EQ(pass(0, sealed(0, rtp(1))), hidden);
  EXPECT_EQ(heard(0, pass(1, hidden)), rtp(1));
}

TEST_F(WorkerSrtpTest, NothingPassesBeforeTheKeysAreThere) {
  open(true, false);
  EXPECT_TRUE(pass(0, rtp(1)).empty());
  EXPECT_TRUE(pass(1, rtp(1)).empty());
  EXPECT_TRUE(pass(1, sender_report(), true).empty());
  EXPECT_EQ(bench_.count(Counter::drop_srtp_awaited), 3u);
  // In the clear after all, for that is what was agreed.
  set(0, SrtpSuite::kNone, 0, 0, false);
  EXPECT_EQ(pass(0, rtp(2)), rtp(2));
  EXPECT_EQ(pass(1, rtp(2)), rtp(2));
  EXPECT_EQ(pass(1, sender_report(), true), sender_report());
}

TEST_F(WorkerSrtpTest, ForgedAndReplayedPacketsAreDroppedByName) {
  open(true, false);
  set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  auto forged = sealed(0, rtp(1));
  forged[20] ^= 1;
  EXPECT_TRUE(pass(0, forged).empty());
  EXPECT_EQ(bench_.count(Counter::flows_latched), 0u) << "only what is authentic is learned from";
  const auto good = sealed(0, rtp(2));
  EXPECT_EQ(pass(0, good), rtp(2));
  EXPECT_TRUE(pass(0, good).empty());
  EXPECT_TRUE(pass(0, {0x80, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1}).empty());
  EXPECT_EQ(bench_.count(Counter::drop_srtp_bad_tag), 1u);
  EXPECT_EQ(bench_.count(Counter::drop_srtp_replayed), 1u);
  EXPECT_EQ(bench_.count(Counter::drop_srtp_malformed), 1u);
  // What was sent once isn't sent under the same keystream again.
  EXPECT_FALSE(pass(1, rtp(9)).empty());
  EXPECT_TRUE(pass(1, rtp(9)).empty());
  EXPECT_EQ(bench_.count(Counter::drop_srtp_reused), 1u);
}

TEST_F(WorkerSrtpTest, RolloverGoesOnUnderOtherKeys) {
  open(true, false);
  set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  for (std::uint16_t n = 65534; n != 2; ++n) {
    ASSERT_EQ(pass(0, sealed(0, rtp(n))), rtp(n));
    ASSERT_EQ(heard(0, pass(1, rtp(n))), rtp(n));
  }
  set(0, SrtpSuite::kAeadAes128Gcm, 3, 4, false);
  sends_[0].rekey(crypto_, master(SrtpSuite::kAeadAes128Gcm, keying(3)));
  hears_[0].rekey(crypto_, master(SrtpSuite::kAeadAes128Gcm, keying(4)));
  EXPECT_EQ(pass(0, sealed(0, rtp(2))), rtp(2));
  EXPECT_EQ(heard(0, pass(1, rtp(2))), rtp(2));
}

// Each component has a handshake of its own, where RTCP has its own port (RFC 5764 §4.1.1).
TEST_F(WorkerSrtpTest, RtpAndRtcpUnderKeysOfTheirOwn) {
  open(true, false);
  crypto::SrtpContext sends, hears;
  set_alone(0, 0, 1, 2, sends_[0], hears_[0]);
  EXPECT_EQ(pass(0, sealed(0, rtp(1))), rtp(1));
  EXPECT_TRUE(pass(1, sender_report(), true).empty()) << "RTCP's keys are still awaited";
  EXPECT_EQ(bench_.count(Counter::drop_srtp_awaited), 1u);
  set_alone(0, 1, 3, 4, sends, hears);
  EXPECT_EQ(pass(0, run(sender_report(), sends, SrtpKind::kRtcp), true), sender_report());
  SrtpVerdict verdict;
  run(pass(1, sender_report(), true), hears, SrtpKind::kRtcp, &verdict);
  EXPECT_EQ(verdict, SrtpVerdict::kOk);
  EXPECT_EQ(heard(0, pass(1, rtp(1))), rtp(1));
  // Another association begins anew: what its far end sends first has a rollover counter of 0.
  for (std::uint16_t n = 65530; n != 2; ++n) ASSERT_EQ(pass(0, sealed(0, rtp(n))), rtp(n));
  set_alone(0, 0, 5, 6, sends_[0], hears_[0]);
  EXPECT_EQ(pass(0, sealed(0, rtp(3))), rtp(3));
  EXPECT_EQ(heard(0, pass(1, rtp(2))), rtp(2));
  EXPECT_EQ(pass(0, run(sender_report(), sends, SrtpKind::kRtcp), true), sender_report());
}

// What two flows have together stays the other one's when one of them gets keys of its own.
TEST_F(WorkerSrtpTest, KeysForOneFlowLeaveTheOtherItsOwn) {
  open(true, false);
  set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  crypto::SrtpContext sends, hears;
  set_alone(0, 0, 5, 6, sends, hears);
  EXPECT_EQ(pass(0, run(rtp(1), sends, SrtpKind::kRtp)), rtp(1));
  EXPECT_EQ(pass(0, sealed(0, sender_report(), SrtpKind::kRtcp), true), sender_report());
}

TEST_F(WorkerSrtpTest, WhatWouldOutgrowTheLinkIsDropped) {
  open(false, true);
  set(1, SrtpSuite::kAeadAes128Gcm, 1, 2);
  const std::size_t mtu = 1500 - 20 - 8 - 12;
  EXPECT_EQ(heard(1, pass(0, rtp(1, 0, 1, mtu - 16))), rtp(1, 0, 1, mtu - 16));
  EXPECT_TRUE(pass(0, rtp(2, 0, 1, mtu - 15)).empty());
  EXPECT_EQ(bench_.count(Counter::drop_media_size), 1u);
}

TEST_F(WorkerSrtpTest, AFaxPassesUnread) {
  open(true, false);
  set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  Command command;
  command.kind = CommandKind::kUpdateFlow;
  for (const std::uint16_t side : kBoth) {
    command.update = {};
    command.update.key = {side, kPorts[side]};
    command.update.kind = wire::FlowKind::kOpaque;
    command.update.generation = side * 2u + 1u;
    command.update.remote = endpoint(side == 0 ? "10.77.1.2:4000" : "10.77.2.2:6000");
    order(command);
  }
  const Octets fax{0, 1, 2, 3, 4};
  EXPECT_EQ(pass(0, fax), fax);
  EXPECT_EQ(pass(1, fax), fax);
}

TEST_F(WorkerSrtpTest, SessionsComeBackAndWithoutRoomNothingPasses) {
  for (int round = 0; round < 200; ++round) {
    open(true, true);  // in place of the ones before
    set(0, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
    set(1, SrtpSuite::kAesCm128HmacSha1_80, 1, 2);
  }
  EXPECT_EQ(bench_.count(Counter::srtp_unplaced), 0u);
  for (std::uint16_t n = 0; n < 64; ++n) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = {0, static_cast<std::uint16_t>(21000 + 2 * n)};
    command.open.peer = {1, static_cast<std::uint16_t>(31000 + 2 * n)};
    command.open.generation = 9;
    command.open.protection = wire::Protection::kSrtp;
    command.open.remote = endpoint("10.77.1.2:4000");
    order(command);
    command.kind = CommandKind::kSetSrtp;
    const wire::FlowKey key = command.open.key;
    command.set_srtp = {};
    command.set_srtp.key = key;
    command.set_srtp.generation = 9;
    command.set_srtp.suite = 1;
    order(command);
  }
  EXPECT_EQ(bench_.count(Counter::srtp_unplaced), 2u) << "the two of the call, and 62 others";
}

TEST_F(WorkerSrtpTest, OrdersWithoutSenseChangeNothing) {
  open(true, false);
  Command command;
  command.kind = CommandKind::kSetSrtp;
  const auto order_with = [&](wire::FlowKey key, wire::FlowGeneration generation, unsigned suite) {
    command.set_srtp = {};
    command.set_srtp.key = key;
    command.set_srtp.generation = generation;
    command.set_srtp.suite = static_cast<std::uint8_t>(suite);
    order(command);
  };
  order_with({0, kPorts[0]}, 1, 7);
  order_with({0, kPorts[0]}, 99, 1);
  order_with({0, static_cast<std::uint16_t>(kPorts[0] + 1)}, 2, 1);
  order_with({7, kPorts[0]}, 1, 1);
  EXPECT_EQ(bench_.count(Counter::drop_command), 3u);
  EXPECT_EQ(bench_.count(Counter::drop_command_stale), 1u);
  EXPECT_TRUE(pass(0, rtp(1)).empty());
}

}  // namespace
}  // namespace tandem::dataplane
