// What a worker says itself to a party, in time: tones, announcements and digits, and the stream
// that they are one of.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "drivers/crypto/srtp_batch.h"
#include "tests/unit/dataplane/bench_switch.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Command;
using wire::CommandKind;
using wire::Counter;
using wire::EventKind;
using Octets = std::vector<std::uint8_t>;

// Caller and callee: 10.77.1.2:4000 by port 20000, 10.77.2.2:6000 by port 30000.
class WorkerPlayerTest : public ::testing::Test {
 protected:
  struct Heard {
    base::Nanos at;
    RtpHead head;
    bool marker;
    Octets payload;
    Frame frame;
  };

  void SetUp() override {
    bench_.know_far_ends();
    wire::SoundBank& bank = bench_.segment().sounds();
    // A tone whose samples can be told apart, of no whole number of frames; a word of 2 1/2 frames.
    Octets tone(200), word(400), other(400);
    for (std::size_t i = 0; i < tone.size(); ++i) tone[i] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < word.size(); ++i) word[i] = static_cast<std::uint8_t>(i % 251);
    std::fill(other.begin(), other.end(), std::uint8_t{0x55});
    ASSERT_EQ(bank.add(tone, Octets(200, 0x11)), 0);
    ASSERT_EQ(bank.add(word, other), 1);
    open(0, 1);
    open(1, 2);
  }

  void order(const Command& command) {
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
    bench_.turn();
    listen();
  }
  void open(std::uint16_t side, wire::FlowGeneration generation,
            wire::Protection protection = wire::Protection::kNone) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    wire::OpenFlow& flow = command.open = {};
    flow.key = key(side);
    flow.peer = key(1 - side);
    flow.generation = generation;
    flow.cookie = 70u + side;
    flow.remote = endpoint(side == 0 ? "10.77.1.2:4000" : "10.77.2.2:6000");
    flow.protection = protection;
    flow.tos = 0xa0;
    order(command);
  }
  static wire::FlowKey key(int side) {
    return side == 0 ? wire::FlowKey{0, 20000} : wire::FlowKey{1, 30000};
  }
  // To the caller.
  static Command play(std::uint16_t sound, bool loops, bool yields = false,
                      std::array<std::uint16_t, 6> cadence = {}) {
    Command command;
    command.kind = CommandKind::kPlay;
    command.play = {};
    command.play.key = key(0);
    command.play.generation = 1;
    command.play.sound = sound;
    command.play.loops = loops;
    command.play.yields = yields;
    command.play.cadence = cadence;
    command.play.number = 33;
    return command;
  }
  static Command stop() {
    Command command;
    command.kind = CommandKind::kStopPlay;
    command.stop_play = {};
    command.stop_play.key = key(0);
    command.stop_play.generation = 1;
    return command;
  }
  static Command digit(std::uint8_t event, std::uint16_t ms) {
    Command command;
    command.kind = CommandKind::kSendDigit;
    command.send_digit = {};
    command.send_digit.key = key(0);
    command.send_digit.generation = 1;
    command.send_digit.event = event;
    command.send_digit.payload_type = 101;
    command.send_digit.duration_ms = ms;
    return command;
  }
  static Command take(int side, std::uint8_t taken, std::uint8_t from, std::uint8_t to) {
    Command command;
    command.kind = CommandKind::kSetEvents;
    command.set_events = {};
    command.set_events.key = key(side);
    command.set_events.generation = side + 1u;
    command.set_events.taken = taken;
    command.set_events.from = from;
    command.set_events.to = to;
    return command;
  }
  // A packet of the callee's.
  void say(const Octets& packet) {
    bench_.arrive(
        1, udp_frame({kFarMac[1], kOurMac[1], ip(10, 77, 2, 2), ip(10, 77, 2, 1), 6000, 30000},
                     packet));
    bench_.turn();
    listen();
  }
  // So many milliseconds pass; what reaches the caller is in `heard_`.
  void pass(int ms) {
    for (int i = 0; i < ms; ++i) {
      bench_.turn();
      listen();
    }
  }
  void listen() {
    while (auto frame = bench_.depart(0)) {
      ASSERT_TRUE(ip_checksum_right(*frame) && udp_checksum_right(*frame));
      const auto* payload = reinterpret_cast<const std::uint8_t*>(payload_of(*frame));
      const std::size_t size = frame->size() - kUdpFrameBytes;
      const RtpHead head = read_rtp({payload_of(*frame), size});
      heard_.push_back({bench_.now(), head, (payload[1] & 0x80) != 0,
                        Octets(payload + 12, payload + size), *frame});
    }
  }
  std::vector<wire::Event> events() {
    std::vector<wire::Event> out;
    wire::Event event;
    while (bench_.control().events.dequeue(std::span(&event, 1)) == 1) {
      if (event.kind != EventKind::kFlowLatched) out.push_back(event);
    }
    return out;
  }
  // One SSRC, each number once and in order, timestamps that only grow.
  void expect_one_stream() {
    for (std::size_t i = 1; i < heard_.size(); ++i) {
      EXPECT_EQ(heard_[i].head.ssrc, heard_[0].head.ssrc) << i;
      EXPECT_EQ(heard_[i].head.sequence,
                static_cast<std::uint16_t>(heard_[i - 1].head.sequence + 1))
          << i;
      EXPECT_GE(static_cast<std::int32_t>(heard_[i].head.timestamp - heard_[i - 1].head.timestamp),
                0)
          << i;
    }
  }

  BenchSwitch bench_{1};
  std::vector<Heard> heard_;
};

TEST_F(WorkerPlayerTest, AToneComesEach20Milliseconds) {
  order(play(0, true));
  pass(100);
  ASSERT_EQ(heard_.size(), 6u) << "at 0, 20 … 100 ms";
  expect_one_stream();
  EXPECT_TRUE(heard_[0].marker);
  std::uint8_t sample = 0;
  for (std::size_t i = 0; i < heard_.size(); ++i) {
    EXPECT_EQ(heard_[i].head.timestamp, heard_[0].head.timestamp + 160 * i);
    EXPECT_EQ(heard_[i].at - heard_[0].at, base::Millis{20} * static_cast<int>(i));
    EXPECT_EQ(heard_[i].marker, i == 0);
    EXPECT_EQ(heard_[i].head.payload_type, 0);
    ASSERT_EQ(heard_[i].payload.size(), 160u);
    for (const std::uint8_t octet : heard_[i].payload) {
      ASSERT_EQ(octet, sample);
      sample = static_cast<std::uint8_t>((sample + 1) % 200);
    }
  }
  Frame& frame = heard_[0].frame;
  EXPECT_EQ(ip_of(frame)->src_addr, ip(10, 77, 1, 1));
  EXPECT_EQ(ip_of(frame)->dst_addr, ip(10, 77, 1, 2));
  EXPECT_EQ(udp_of(frame)->src_port, rte_cpu_to_be_16(20000));
  EXPECT_EQ(udp_of(frame)->dst_port, rte_cpu_to_be_16(4000));
  EXPECT_EQ(ip_of(frame)->type_of_service, 0xa0);
  EXPECT_EQ(bench_.count(Counter::media_played), 6u);
  order(stop());
  const std::size_t before = heard_.size();
  pass(60);
  EXPECT_EQ(heard_.size(), before);
  EXPECT_TRUE(events().empty()) << "who stops it knows";
}

TEST_F(WorkerPlayerTest, ACadenceIsKeptFrameByFrame) {
  order(play(0, true, false, {2, 3, 1, 4}));
  pass(20 * 25);
  expect_one_stream();
  ASSERT_GE(heard_.size(), 25u);
  const std::string pattern = "##...#....";
  for (std::size_t i = 0; i < 25; ++i) {
    const bool silent = heard_[i].payload == Octets(160, 0xff);
    EXPECT_EQ(silent, pattern[i % pattern.size()] == '.') << i;
  }
  EXPECT_EQ(heard_[5].payload[0], 0) << "the tone begins anew";
}

TEST_F(WorkerPlayerTest, AnAnnouncementEndsAndTellsSo) {
  order(play(1, false));
  pass(100);
  ASSERT_EQ(heard_.size(), 3u);
  EXPECT_EQ(heard_[2].payload[79], 399 % 251);
  EXPECT_EQ(Octets(heard_[2].payload.begin() + 80, heard_[2].payload.end()), Octets(80, 0xff));
  const auto told = events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, EventKind::kPlayEnded);
  EXPECT_EQ(told[0].play_ended.key, key(0));
  EXPECT_EQ(told[0].play_ended.number, 33u);
  EXPECT_EQ(told[0].play_ended.generation, 1u);
  EXPECT_EQ(told[0].play_ended.cookie, 70u);
}

TEST_F(WorkerPlayerTest, TheLawIsThePartys) {
  Command command = play(1, false);
  command.play.payload_type = 8;
  order(command);
  pass(60);
  ASSERT_EQ(heard_.size(), 3u);
  EXPECT_EQ(heard_[0].head.payload_type, 8);
  EXPECT_EQ(heard_[0].payload, Octets(160, 0x55));
  EXPECT_EQ(heard_[2].payload[159], 0xd5) << "silence of A-law";
}

TEST_F(WorkerPlayerTest, RingbackGivesWayToTheFirstPacketAndStaysOneStream) {
  order(play(0, true, true));
  pass(50);
  ASSERT_EQ(heard_.size(), 3u);
  say(rtp(4711, 90'000, 99));
  say(rtp(4712, 90'160, 99));
  ASSERT_EQ(heard_.size(), 5u);
  expect_one_stream();
  EXPECT_TRUE(heard_[3].marker);
  EXPECT_FALSE(heard_[4].marker);
  const Octets said = rtp(4711);
  EXPECT_EQ(heard_[3].payload, Octets(said.begin() + 12, said.end()));
  EXPECT_EQ(heard_[4].head.timestamp - heard_[3].head.timestamp, 160u);
  const auto told = events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, EventKind::kPlayEnded);
  pass(60);
  EXPECT_EQ(heard_.size(), 5u);
}

TEST_F(WorkerPlayerTest, WhatIsRelayedWaitsForASoundThatDoesNotYield) {
  say(rtp(100, 8000, 99));
  ASSERT_EQ(heard_.size(), 1u);
  EXPECT_EQ(heard_[0].head.sequence, 100);
  order(play(1, false));
  say(rtp(101, 8160, 99));
  EXPECT_EQ(bench_.count(Counter::drop_media_played_over), 1u);
  pass(100);
  say(rtp(107, 9120, 99));
  ASSERT_EQ(heard_.size(), 5u);
  expect_one_stream();
  EXPECT_EQ(heard_[0].head.ssrc, 99u);
  EXPECT_EQ(heard_[4].head.sequence, 104);
  EXPECT_EQ(heard_[1].payload[1], 1);
}

TEST_F(WorkerPlayerTest, WhoNeverHeardASoundHearsItsStreamAsItIs) {
  say(rtp(65535, 1, 99));
  say(rtp(5, 77, 12));
  ASSERT_EQ(heard_.size(), 2u);
  EXPECT_EQ(heard_[0].head.sequence, 65535);
  EXPECT_EQ(heard_[1].head.sequence, 5);
  EXPECT_EQ(heard_[1].head.ssrc, 12u);
}

TEST_F(WorkerPlayerTest, ADigitIsSentAsTheRfcHasIt) {
  order(digit(5, 100));
  order(digit(11, 40));
  pass(400);
  std::vector<Heard> first, second;
  for (const Heard& heard : heard_) (heard.payload[0] == 5 ? first : second).push_back(heard);
  ASSERT_EQ(first.size(), 7u) << "five of 20 ms, and the last one twice more";
  ASSERT_EQ(second.size(), 4u);
  expect_one_stream();
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].head.payload_type, 101);
    EXPECT_EQ(first[i].head.timestamp, first[0].head.timestamp);
    EXPECT_EQ(first[i].marker, i == 0);
    EXPECT_EQ((first[i].payload[1] & 0x80) != 0, i >= 4) << i;
    const int duration = first[i].payload[2] << 8 | first[i].payload[3];
    EXPECT_EQ(duration, static_cast<int>(160 * std::min<std::size_t>(i + 1, 5)));
  }
  EXPECT_TRUE(second[0].marker);
  EXPECT_GE(second[0].head.timestamp - first[0].head.timestamp, 160u * 7);
  EXPECT_GE(second[0].at - first[4].at, base::Millis{40}) << "a pause between them";
  // The talk goes on behind them.
  say(rtp(100, 8000, 99));
  expect_one_stream();
  EXPECT_GT(heard_.back().head.timestamp - second[0].head.timestamp, 160u * 2);
  EXPECT_TRUE(events().empty());
}

TEST_F(WorkerPlayerTest, TooManyDigitsAreCounted) {
  for (std::size_t i = 0; i < Player::kDigitsMax + 2; ++i) {
    ASSERT_TRUE(bench_.control().commands.enqueue(digit(1, 100)));
  }
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_digit_full), 2u);
  EXPECT_EQ(bench_.count(Counter::digits_sent), Player::kDigitsMax);
}

TEST_F(WorkerPlayerTest, EventsAreTakenAndToldOnceOrGetAnotherType) {
  order(take(1, 101, wire::SetEvents::kNone, wire::SetEvents::kNone));
  Octets event = rtp(10, 8000, 99, 4);
  event[1] = 0x80 | 101;
  event[12] = 7;
  event[13] = 10;
  event[14] = 0;
  event[15] = 160;
  say(event);
  event[1] = 101;
  event[13] = 0x8a;
  event[14] = 3;
  event[15] = 0x20;
  for (int i = 0; i < 3; ++i) {
    event[3] = static_cast<std::uint8_t>(11 + i);
    say(event);
  }
  EXPECT_TRUE(heard_.empty());
  const auto told = events();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, EventKind::kDigitHeard);
  EXPECT_EQ(told[0].digit.event, 7);
  EXPECT_EQ(told[0].digit.duration_ms, 100);
  EXPECT_EQ(told[0].digit.key, key(1));
  EXPECT_EQ(told[0].digit.cookie, 71u);
  EXPECT_EQ(bench_.count(Counter::digit_packets_taken), 4u);
  say(rtp(14, 8800, 99));
  EXPECT_EQ(heard_.size(), 1u) << "voice passes";

  order(take(1, wire::SetEvents::kNone, 101, 96));
  event[1] = 0x80 | 101;
  say(event);
  ASSERT_EQ(heard_.size(), 2u);
  EXPECT_EQ(heard_[1].head.payload_type, 96);
  EXPECT_TRUE(heard_[1].marker);
  EXPECT_EQ(heard_[1].head.ssrc, 99u);
}

TEST_F(WorkerPlayerTest, ComfortNoisePassesAsItIs) {
  order(play(0, true, true));
  pass(20);
  Octets noise = rtp(4711, 90'000, 99, 1);
  noise[1] = 0x80 | 13;
  say(noise);
  EXPECT_EQ(heard_.back().head.payload_type, 13);
  EXPECT_EQ(heard_.back().payload, Octets(noise.begin() + 12, noise.end()));
  expect_one_stream();
}

TEST_F(WorkerPlayerTest, ReportsSpeakOfTheStreamAsEachSideKnowsIt) {
  for (const unsigned side : {0u, 1u}) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = key(static_cast<int>(side));
    command.open.peer = key(static_cast<int>(1 - side));
    ++command.open.key.port;
    ++command.open.peer.port;
    command.open.generation = 11u + side;
    command.open.cookie = 70u + side;
    command.open.kind = wire::FlowKind::kRtcp;
    command.open.remote = endpoint(side == 0 ? "10.77.1.2:4001" : "10.77.2.2:6001");
    order(command);
  }
  order(play(0, true, true));
  pass(20);
  say(rtp(4711, 90'000, 99));
  const RtpHead known = heard_.back().head;
  heard_.clear();
  // The callee's sender report.
  Octets sender(28);
  sender[0] = 0x80;
  sender[1] = 200;
  sender[3] = 6;
  sender[7] = 99;
  sender[18] = 0x5f;
  sender[19] = 0x90;  // 24464
  bench_.arrive(
      1,
      udp_frame({kFarMac[1], kOurMac[1], ip(10, 77, 2, 2), ip(10, 77, 2, 1), 6001, 30001}, sender));
  bench_.turn();
  auto frame = bench_.depart(0);
  ASSERT_TRUE(frame && udp_checksum_right(*frame));
  const auto long_word = [](Frame& of, std::size_t at) {
    std::uint32_t raw;
    std::memcpy(&raw, payload_of(of) + at, 4);
    return rte_be_to_cpu_32(raw);
  };
  EXPECT_EQ(long_word(*frame, 4), known.ssrc);
  EXPECT_EQ(long_word(*frame, 16), 24464 + (known.timestamp - 90'000));
  // The caller's report of it.
  Octets receiver(32);
  receiver[0] = 0x81;
  receiver[1] = 201;
  receiver[3] = 7;
  for (std::size_t i = 0; i < 4; ++i) {
    receiver[8 + i] = static_cast<std::uint8_t>(known.ssrc >> (24 - 8 * i));
  }
  receiver[17] = 3;  // cycles
  receiver[18] = static_cast<std::uint8_t>(known.sequence >> 8);
  receiver[19] = static_cast<std::uint8_t>(known.sequence);
  bench_.arrive(0,
                udp_frame({kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 4001, 20001},
                          receiver));
  bench_.turn();
  frame = bench_.depart(1);
  ASSERT_TRUE(frame && udp_checksum_right(*frame));
  EXPECT_EQ(long_word(*frame, 8), 99u);
  EXPECT_EQ(long_word(*frame, 16) & 0xffff, 4711u);
}

TEST_F(WorkerPlayerTest, AnSrtpPartyHearsItEncrypted) {
  open(0, 3, wire::Protection::kSrtp);
  Command command = play(1, false);
  command.play.generation = 3;
  order(command);
  pass(60);
  EXPECT_TRUE(heard_.empty()) << "nothing in the clear";
  EXPECT_EQ(bench_.count(Counter::drop_srtp_awaited), 3u);
  Command keys;
  keys.kind = CommandKind::kSetSrtp;
  keys.set_srtp = {};
  keys.set_srtp.key = key(0);
  keys.set_srtp.generation = 3;
  keys.set_srtp.suite = static_cast<std::uint8_t>(crypto::SrtpSuite::kAesCm128HmacSha1_80);
  keys.set_srtp.out.key.fill(7);
  order(keys);
  order(command);
  pass(100);
  ASSERT_EQ(heard_.size(), 3u);
  crypto::SrtpMaster master;
  master.suite = crypto::SrtpSuite::kAesCm128HmacSha1_80;
  master.key.fill(7);
  crypto::IpsecMb crypto = crypto::IpsecMb::open().value();
  crypto::SrtpContext context;
  context.start(crypto, master, crypto::SrtpDirection::kUnprotect);
  crypto::SrtpBatch batch(crypto);
  for (Heard& heard : heard_) {
    Octets packet(heard.frame.size() - kUdpFrameBytes);
    std::memcpy(packet.data(), payload_of(heard.frame), packet.size());
    crypto::SrtpJob job{.packet = packet, .context = &context, .kind = crypto::SrtpKind::kRtp};
    batch.run({&job, 1});
    EXPECT_EQ(job.verdict, crypto::SrtpVerdict::kOk);
    EXPECT_EQ(job.packet.size(), 172u);
    if (&heard == heard_.data()) {
      EXPECT_EQ(job.packet[12 + 5], 5);
    }
  }
}

TEST_F(WorkerPlayerTest, ManyPlaysAreServedEachInItsTimeAndNeverBeyondTheirNumber) {
  // All flows of one worker to the caller's address, begun a few each millisecond.
  constexpr std::uint16_t kFlows = 200;
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = {0, static_cast<std::uint16_t>(21000 + 2 * i)};
    command.open.peer = {1, static_cast<std::uint16_t>(31000 + 2 * i)};
    command.open.generation = 1000u + i;
    command.open.remote = endpoint("10.77.1.2:4000");
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
    Command sound = play(0, true);
    sound.play.key = command.open.key;
    sound.play.generation = command.open.generation;
    ASSERT_TRUE(bench_.control().commands.enqueue(sound));
    if (i % 7 == 0) pass(1);
  }
  pass(200);
  std::map<std::uint32_t, std::vector<base::Nanos>> times;
  for (const Heard& heard : heard_) times[heard.head.ssrc].push_back(heard.at);
  EXPECT_EQ(times.size(), kFlows);
  for (const auto& [ssrc, at] : times) {
    ASSERT_GE(at.size(), 10u);
    for (std::size_t i = 1; i < at.size(); ++i) {
      EXPECT_LE(std::abs((at[i] - at[i - 1] - Player::kPeriod).count()), 1'000'000);
    }
  }
  // A flow that is closed takes its play along.
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    Command command;
    command.kind = CommandKind::kCloseFlow;
    command.close = {};
    command.close.key = {0, static_cast<std::uint16_t>(21000 + 2 * i)};
    command.close.generation = 1000u + i;
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
    if (i % 20 == 19) pass(2);
  }
  pass(5);
  const std::size_t before = heard_.size();
  pass(50);
  EXPECT_EQ(heard_.size(), before);
}

TEST_F(WorkerPlayerTest, OrdersThatMakeNoSenseChangeNothing) {
  Command unknown = play(2, true);
  order(unknown);
  Command codec = play(0, true);
  codec.play.payload_type = 18;
  order(codec);
  Command event = digit(17, 100);
  order(event);
  Command half = take(1, wire::SetEvents::kNone, 101, wire::SetEvents::kNone);
  order(half);
  EXPECT_EQ(bench_.count(Counter::drop_command), 4u);
  Command former = play(0, true);
  former.play.generation = 9;
  order(former);
  EXPECT_EQ(bench_.count(Counter::drop_command_stale), 1u);
  pass(40);
  EXPECT_TRUE(heard_.empty());
}

}  // namespace
}  // namespace tandem::dataplane
