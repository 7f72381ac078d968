// The whole dataplane: makes what a boot plan says in the right order, runs the workers, does
// main's standing work (neighbours, clock, links, heartbeat), takes everything down again. Owner:
// the main thread.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/boot.h"
#include "dataplane/flow.h"
#include "dataplane/local_port.h"
#include "dataplane/neighbor.h"
#include "dataplane/worker.h"
#include "drivers/base/clock.h"
#include "drivers/base/result.h"
#include "drivers/port/device.h"
#include "drivers/port/tsc_clock.h"
#include "drivers/wire/segment.h"

struct rte_mempool;
struct rte_ring;

namespace tandem::dataplane {

class Engine {
 public:
  // REQUIRES: EAL runs. `segment`: opened, not yet announced.
  static base::Result<std::unique_ptr<Engine>> make(const BootPlan& plan, wire::Segment& segment);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Stops the workers, then closes the ports.
  ~Engine();

  base::Result<void> launch_workers();
  // Main's work; about once a millisecond.
  void tend(base::Nanos now);

 private:
  Engine(const BootPlan& plan, wire::Segment& segment);

  base::Result<void> open_ports();
  base::Result<void> make_handover_rings();
  base::Result<void> make_workers();
  void forget_former_flows();
  void watch_links();
  void watch_losses();

  struct Seat {  // what main keeps for one worker
    RingHome<ReportRing> report_home;
    RingHome<OrderRing> order_home;
    ReportRing reports;  // consumer
    OrderRing orders;    // producer
    Flow* flows = nullptr;
    SrtpSession* srtp = nullptr;
    std::unique_ptr<Worker> worker;
    Engine* engine = nullptr;
  };
  static int run_worker(void* seat);

  BootPlan plan_;
  wire::Segment& segment_;
  rte_mempool* pool_ = nullptr;
  std::vector<port::Device> devices_;
  std::vector<LocalPort> local_ports_;
  std::vector<bool> link_up_;
  std::vector<std::uint64_t> losses_;
  std::vector<std::vector<rte_ring*>> handover_;  // [from][to]; null on the diagonal
  std::vector<Seat> seats_;
  FlowRecords records_;
  NeighborTable neighbors_;
  NeighborKeeper keeper_;
  port::TscClock clock_;
  std::atomic<bool> stop_{false};  // main writes, workers read
  base::Nanos keeper_due_{};
  base::Nanos watch_due_{};
};

}  // namespace tandem::dataplane
