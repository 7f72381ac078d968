// DTLS on media ports: up to the control plane from whom a flow takes packets, and down again.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/dtls_gate.h"
#include "tests/unit/dataplane/bench_switch.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Command;
using wire::CommandKind;
using wire::Counter;

constexpr std::uint16_t kOwnPort = 20000;

// The caller's RTP flow: 10.77.1.2:4000 by port 20000.
class WorkerDtlsTest : public ::testing::Test {
 protected:
  void SetUp() override { bench_.know_far_ends(); }

  void open(wire::Protection protection, wire::FlowKind kind = wire::FlowKind::kRtp) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = {0, kOwnPort};
    command.open.peer = {1, 30000};
    command.open.generation = ++generation_;
    command.open.kind = kind;
    command.open.remote = endpoint("10.77.1.2:4000");
    command.open.protection = protection;
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
    bench_.turn();
  }
  static Way way(std::uint8_t host = 2, std::uint16_t port = 4000) {
    return {kFarMac[0], kOurMac[0], ip(10, 77, 1, host), ip(10, 77, 1, 1), port, kOwnPort};
  }
  void arrive(const std::vector<std::uint8_t>& payload, Way from = way()) {
    bench_.arrive(0, udp_frame(from, payload));
    bench_.turn();
  }
  std::optional<wire::DatagramHead> up() {
    wire::ByteRing::View view;
    if (!bench_.control().punt.front(view)) return std::nullopt;
    last_ = {reinterpret_cast<const char*>(view.payload.data()), view.payload.size()};
    const wire::DatagramHead head = view.head;
    bench_.control().punt.pop();
    return head;
  }

  BenchSwitch bench_{1};
  wire::FlowGeneration generation_ = 0;
  std::string last_;
};

const std::vector<std::uint8_t> kHello{22, 254, 253, 0, 0, 1};

TEST_F(WorkerDtlsTest, GoesUpAndTeachesTheLatchNothing) {
  open(wire::Protection::kSrtp);
  arrive(kHello, way(2, 4444));
  const auto head = up();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->kind, wire::DatagramKind::kDtls);
  EXPECT_EQ(head->local, endpoint("10.77.1.1:20000"));
  EXPECT_EQ(head->remote, endpoint("10.77.1.2:4444"));
  EXPECT_EQ(last_, std::string(kHello.begin(), kHello.end()));
  EXPECT_EQ(bench_.count(Counter::dtls_punted), 1u);
  EXPECT_EQ(bench_.count(Counter::flows_latched), 0u);
  EXPECT_EQ(bench_.count(Counter::signal_punted), 0u);
}

TEST_F(WorkerDtlsTest, OnRtcpsOwnPortToo) {
  open(wire::Protection::kSrtp, wire::FlowKind::kRtcp);
  arrive(kHello);
  EXPECT_TRUE(up());
}

TEST_F(WorkerDtlsTest, AStrangersIsDropped) {
  open(wire::Protection::kSrtp);
  arrive(kHello, way(3));
  EXPECT_FALSE(up());
  EXPECT_EQ(bench_.count(Counter::drop_media_stranger), 1u);
}

TEST_F(WorkerDtlsTest, OnlyWhatRfc7983CallsDtls) {
  open(wire::Protection::kSrtp);
  for (const int first : {0, 1, 19, 64, 127, 192, 255}) {
    arrive({static_cast<std::uint8_t>(first), 254, 253, 0, 0, 1});
    EXPECT_FALSE(up()) << first;
  }
  arrive({});
  EXPECT_FALSE(up());
  EXPECT_EQ(bench_.count(Counter::drop_media_not_rtp), 8u);
  for (const int first : {20, 25, 63}) {
    arrive({static_cast<std::uint8_t>(first)});
    EXPECT_TRUE(up()) << first;
  }
}

TEST_F(WorkerDtlsTest, WhereThereIsNoSrtpItIsNothing) {
  open(wire::Protection::kNone);
  arrive(kHello);
  EXPECT_FALSE(up());
  EXPECT_EQ(bench_.count(Counter::drop_media_not_rtp), 1u);
  open(wire::Protection::kSrtp, wire::FlowKind::kOpaque);
  arrive(kHello);
  EXPECT_FALSE(up()) << "a fax may begin with any octet";
}

TEST_F(WorkerDtlsTest, AFlowHasSoManyASecond) {
  open(wire::Protection::kSrtp);
  const auto flood = [this] {
    std::uint32_t passed = 0;
    for (std::uint32_t i = 0; i < DtlsGate::kOfFlow + 10; ++i) {
      bench_.arrive(0, udp_frame(way(), kHello));
      if (i % 16 == 0) bench_.turn_worker();
    }
    bench_.turn_worker();
    while (up()) ++passed;
    return passed;
  };
  EXPECT_EQ(flood(), DtlsGate::kOfFlow);
  EXPECT_EQ(bench_.count(Counter::drop_dtls_flood), 10u);
  bench_.turns(1000);
  EXPECT_EQ(flood(), DtlsGate::kOfFlow);
}

TEST_F(WorkerDtlsTest, AllFlowsTogetherLikewise) {
  DtlsGate gate;
  std::uint32_t passed = 0;
  for (int flow = 0; flow < 1000; ++flow) {
    DtlsCount count;
    for (std::uint32_t i = 0; i < DtlsGate::kOfFlow; ++i) {
      passed += gate.passes(count, base::Seconds{7}) ? 1 : 0;
    }
  }
  EXPECT_EQ(passed, DtlsGate::kOfAll);
  DtlsCount count;
  EXPECT_TRUE(gate.passes(count, base::Seconds{8}));
}

TEST_F(WorkerDtlsTest, ABrokenChecksumIsNotBelieved) {
  open(wire::Protection::kSrtp);
  Frame frame = udp_frame(way(), kHello);
  payload_of(frame)[3] ^= std::byte{1};
  bench_.arrive(0, frame);
  bench_.turn();
  EXPECT_FALSE(up());
  EXPECT_EQ(bench_.count(Counter::drop_udp_checksum), 1u);
}

// A certificate of RSA's size, from a peer that sends larger datagrams than its link takes.
TEST_F(WorkerDtlsTest, InFragmentsItGoesUpWhole) {
  open(wire::Protection::kSrtp);
  std::vector<std::uint8_t> flight(3000, 7);
  flight[0] = 22;
  for (const Frame& piece : pieces_of(udp_frame(way(), flight), 1, 1480)) bench_.arrive(0, piece);
  bench_.turn();
  const auto head = up();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->kind, wire::DatagramKind::kDtls);
  EXPECT_EQ(last_.size(), flight.size());
  EXPECT_EQ(bench_.count(Counter::dtls_punted), 1u);
  // Media isn't put together.
  flight[0] = 0x80;
  for (const Frame& piece : pieces_of(udp_frame(way(), flight), 2, 1480)) bench_.arrive(0, piece);
  bench_.turn();
  EXPECT_FALSE(up());
  EXPECT_EQ(bench_.count(Counter::drop_media_fragment), 1u);
}

TEST_F(WorkerDtlsTest, WhatTheControlPlaneSaysLeavesFromTheMediaPort) {
  wire::DatagramHead head;
  head.local = endpoint("10.77.1.1:20000");
  head.remote = endpoint("10.77.1.2:4000");
  head.tos = 0xb8;
  head.kind = wire::DatagramKind::kDtls;
  ASSERT_TRUE(bench_.control().inject.write(head, std::as_bytes(std::span(kHello))));
  bench_.turn();
  auto frame = bench_.depart(0);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(udp_checksum_right(*frame));
  EXPECT_EQ(frame->size(), kUdpFrameBytes + kHello.size());
  EXPECT_EQ(std::memcmp(payload_of(*frame), kHello.data(), kHello.size()), 0);
  EXPECT_EQ(bench_.count(Counter::dtls_injected), 1u);
  EXPECT_EQ(bench_.count(Counter::signal_injected), 0u);
}

}  // namespace
}  // namespace tandem::dataplane
