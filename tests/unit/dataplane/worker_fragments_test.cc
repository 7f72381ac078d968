// A worker's whole turn where datagrams come and leave in fragments.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/bench_switch.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Counter;

const Way kWay{kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1), 5070, 5060};

class WorkerFragmentsTest : public ::testing::Test {
 protected:
  static void bind(BenchSwitch& bench, std::uint32_t workers) {
    wire::Command command;
    command.kind = wire::CommandKind::kBindSignal;
    command.bind = {};
    command.bind.local = endpoint("10.77.1.1:5060");
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      ASSERT_TRUE(bench.control(worker).commands.enqueue(command));
    }
    bench.know_far_ends();
    bench.turn();
  }
  static std::vector<std::uint8_t> text(std::size_t octets) {
    std::mt19937 engine(static_cast<unsigned>(octets));
    std::vector<std::uint8_t> out(octets);
    for (auto& octet : out) octet = static_cast<std::uint8_t>(engine());
    return out;
  }
  static std::optional<std::vector<std::uint8_t>> punted(BenchSwitch& bench,
                                                         std::uint32_t worker = 0) {
    wire::ByteRing::View view;
    if (!bench.control(worker).punt.front(view)) return std::nullopt;
    EXPECT_EQ(view.head.remote, endpoint("10.77.1.2:5070"));
    EXPECT_EQ(view.head.local, endpoint("10.77.1.1:5060"));
    const auto* data = reinterpret_cast<const std::uint8_t*>(view.payload.data());
    std::vector<std::uint8_t> out(data, data + view.payload.size());
    bench.control(worker).punt.pop();
    return out;
  }
  static bool inject(BenchSwitch& bench, const std::vector<std::uint8_t>& payload) {
    wire::DatagramHead head;
    head.local = endpoint("10.77.1.1:5060");
    head.remote = endpoint("10.77.1.2:5070");
    head.tos = 0x60;
    return bench.control().inject.write(head, std::as_bytes(std::span(payload)));
  }
};

TEST_F(WorkerFragmentsTest, ALargeDatagramGoesUpWhole) {
  BenchSwitch bench(1);
  bind(bench, 1);
  for (const std::size_t octets : {std::size_t{1473}, std::size_t{6000}, kUdpPayloadMax}) {
    const auto sent = text(octets);
    auto pieces = pieces_of(udp_frame(kWay, sent), static_cast<std::uint16_t>(octets), 1480);
    std::reverse(pieces.begin(), pieces.end());
    for (const Frame& piece : pieces) bench.arrive(0, piece);
    bench.turns(2);
    EXPECT_EQ(punted(bench), sent);
  }
  EXPECT_EQ(bench.count(Counter::datagrams_reassembled), 3u);
  EXPECT_EQ(bench.count(Counter::signal_punted), 3u);
}

TEST_F(WorkerFragmentsTest, WholeDatagramsAreSeenLikeAnyOther) {
  BenchSwitch bench(1);
  bind(bench, 1);
  Frame broken = udp_frame(kWay, text(3000));
  broken.back() ^= std::byte{1};
  for (const Frame& piece : pieces_of(broken, 1, 1480)) bench.arrive(0, piece);
  Way way = kWay;
  way.to_port = 5061;
  for (const Frame& piece : pieces_of(udp_frame(way, text(3000)), 2, 1480)) bench.arrive(0, piece);
  wire::Command command;
  command.kind = wire::CommandKind::kOpenFlow;
  command.open = {};
  command.open.key = {0, 20000};
  command.open.peer = {1, 30000};
  command.open.generation = 1;
  command.open.remote = endpoint("10.77.1.2:5070");
  ASSERT_TRUE(bench.control().commands.enqueue(command));
  way.to_port = 20000;
  for (const Frame& piece : pieces_of(udp_frame(way, rtp(1, 0, 1, 3000)), 3, 1480)) {
    bench.arrive(0, piece);
  }
  bench.turns(2);
  EXPECT_EQ(bench.count(Counter::datagrams_reassembled), 3u);
  EXPECT_EQ(bench.count(Counter::drop_udp_checksum), 1u);
  EXPECT_EQ(bench.count(Counter::drop_udp_port), 1u);
  EXPECT_EQ(bench.count(Counter::drop_media_fragment), 1u);
  EXPECT_FALSE(punted(bench).has_value());
}

TEST_F(WorkerFragmentsTest, UnfinishedDatagramsAreGivenUp) {
  BenchSwitch bench(1);
  bind(bench, 1);
  const auto pieces = pieces_of(udp_frame(kWay, text(6000)), 1, 1480);
  for (std::size_t i = 1; i < pieces.size(); ++i) bench.arrive(0, pieces[i]);
  bench.turns(2100);
  EXPECT_EQ(bench.count(Counter::drop_fragment_timeout), 1u);
  bench.arrive(0, pieces[0]);
  bench.turn();
  EXPECT_FALSE(punted(bench).has_value());
}

TEST_F(WorkerFragmentsTest, PiecesMeetWhicheverQueueTheyComeBy) {
  BenchSwitch bench(2);
  bind(bench, 2);
  for (std::uint16_t id = 0; id < 20; ++id) {
    const auto sent = text(5000u + id);
    std::uint32_t queue = 0;
    for (const Frame& piece : pieces_of(udp_frame(kWay, sent), id, 1480)) {
      bench.arrive(0, piece, queue);
      queue = 1 - queue;
    }
    bench.turns(2);
    auto found = punted(bench, 0);
    if (!found) found = punted(bench, 1);
    EXPECT_EQ(found, sent);
  }
  EXPECT_EQ(bench.count(Counter::datagrams_reassembled, 0), 10u);
  EXPECT_EQ(bench.count(Counter::datagrams_reassembled, 1), 10u);
  EXPECT_EQ(bench.count_all(Counter::handed_over), 40u);
}

TEST_F(WorkerFragmentsTest, ALargeDatagramLeavesInFragments) {
  BenchSwitch bench(1);
  bind(bench, 1);
  wire::CounterBlock counters;
  Fragments far_end(counters);
  std::optional<std::uint16_t> last_id;
  for (const std::size_t octets : {std::size_t{1473}, std::size_t{6000}, kUdpPayloadMax}) {
    const auto sent = text(octets);
    ASSERT_TRUE(inject(bench, sent));
    bench.turn();
    Frame whole;
    while (auto frame = bench.depart(0)) {
      ASSERT_TRUE(whole.empty());
      ASSERT_LE(frame->size(), 1514u);
      ASSERT_TRUE(ip_checksum_right(*frame));
      ASSERT_TRUE(rte_is_same_ether_addr(&ether_of(*frame)->dst_addr, &kFarMac[0]));
      Ip4Packet packet;
      ASSERT_FALSE(parse_ip4(*frame, packet));
      ASSERT_TRUE(packet.is_fragment());
      const std::uint16_t id = rte_be_to_cpu_16(packet.ip->packet_id);
      if (packet.fragment_offset() == 0) {
        EXPECT_NE(std::optional(id), last_id);
        last_id = id;
      }
      EXPECT_EQ(id, *last_id);
      const Bytes done = far_end.add(packet, bench.now());
      whole.assign(done.begin(), done.end());
    }
    ASSERT_EQ(whole.size(), kUdpFrameBytes + octets);
    EXPECT_TRUE(udp_checksum_right(whole));
    EXPECT_EQ(ip_of(whole)->type_of_service, 0x60);
    EXPECT_EQ(std::memcmp(payload_of(whole), sent.data(), octets), 0);
  }
  EXPECT_EQ(bench.count(Counter::signal_injected), 3u);
  EXPECT_EQ(bench.count(Counter::fragments_sent), 2u + 5u + 45u);
  ASSERT_TRUE(inject(bench, text(1472)));
  bench.turn();
  auto frame = bench.depart(0);
  ASSERT_TRUE(frame.has_value());
  Ip4Packet packet;
  ASSERT_FALSE(parse_ip4(*frame, packet));
  EXPECT_FALSE(packet.is_fragment()) << "what fits isn't cut";
}

TEST_F(WorkerFragmentsTest, MoreThanUdpTakesIsRefused) {
  BenchSwitch bench(1);
  bind(bench, 1);
  ASSERT_TRUE(inject(bench, text(kUdpPayloadMax + 1)));
  bench.turn();
  EXPECT_FALSE(bench.depart(0).has_value());
  EXPECT_EQ(bench.count(Counter::drop_inject_size), 1u);
}

TEST_F(WorkerFragmentsTest, AnEmptyPoolSendsNoHalfDatagram) {
  BenchSwitch bench(1);
  bind(bench, 1);
  std::vector<rte_mbuf*> taken;
  while (rte_mempool_avail_count(pool()) > 20) taken.push_back(rte_pktmbuf_alloc(pool()));
  ASSERT_TRUE(inject(bench, text(60000)));
  bench.turn();
  EXPECT_FALSE(bench.depart(0).has_value());
  EXPECT_EQ(bench.count(Counter::drop_no_buffer), 1u);
  EXPECT_EQ(bench.count(Counter::signal_injected), 0u);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
}

}  // namespace
}  // namespace tandem::dataplane
