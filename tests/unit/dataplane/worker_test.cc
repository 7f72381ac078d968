// A worker's whole turn, stage by stage, over ports made of rings.
#include "dataplane/worker.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/bench_switch.h"
#include "tests/unit/dataplane/payload_key_command.h"
#include "tests/unit/dataplane/suspend_command.h"

namespace tandem::dataplane {
namespace {

using namespace testing;
using wire::Command;
using wire::CommandKind;
using wire::Counter;

const std::uint32_t kFar0 = ip(10, 77, 1, 2);
const std::uint32_t kFar1 = ip(10, 77, 2, 2);
const std::uint32_t kOur0 = ip(10, 77, 1, 1);
const std::uint32_t kOur1 = ip(10, 77, 2, 1);

class WorkerTest : public ::testing::Test {
 protected:
  void bind(const char* local) {
    Command command;
    command.kind = CommandKind::kBindSignal;
    command.bind = {};
    command.bind.local = endpoint(local);
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
  }
  void open(wire::FlowKey key, wire::FlowKey peer, const char* remote,
            wire::FlowGeneration generation, BenchSwitch& bench, std::uint32_t worker = 0,
            wire::PayloadKeyName payload_key = 0) {
    Command command;
    command.kind = CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = key;
    command.open.peer = peer;
    command.open.generation = generation;
    command.open.cookie = generation * 10;
    command.open.remote = endpoint(remote);
    command.open.tos = 0xb8;
    command.open.payload_key = payload_key;
    ASSERT_TRUE(bench.control(worker).commands.enqueue(command));
  }
  void open_pair() {
    open({0, 20000}, {1, 30000}, "10.77.1.2:4000", 1, bench_);
    open({1, 30000}, {0, 20000}, "10.77.2.2:6000", 2, bench_);
    bench_.turn();
  }
  void inject(const char* local, const char* remote, const std::string& text) {
    wire::DatagramHead head;
    head.local = endpoint(local);
    head.remote = endpoint(remote);
    head.tos = 0x60;
    ASSERT_TRUE(bench_.control().inject.write(head, std::as_bytes(std::span(text))));
  }
  std::optional<wire::Event> event() {
    wire::Event out;
    if (bench_.control().events.dequeue(std::span(&out, 1)) != 1) return std::nullopt;
    return out;
  }

  BenchSwitch bench_{1};
  const Way caller_{kFarMac[0], kOurMac[0], kFar0, kOur0, 4000, 20000};
  const Way callee_{kFarMac[1], kOurMac[1], kFar1, kOur1, 6000, 30000};
};

// One party's payloads are encrypted, the other one's aren't: what the one sends is read by the
// other, and back.
TEST_F(WorkerTest, DeciphersAndEnciphersOnTheWay) {
  bench_.know_far_ends();
  for (const auto& command : set_key_commands(7, crypto::PayloadMode::kXor, "k")) {
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
  }
  open({0, 20000}, {1, 30000}, "10.77.1.2:4000", 1, bench_, 0, 7);
  open({1, 30000}, {0, 20000}, "10.77.2.2:6000", 2, bench_);
  bench_.turn();
  const auto plain = rtp(1);
  auto hidden = plain;
  for (std::size_t i = 12; i < hidden.size(); ++i) hidden[i] ^= 'k';
  bench_.arrive(0, udp_frame(caller_, hidden));
  bench_.arrive(1, udp_frame(callee_, plain));
  bench_.turn();
  auto to_callee = bench_.depart(1);
  auto to_caller = bench_.depart(0);
  ASSERT_TRUE(to_callee && to_caller);
  EXPECT_EQ(std::memcmp(payload_of(*to_callee), plain.data(), plain.size()), 0);
  EXPECT_EQ(std::memcmp(payload_of(*to_caller), hidden.data(), hidden.size()), 0);
  EXPECT_TRUE(udp_checksum_right(*to_callee));
  EXPECT_TRUE(udp_checksum_right(*to_caller));
  EXPECT_EQ(bench_.count(Counter::media_deciphered), 1u);
  EXPECT_EQ(bench_.count(Counter::media_enciphered), 1u);
  EXPECT_EQ(bench_.count(Counter::media_relayed), 2u);
}

TEST_F(WorkerTest, AnswersArp) {
  bench_.arrive(0, arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar0, kOur0));
  bench_.turn();
  auto answer = bench_.depart(0);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(arp_of(*answer)->arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REPLY));
  EXPECT_EQ(arp_of(*answer)->arp_data.arp_sip, kOur0);
  EXPECT_FALSE(bench_.depart(1).has_value());
  EXPECT_EQ(bench_.count(Counter::arp_answered), 1u);
  EXPECT_EQ(bench_.count(Counter::rx_packets), 1u);
  EXPECT_EQ(bench_.count(Counter::tx_packets), 1u);
}

TEST_F(WorkerTest, AnswersEcho) {
  bench_.arrive(1, echo_frame(callee_, 56));
  bench_.turn();
  auto answer = bench_.depart(1);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(icmp_checksum_right(*answer));
  EXPECT_TRUE(ip_checksum_right(*answer));
  EXPECT_EQ(ip_of(*answer)->dst_addr, kFar1);
}

TEST_F(WorkerTest, PuntsSignallingOnceItIsBound) {
  Way way = caller_;
  way.from_port = way.to_port = 5060;
  bench_.arrive(0, udp_frame(way, "OPTIONS sip:a SIP/2.0\r\n\r\n"));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_udp_port), 1u);
  bind("10.77.1.1:5060");
  bench_.arrive(0, udp_frame(way, "OPTIONS sip:a SIP/2.0\r\n\r\n"));
  const auto at = bench_.now();
  bench_.turn();
  wire::ByteRing::View view;
  ASSERT_TRUE(bench_.control().punt.front(view));
  EXPECT_EQ(view.head.remote, endpoint("10.77.1.2:5060"));
  EXPECT_EQ(view.head.at_ns, at.count());
  EXPECT_EQ(view.payload.size(), 25u);
  EXPECT_EQ(bench_.count(Counter::signal_punted), 1u);
}

// Nothing of its signalling goes up; whoever else there is, and its media, are none the worse.
TEST_F(WorkerTest, DropsTheSignallingOfTheSuspended) {
  open_pair();
  bench_.know_far_ends();
  bind("10.77.1.1:5060");
  const auto until = bench_.now() + base::Millis{20};
  ASSERT_TRUE(bench_.control().commands.enqueue(suspend_command("10.77.1.2", until)));
  Way way = caller_;
  way.from_port = way.to_port = 5060;
  Way other = way;
  other.from_ip = ip(10, 77, 1, 3);
  for (const Way& from : {way, other, way}) {
    bench_.arrive(0, udp_frame(from, "OPTIONS sip:a SIP/2.0\r\n\r\n"));
  }
  for (const Frame& piece : pieces_of(udp_frame(way, std::string(3000, 'x')), 1, 1480)) {
    bench_.arrive(0, piece);
  }
  bench_.arrive(0, udp_frame(caller_, rtp(1, 0, 1, 160)));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_suspended), 2u + 3u);
  EXPECT_EQ(bench_.count(Counter::signal_punted), 1u);
  wire::ByteRing::View view;
  ASSERT_TRUE(bench_.control().punt.front(view));
  EXPECT_EQ(view.head.remote, endpoint("10.77.1.3:5060"));
  EXPECT_EQ(bench_.count(Counter::media_relayed), 1u);
  EXPECT_EQ(bench_.count(Counter::datagrams_reassembled), 0u);
  while (bench_.now() < until) bench_.turn();
  bench_.arrive(0, udp_frame(way, "OPTIONS sip:a SIP/2.0\r\n\r\n"));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::signal_punted), 2u);
}

// Each worker has a table of its own; fragments that came by another's queue meet the same end.
TEST_F(WorkerTest, EveryWorkerDropsTheSuspended) {
  BenchSwitch bench(2);
  for (const std::uint32_t worker : {0u, 1u}) {
    Command command;
    command.kind = CommandKind::kBindSignal;
    command.bind = {};
    command.bind.local = endpoint("10.77.1.1:5060");
    ASSERT_TRUE(bench.control(worker).commands.enqueue(command));
    ASSERT_TRUE(bench.control(worker).commands.enqueue(
        suspend_command("10.77.1.2", bench.now() + base::Seconds{60})));
  }
  Way way = caller_;
  way.from_port = way.to_port = 5060;
  for (std::uint16_t id = 0; id < 10; ++id) {
    bench.arrive(0, udp_frame(way, "OPTIONS sip:a SIP/2.0\r\n\r\n"), id % 2u);
    for (const Frame& piece : pieces_of(udp_frame(way, std::string(3000, 'x')), id, 1480)) {
      bench.arrive(0, piece, id / 2 % 2u);
    }
  }
  bench.turns(2);
  EXPECT_EQ(bench.count_all(Counter::drop_suspended), 10u + 30u);
  EXPECT_GT(bench.count(Counter::drop_suspended, 0), 5u);
  EXPECT_GT(bench.count(Counter::drop_suspended, 1), 5u);
  EXPECT_GT(bench.count_all(Counter::handed_over), 0u);
  EXPECT_EQ(bench.count_all(Counter::signal_punted), 0u);
}

TEST_F(WorkerTest, InjectsSignalling) {
  bench_.know_far_ends();
  const std::string text = "SIP/2.0 200 OK\r\n\r\n";
  inject("10.77.2.1:5060", "10.77.2.2:5070", text);
  bench_.turn();
  auto frame = bench_.depart(1);
  ASSERT_TRUE(frame.has_value());
  EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(*frame)->dst_addr, &kFarMac[1]));
  EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(*frame)->src_addr, &kOurMac[1]));
  EXPECT_TRUE(ip_checksum_right(*frame));
  EXPECT_TRUE(udp_checksum_right(*frame));
  EXPECT_EQ(ip_of(*frame)->type_of_service, 0x60);
  EXPECT_EQ(udp_of(*frame)->dst_port, rte_cpu_to_be_16(5070));
  EXPECT_EQ(std::memcmp(payload_of(*frame), text.data(), text.size()), 0);
  inject("10.99.9.9:5060", "10.77.2.2:5070", text);
  inject("10.77.2.1:5060", "192.0.2.1:5070", text);
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_inject_address), 1u);
  EXPECT_EQ(bench_.count(Counter::drop_no_route), 1u);
}

TEST_F(WorkerTest, RelaysBothWaysWithRightChecksums) {
  bench_.know_far_ends();
  open_pair();
  for (std::uint16_t i = 0; i < 200; ++i) {
    const auto there = rtp(i, i * 160u, 1);
    const auto back = rtp(static_cast<std::uint16_t>(i + 500), i * 160u, 2);
    bench_.arrive(0, udp_frame(caller_, there));
    bench_.arrive(1, udp_frame(callee_, back, i % 2 == 0));
    bench_.turn();
    auto to_callee = bench_.depart(1);
    auto to_caller = bench_.depart(0);
    ASSERT_TRUE(to_callee.has_value() && to_caller.has_value());
    for (Frame* frame : {&*to_callee, &*to_caller}) {
      ASSERT_TRUE(ip_checksum_right(*frame));
      ASSERT_EQ(ip_of(*frame)->type_of_service, 0xb8);
    }
    ASSERT_TRUE(udp_checksum_right(*to_callee));
    ASSERT_EQ(udp_of(*to_caller)->dgram_cksum == 0, i % 2 != 0);
    ASSERT_EQ(std::memcmp(payload_of(*to_callee), there.data(), there.size()), 0);
    ASSERT_EQ(std::memcmp(payload_of(*to_caller), back.data(), back.size()), 0);
    ASSERT_EQ(ip_of(*to_callee)->dst_addr, kFar1);
    ASSERT_EQ(udp_of(*to_callee)->src_port, rte_cpu_to_be_16(30000));
    ASSERT_TRUE(rte_is_same_ether_addr(&ether_of(*to_caller)->dst_addr, &kFarMac[0]));
  }
  EXPECT_EQ(bench_.count(Counter::media_relayed), 400u);
  EXPECT_EQ(bench_.count(Counter::flows_latched), 2u);
}

TEST_F(WorkerTest, CountsAFaxApart) {
  bench_.know_far_ends();
  open_pair();
  for (const wire::FlowKey key : {wire::FlowKey{0, 20000}, wire::FlowKey{1, 30000}}) {
    Command command;
    command.kind = CommandKind::kUpdateFlow;
    command.update = {};
    command.update.key = key;
    command.update.kind = wire::FlowKind::kOpaque;
    command.update.generation = key.address + 1;
    command.update.remote = endpoint(key.address == 0 ? "10.77.1.2:4000" : "10.77.2.2:6000");
    ASSERT_TRUE(bench_.control().commands.enqueue(command));
  }
  bench_.turn();
  bench_.arrive(0, udp_frame(caller_, "\x01\x02 udptl"));
  bench_.arrive(1, udp_frame(callee_, "\x03\x04 udptl"));
  bench_.turn();
  EXPECT_TRUE(bench_.depart(0).has_value());
  EXPECT_TRUE(bench_.depart(1).has_value());
  EXPECT_EQ(bench_.count(Counter::media_opaque_relayed), 2u);
  EXPECT_EQ(bench_.count(Counter::media_relayed), 0u);
}

TEST_F(WorkerTest, TellsOfLatchAndEnd) {
  bench_.know_far_ends();
  open_pair();
  Way natted = caller_;
  natted.from_port = 4444;
  bench_.arrive(0, udp_frame(natted, rtp(1)));
  bench_.arrive(0, udp_frame(natted, rtp(2)));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_media_unproven), 1u) << "one packet is no stream";
  const auto latched = event();
  ASSERT_TRUE(latched.has_value());
  EXPECT_EQ(latched->kind, wire::EventKind::kFlowLatched);
  EXPECT_EQ(latched->latched.source, endpoint("10.77.1.2:4444"));
  EXPECT_EQ(latched->latched.cookie, 10u);
  bench_.arrive(1, udp_frame(callee_, rtp(1)));
  bench_.turn();
  auto back = bench_.depart(0);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(udp_of(*back)->dst_port, rte_cpu_to_be_16(4444)) << "to where it came from";
  event();
  Command command;
  command.kind = CommandKind::kCloseFlow;
  command.close = {};
  command.close.key = {0, 20000};
  command.close.generation = 1;
  ASSERT_TRUE(bench_.control().commands.enqueue(command));
  bench_.turn();
  const auto closed = event();
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->kind, wire::EventKind::kFlowClosed);
  EXPECT_EQ(closed->closed.figures.packets, 1u);
  EXPECT_EQ(closed->closed.figures.relayed, 1u);
  bench_.arrive(1, udp_frame(callee_, rtp(2)));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_media_peer_closed), 1u);
}

TEST_F(WorkerTest, RefusesStrangers) {
  bench_.know_far_ends();
  open_pair();
  Way stranger = caller_;
  stranger.from_ip = ip(10, 77, 1, 66);
  bench_.arrive(0, udp_frame(stranger, rtp(1)));
  bench_.arrive(0, udp_frame(caller_, rtp(1)));
  bench_.arrive(0, udp_frame(caller_, rtp(2)));
  Way late = caller_;
  late.from_port = 4001;
  bench_.arrive(0, udp_frame(late, rtp(3)));
  bench_.turn();
  EXPECT_EQ(bench_.count(Counter::drop_media_stranger), 2u);
  EXPECT_TRUE(bench_.depart(1).has_value());
  EXPECT_TRUE(bench_.depart(1).has_value());
  EXPECT_FALSE(bench_.depart(1).has_value());
}

TEST_F(WorkerTest, KeepsPacketsWhileTheNextHopIsFound) {
  bind("10.77.1.1:5060");
  for (int i = 0; i < 5; ++i) {
    inject("10.77.1.1:5060", "192.0.2.9:5060", "datagram " + std::to_string(i));
  }
  bench_.turns(2);
  auto request = bench_.depart(0);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(arp_of(*request)->arp_opcode, rte_cpu_to_be_16(RTE_ARP_OP_REQUEST));
  EXPECT_EQ(arp_of(*request)->arp_data.arp_tip, ip(10, 77, 1, 254)) << "the gateway";
  EXPECT_FALSE(bench_.depart(0).has_value()) << "one question is enough";
  EXPECT_EQ(bench_.count(Counter::waited_for_neighbor), 5u);
  const rte_ether_addr gateway{{2, 0, 0, 0, 1, 9}};
  bench_.arrive(0, arp_frame(RTE_ARP_OP_REPLY, gateway, ip(10, 77, 1, 254), kOur0));
  bench_.turns(2);
  for (int i = 0; i < 5; ++i) {
    auto frame = bench_.depart(0);
    ASSERT_TRUE(frame.has_value()) << i;
    EXPECT_TRUE(rte_is_same_ether_addr(&ether_of(*frame)->dst_addr, &gateway));
    EXPECT_EQ(static_cast<char>(payload_of(*frame)[9]), '0' + i) << "in order";
  }
}

TEST_F(WorkerTest, GivesUpOnSilentNeighboursAndBoundsTheRoom) {
  for (int i = 0; i < 80; ++i) inject("10.77.1.1:5060", "10.77.1.99:5060", "x");
  bench_.turns(3100);
  EXPECT_EQ(bench_.count(Counter::drop_neighbor_queue_full), 16u);
  EXPECT_EQ(bench_.count(Counter::drop_neighbor_silent), 64u);
  EXPECT_EQ(bench_.count(Counter::arp_asked), 3u);
  inject("10.77.1.1:5060", "10.77.1.99:5060", "again");
  bench_.turns(3);
  EXPECT_EQ(bench_.count(Counter::arp_asked), 4u) << "asked again on demand";
}

TEST_F(WorkerTest, OpeningAFlowFindsItsNextHopEarly) {
  open_pair();
  bench_.turns(2);
  EXPECT_TRUE(bench_.depart(0).has_value());
  EXPECT_TRUE(bench_.depart(1).has_value());
  EXPECT_EQ(bench_.count(Counter::arp_asked), 2u);
}

TEST_F(WorkerTest, CutsThePaddingOfShortFrames) {
  bench_.know_far_ends();
  open_pair();
  Frame frame = udp_frame(caller_, rtp(1, 0, 1, 0));
  frame.resize(60);
  bench_.arrive(0, frame);
  bench_.turn();
  auto out = bench_.depart(1);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->size(), kUdpFrameBytes + 12);
}

TEST_F(WorkerTest, ShowsItselfOnceASecond) {
  bench_.know_far_ends();
  open_pair();
  bench_.arrive(0, udp_frame(caller_, rtp(1)));
  bench_.turns(1100);
  wire::WorkerRecord worker;
  ASSERT_TRUE(bench_.segment().worker_page(0).record.read(worker));
  EXPECT_EQ(worker.flows, 2u);
  EXPECT_GE(worker.turns, 1000u);
  EXPECT_GE(worker.busy_turns, 2u);
  EXPECT_LT(worker.busy_ns, worker.total_ns);
  wire::FlowRecord flow;
  ASSERT_TRUE(bench_.segment().flow_record({0, 20000}).read(flow));
  EXPECT_EQ(flow.generation, 1u);
  EXPECT_EQ(flow.latched, 1);
  EXPECT_EQ(flow.figures.packets, 1u);
}

TEST_F(WorkerTest, SurvivesGarbageFromEverySide) {
  bench_.know_far_ends();
  bind("10.77.1.1:5060");
  open_pair();
  std::mt19937 engine(5);
  const auto random = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(engine()) % below;
  };
  const Frame seeds[] = {udp_frame(caller_, rtp(1)), echo_frame(caller_, 40),
                         arp_frame(RTE_ARP_OP_REQUEST, kFarMac[0], kFar0, kOur0),
                         udp_frame({kFarMac[0], kOurMac[0], kFar0, kOur0, 5060, 5060}, "INVITE")};
  for (int i = 0; i < 20000; ++i) {
    Frame frame = seeds[random(4)];
    frame.resize(random(2) == 0 ? frame.size() : random(static_cast<std::uint32_t>(frame.size())));
    for (std::uint32_t k = random(4); k != 0 && !frame.empty(); --k) {
      frame[random(static_cast<std::uint32_t>(frame.size()))] = static_cast<std::byte>(random(256));
    }
    // Reaches past the IPv4 checksum half of the time (DPDK's function believes the header length).
    const bool whole = frame.size() >= kEtherBytes + kIp4Bytes;
    if (whole && (ip_of(frame)->version_ihl & 15) == 5 && random(2) == 0) sign_ip(frame);
    bench_.arrive(static_cast<std::uint16_t>(random(2)), frame);
    Command command;
    for (auto& octet : command.raw) octet = static_cast<std::uint8_t>(random(256));
    command.kind = static_cast<CommandKind>(random(6));
    bench_.control().commands.enqueue(command);
    wire::DatagramHead head;
    auto* raw = reinterpret_cast<std::uint8_t*>(&head);
    for (std::size_t k = 0; k < sizeof head; ++k) raw[k] = static_cast<std::uint8_t>(random(256));
    bench_.control().inject.write(head, std::as_bytes(std::span(frame)));
    bench_.turn();
    while (bench_.depart(0) || bench_.depart(1)) {
    }
    wire::ByteRing::View view;
    while (bench_.control().punt.front(view)) bench_.control().punt.pop();
  }
  EXPECT_EQ(bench_.count(Counter::rx_packets), 20000u);
  EXPECT_GT(bench_.count(Counter::drop_command), 1000u);
  EXPECT_GT(bench_.count(Counter::drop_inject_address), 10000u);
  EXPECT_EQ(bench_.count(Counter::drop_corridor_fault), 0u);
}

TEST_F(WorkerTest, AnotherWorkersMediaIsHandedOver) {
  BenchSwitch two(2);
  two.know_far_ends();
  // Pair 10001 belongs to worker 1; its packets come to worker 0's queue.
  open({0, 20002}, {1, 30002}, "10.77.1.2:4000", 1, two, 1);
  open({1, 30002}, {0, 20002}, "10.77.2.2:6000", 2, two, 1);
  two.turn();
  Way way = caller_;
  way.to_port = 20002;
  for (std::uint16_t i = 0; i < 10; ++i) two.arrive(0, udp_frame(way, rtp(i)), 0);
  two.turns(2);
  for (int i = 0; i < 10; ++i) {
    auto frame = two.depart(1, 1);
    ASSERT_TRUE(frame.has_value());
    EXPECT_TRUE(udp_checksum_right(*frame));
  }
  EXPECT_EQ(two.count(Counter::handed_over, 0), 10u);
  EXPECT_EQ(two.count(Counter::media_relayed, 1), 10u);
  EXPECT_EQ(two.count_all(Counter::rx_packets), 10u) << "counted once";
  way.to_port = 20006;
  two.arrive(0, udp_frame(way, rtp(1)), 0);
  two.turns(2);
  EXPECT_EQ(two.count(Counter::drop_udp_port, 1), 1u);
}

}  // namespace
}  // namespace tandem::dataplane
