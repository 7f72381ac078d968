#include "dataplane/engine.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <utility>

#include "drivers/base/log.h"
#include "drivers/base/random.h"
#include "drivers/port/pool.h"

namespace tandem::dataplane {
namespace {

constexpr base::Nanos kKeeperEvery = base::Millis{20};
constexpr base::Nanos kWatchEvery = base::Seconds{1};
constexpr std::size_t kReportsAtOnce = 64;

// Worker i runs on lcore i + 1; lcore 0 is main's.
unsigned lcore_of(std::size_t worker) { return static_cast<unsigned>(worker) + 1; }

}  // namespace

Engine::Engine(const BootPlan& plan, wire::Segment& segment)
    : plan_(plan),
      segment_(segment),
      seats_(plan.corridor.plan.workers),
      // The first worker asks for all: ARP is little work.
      keeper_(neighbors_, [this](const NeighborOrder& order) { seats_[0].orders.enqueue(order); }) {
  for (Seat& seat : seats_) {
    seat.reports = seat.report_home.ring();
    seat.orders = seat.order_home.ring();
    seat.engine = this;
  }
  for (std::uint16_t i = 0; i < plan.corridor.plan.address_count; ++i) {
    records_.of_address[i] = &segment.flow_record({i, 0});
  }
}

base::Result<std::unique_ptr<Engine>> Engine::make(const BootPlan& plan, wire::Segment& segment) {
  std::unique_ptr<Engine> engine(new Engine(plan, segment));
  std::uint32_t mtu_max = 0;
  for (const PortPlan& port : plan.ports) mtu_max = std::max<std::uint32_t>(mtu_max, port.mtu);
  auto pool = port::make_pool(port::pool_size(static_cast<std::uint32_t>(plan.ports.size()),
                                              plan.corridor.plan.workers, mtu_max));
  if (!pool) return std::move(pool).take_error();
  engine->pool_ = *pool;
  if (auto done = engine->open_ports(); !done) return std::move(done).take_error();
  if (auto done = engine->make_handover_rings(); !done) return std::move(done).take_error();
  if (auto done = engine->make_workers(); !done) return std::move(done).take_error();
  engine->forget_former_flows();
  return engine;
}

Engine::~Engine() {
  stop_.store(true, std::memory_order_relaxed);
  for (std::size_t i = 0; i < seats_.size(); ++i) rte_eal_wait_lcore(lcore_of(i));
  for (Seat& seat : seats_) {
    seat.worker.reset();  // gives its packets back
    rte_free(seat.flows);
    rte_free(seat.srtp);
  }
  for (auto& row : handover_) {
    for (rte_ring* ring : row) {
      void* packet = nullptr;
      while (ring != nullptr && rte_ring_dequeue(ring, &packet) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
      }
      rte_ring_free(ring);
    }
  }
  devices_.clear();
  port::free_pool(pool_);
}

base::Result<void> Engine::open_ports() {
  devices_.reserve(plan_.ports.size());
  for (const PortPlan& port : plan_.ports) {
    port::DeviceSettings settings;
    settings.name = port.name;
    settings.device = port.device;
    settings.mtu = port.mtu;
    settings.queues = static_cast<std::uint16_t>(plan_.corridor.plan.workers);
    auto device = port::Device::open(settings, pool_);
    if (!device) return std::move(device).take_error();
    LocalPort local;
    local.device = device->number();
    local.mtu = port.mtu;
    local.mac = device->mac();
    local.network = port.network;
    local.gateway = port.gateway;
    local_ports_.push_back(local);
    link_up_.push_back(device->link_up());
    losses_.push_back(device->losses().sum());
    LOG(kInfo, "port", "{} ({}) has {}/{} at {}, link {}", port.name, port.device,
        base::IpAddress::ip4_raw(port.network.network_order).text(), port.network.length,
        device->mac_text(), link_up_.back() ? "up" : "down");
    devices_.push_back(std::move(*device));
  }
  return {};
}

base::Result<void> Engine::make_handover_rings() {
  const std::size_t workers = seats_.size();
  handover_.assign(workers, std::vector<rte_ring*>(workers, nullptr));
  for (std::size_t from = 0; from < workers; ++from) {
    for (std::size_t to = 0; to < workers; ++to) {
      if (from == to) continue;
      handover_[from][to] =
          rte_ring_create(fmt::format("handover_{}_{}", from, to).c_str(), port::kHandoverPackets,
                          SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
      if (handover_[from][to] == nullptr) {
        return base::error(fmt::format("no memory for the ring between workers {} and {} ({})",
                                       from, to, rte_strerror(rte_errno)));
      }
    }
  }
  return {};
}

base::Result<void> Engine::make_workers() {
  const wire::CorridorPlan& corridor = plan_.corridor.plan;
  base::KernelRandom random;
  for (std::uint32_t index = 0; index < corridor.workers; ++index) {
    Seat& seat = seats_[index];
    const std::size_t places = FlowTable::places(corridor);
    const auto node = static_cast<int>(rte_lcore_to_socket_id(lcore_of(index)));
    seat.flows =
        static_cast<Flow*>(rte_zmalloc_socket("flows", places * sizeof(Flow), alignof(Flow), node));
    if (seat.flows == nullptr) {
      return base::error(
          fmt::format("no memory for the flows of worker {} ({} MiB); raise memory_mb", index,
                      places * sizeof(Flow) >> 20));
    }
    const std::size_t sessions = plan_.srtp_sessions;
    seat.srtp = static_cast<SrtpSession*>(
        rte_zmalloc_socket("srtp", std::max<std::size_t>(sessions, 1) * sizeof(SrtpSession),
                           alignof(SrtpSession), node));
    if (seat.srtp == nullptr) {
      return base::error(
          fmt::format("no memory for the SRTP sessions of worker {} ({} MiB); raise memory_mb",
                      index, sessions * sizeof(SrtpSession) >> 20));
    }
    std::uninitialized_default_construct_n(seat.srtp, sessions);
    WorkerParts parts;
    parts.index = index;
    parts.cpu = plan_.pinning.cores[index];
    parts.plan = corridor;
    parts.ports = local_ports_;
    parts.flow_memory = {seat.flows, places};
    parts.srtp_memory = {seat.srtp, sessions};
    parts.pool = pool_;
    parts.neighbors = &neighbors_;
    parts.reports = seat.reports;
    parts.orders = seat.orders;
    parts.handover_tx = handover_[index];
    for (const auto& row : handover_) parts.handover_rx.push_back(row[index]);
    for (std::uint32_t shard = 0; shard < corridor.shards; ++shard) {
      parts.channels.push_back(wire::worker_end(segment_.channel(index, shard)));
      parts.channels.back().attach();
    }
    parts.page = &segment_.worker_page(index);
    parts.records = records_;
    parts.first_ip_id = static_cast<std::uint16_t>(random.next());
    parts.sounds = &segment_.sounds();
    parts.guard_seed = random.next();
    parts.player_seed = random.next();
    auto crypto = crypto::IpsecMb::open();
    if (!crypto) return std::move(crypto).take_error();
    parts.crypto = std::move(*crypto);
    seat.worker = std::make_unique<Worker>(std::move(parts));
  }
  return {};
}

// The flows of our former life are gone: nobody shall read them in the segment.
void Engine::forget_former_flows() {
  for (std::uint16_t address = 0; address < plan_.corridor.plan.address_count; ++address) {
    for (std::uint32_t port = 0; port <= UINT16_MAX; ++port) {
      records_.at({address, static_cast<std::uint16_t>(port)}).write({});
    }
  }
}

int Engine::run_worker(void* seat) {
  auto* mine = static_cast<Seat*>(seat);
  mine->worker->run(mine->engine->stop_, mine->engine->clock_);
  return 0;
}

base::Result<void> Engine::launch_workers() {
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (const int code = rte_eal_remote_launch(run_worker, &seats_[i], lcore_of(i)); code != 0) {
      return base::error(fmt::format("worker {} can't be started ({})", i, rte_strerror(-code)));
    }
  }
  return {};
}

void Engine::tend(base::Nanos now) {
  NeighborReport reports[kReportsAtOnce];
  for (Seat& seat : seats_) {
    const std::uint32_t count = seat.reports.dequeue(reports);
    for (std::uint32_t i = 0; i < count; ++i) keeper_.hear(reports[i], now);
  }
  if (now >= keeper_due_) {
    keeper_due_ = now + kKeeperEvery;
    keeper_.turn(now);
  }
  if (now >= watch_due_) {
    watch_due_ = now + kWatchEvery;
    clock_.renew();
    watch_links();
    watch_losses();
  }
}

void Engine::watch_links() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const bool up = devices_[i].link_up();
    if (up == link_up_[i]) continue;
    link_up_[i] = up;
    LOG(kWarning, "port", "{}: link {}", devices_[i].name(), up ? "up" : "down");
  }
}

void Engine::watch_losses() {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const port::DeviceLosses now = devices_[i].losses();
    if (now.sum() == losses_[i]) continue;
    LOG(kWarning, "port",
        "{}: the device has lost {} more packets (in all: queue full {}, no buffer {}, receive "
        "errors {}, send errors {})",
        devices_[i].name(), now.sum() - losses_[i], now.missed, now.no_buffer, now.rx_errors,
        now.tx_errors);
    losses_[i] = now.sum();
  }
}

}  // namespace tandem::dataplane
