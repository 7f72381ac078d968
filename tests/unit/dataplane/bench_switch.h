// A dataplane on the bench: real workers, turned by hand, over two ports made of rings whose other
// ends the test holds; main's and the control plane's parts are played by the test.
#pragma once

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <unistd.h>

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/neighbor.h"
#include "dataplane/worker.h"
#include "drivers/port/device.h"
#include "drivers/wire/segment.h"
#include "tests/unit/dataplane/eal_environment.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::dataplane::testing {

class BenchSwitch {
 public:
  explicit BenchSwitch(std::uint32_t workers, std::size_t srtp_sessions = 64)
      : plan_(make_plan(workers)),
        srtp_sessions_(srtp_sessions),
        name_(fmt::format("tandem-bench-{}-{}", getpid(), ++serial())),
        segment_(wire::Segment::open(name_, plan_, wire::Side::kDataplane).value()) {
    for (std::uint16_t i = 0; i < 2; ++i) {
      records_.of_address[i] = &segment_.flow_record({i, 0});
      make_port(i);
    }
    handover_.assign(workers, std::vector<rte_ring*>(workers, nullptr));
    for (std::uint32_t from = 0; from < workers; ++from) {
      for (std::uint32_t to = 0; to < workers; ++to) {
        if (from != to) handover_[from][to] = make_ring(fmt::format("h{}{}", from, to));
      }
    }
    for (std::uint32_t i = 0; i < workers; ++i) make_worker(i);
  }

  ~BenchSwitch() {
    for (auto& seat : seats_) seat->worker.reset();
    devices_.clear();
    for (rte_ring* ring : rings_) {
      void* packet = nullptr;
      while (rte_ring_dequeue(ring, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
      rte_ring_free(ring);
    }
    segment_.leave();
  }

  // The wire: a frame arrives at a queue of a port; the next frame that left by a port.
  void arrive(std::uint16_t port, const Frame& frame, std::uint32_t queue = 0) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool());
    ASSERT_NE(packet, nullptr);
    char* data = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    ASSERT_NE(data, nullptr);
    if (!frame.empty()) std::memcpy(data, frame.data(), frame.size());
    ASSERT_EQ(rte_ring_enqueue(rx_[port][queue], packet), 0);
  }
  std::optional<Frame> depart(std::uint16_t port, std::uint32_t queue = 0) {
    void* object = nullptr;
    if (rte_ring_dequeue(tx_[port][queue], &object) != 0) return std::nullopt;
    auto* packet = static_cast<rte_mbuf*>(object);
    EXPECT_EQ(packet->pkt_len, packet->data_len);
    const auto* data = rte_pktmbuf_mtod(packet, const std::byte*);
    Frame frame(data, data + packet->data_len);
    rte_pktmbuf_free(packet);
    return frame;
  }

  // One turn of every worker, then main's, a millisecond later each time.
  void turn() {
    for (auto& seat : seats_) seat->worker->turn(now_);
    now_ += base::Millis{1};
    NeighborReport reports[64];
    for (auto& seat : seats_) {
      const std::uint32_t count = seat->reports.ring().dequeue(reports);
      for (std::uint32_t i = 0; i < count; ++i) keeper_.hear(reports[i], now_);
    }
    keeper_.turn(now_);
  }
  // The first worker's alone.
  void turn_worker() { seats_[0]->worker->turn(now_ += base::Millis{1}); }
  void turns(int count) {
    for (int i = 0; i < count; ++i) turn();
  }

  wire::ControlEnd& control(std::uint32_t worker = 0) { return seats_[worker]->control; }
  std::uint64_t count(wire::Counter counter, std::uint32_t worker = 0) const {
    return segment_.worker_page(worker).counters.get(counter);
  }
  std::uint64_t count_all(wire::Counter counter) const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < plan_.workers; ++i) sum += count(counter, i);
    return sum;
  }
  const wire::Segment& segment() const { return segment_; }
  base::Nanos now() const { return now_; }

  // Main already knows both far ends.
  void know_far_ends() {
    for (std::uint16_t i = 0; i < 2; ++i) {
      NeighborReport told;
      told.kind = NeighborReport::Kind::kTold;
      told.port = i;
      told.ip = ip(10, 77, static_cast<std::uint8_t>(i + 1), 2);
      told.mac = kFarMac[i];
      keeper_.hear(told, now_);
    }
  }

 private:
  struct Seat {
    RingHome<ReportRing> reports;
    RingHome<OrderRing> orders;
    OrderRing orders_in;
    std::vector<Flow> flows;
    std::vector<SrtpSession> srtp;
    wire::ControlEnd control;
    std::unique_ptr<Worker> worker;
  };

  static int& serial() {
    static int number = 0;
    return number;
  }
  static wire::CorridorPlan make_plan(std::uint32_t workers) {
    wire::CorridorPlan plan;
    plan.workers = workers;
    plan.address_count = 2;
    plan.addresses[0] = base::IpAddress::ip4(10, 77, 1, 1);
    plan.addresses[1] = base::IpAddress::ip4(10, 77, 2, 1);
    return plan;
  }
  rte_ring* make_ring(const std::string& word) {
    rte_ring* ring = rte_ring_create(fmt::format("{}_{}", word, serial()).c_str(), 1024,
                                     SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    EXPECT_NE(ring, nullptr);
    rings_.push_back(ring);
    return ring;
  }
  void make_port(std::uint16_t port) {
    const auto queues = static_cast<std::uint16_t>(plan_.workers);
    for (std::uint16_t queue = 0; queue < queues; ++queue) {
      rx_[port].push_back(make_ring(fmt::format("rx{}{}", port, queue)));
      tx_[port].push_back(make_ring(fmt::format("tx{}{}", port, queue)));
    }
    const std::string name = fmt::format("bench{}_{}", port, serial());
    ASSERT_GE(
        rte_eth_from_rings(name.c_str(), rx_[port].data(), queues, tx_[port].data(), queues, 0), 0);
    port::DeviceSettings settings;
    settings.name = name;
    settings.device = "net_ring_" + name;
    settings.queues = queues;
    auto device = port::Device::open(settings, pool());
    ASSERT_TRUE(device.ok()) << device.error_text();
    ports_[port].device = device->number();
    devices_.push_back(std::move(*device));
  }
  void make_worker(std::uint32_t index) {
    seats_.push_back(std::make_unique<Seat>());
    Seat& seat = *seats_.back();
    seat.flows.resize(FlowTable::places(plan_));
    seat.srtp = std::vector<SrtpSession>(srtp_sessions_);
    seat.orders_in = seat.orders.ring();
    WorkerParts parts;
    parts.index = index;
    parts.cpu = index;
    parts.plan = plan_;
    parts.ports = ports_;
    parts.flow_memory = seat.flows;
    parts.srtp_memory = seat.srtp;
    parts.pool = pool();
    parts.neighbors = neighbors_.get();
    parts.reports = seat.reports.ring();
    parts.orders = seat.orders.ring();
    parts.handover_tx = handover_[index];
    for (const auto& row : handover_) parts.handover_rx.push_back(row[index]);
    parts.channels.push_back(wire::worker_end(segment_.channel(index, 0)));
    parts.channels.back().attach();
    seat.control = wire::control_end(segment_.channel(index, 0));
    seat.control.attach();
    parts.crypto = crypto::IpsecMb::open().value();
    parts.page = &segment_.worker_page(index);
    parts.records = records_;
    parts.sounds = &segment_.sounds();
    seat.worker = std::make_unique<Worker>(std::move(parts));
  }

  wire::CorridorPlan plan_;
  std::size_t srtp_sessions_;
  std::string name_;
  wire::Segment segment_;
  FlowRecords records_;
  std::vector<LocalPort> ports_ = two_ports();
  std::vector<rte_ring*> rings_;
  std::vector<rte_ring*> rx_[2];
  std::vector<rte_ring*> tx_[2];
  std::vector<std::vector<rte_ring*>> handover_;
  std::vector<port::Device> devices_;
  std::unique_ptr<NeighborTable> neighbors_ = std::make_unique<NeighborTable>();
  std::vector<std::unique_ptr<Seat>> seats_;
  NeighborKeeper keeper_{
      *neighbors_, [this](const NeighborOrder& order) { seats_[0]->orders_in.enqueue(order); }};
  base::Nanos now_ = base::Seconds{1000};
};

}  // namespace tandem::dataplane::testing
