// relay_bench: what a packet of voice costs a worker from port to port, turned by hand over ports
// made of rings: bursts of 32, each of another call, all of them in the caches. In the clear, and
// with the payloads of one party or both encrypted in the legacy modes.
//
// Prints "NAME VALUE ns", of one packet, the median of the rounds; in time of this thread alone.
// The rings that stand for the wire cost the same in every row. Compare only figures of one run.
//
// Usage: relay_bench [quick]: quick is for the tests, which only see that it runs.
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "drivers/port/eal.h"
#include "perf/work_meter.h"
#include "tests/unit/dataplane/bench_switch.h"
#include "tests/unit/dataplane/payload_key_command.h"

namespace tandem::dataplane::testing {

namespace {

rte_mempool* shared_pool = nullptr;

}  // namespace

rte_mempool* pool() { return shared_pool; }

namespace {

constexpr std::uint16_t kCalls = 32;

class Bench {
 public:
  Bench(wire::PayloadKeyName caller, wire::PayloadKeyName callee) {
    switch_.know_far_ends();
    send(set_key_commands(1, crypto::PayloadMode::kXor, "a key of 23 characters."));
    send(set_key_commands(2, crypto::PayloadMode::kRc4, "a key of 23 characters."));
    send(set_key_commands(3, crypto::PayloadMode::kAes128, "0123456789abcdef"));
    for (std::uint16_t call = 0; call < kCalls; ++call) {
      const auto shift = static_cast<std::uint16_t>(2 * call);
      open({0, static_cast<std::uint16_t>(20000 + shift)},
           {1, static_cast<std::uint16_t>(30000 + shift)}, "10.77.1.2", 4000 + shift, caller);
      open({1, static_cast<std::uint16_t>(30000 + shift)},
           {0, static_cast<std::uint16_t>(20000 + shift)}, "10.77.2.2", 6000 + shift, callee);
      switch_.turn();
    }
  }

  // Of one packet, in ns.
  double round(int turns) {
    double spent = 0;
    for (int i = 0; i < turns; ++i) {
      ++sequence_;
      for (std::uint16_t call = 0; call < kCalls; ++call) {
        const auto shift = static_cast<std::uint16_t>(2 * call);
        auto payload = rtp(sequence_, sequence_ * 160u, call + 1u);
        payload[1] = 18;  // nobody looks for noise in it
        switch_.arrive(0, udp_frame({kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1),
                                     static_cast<std::uint16_t>(4000 + shift),
                                     static_cast<std::uint16_t>(20000 + shift)},
                                    payload));
      }
      const double before = perf::thread_nanos();
      switch_.turn_worker();
      spent += perf::thread_nanos() - before;
      for (std::uint16_t call = 0; call < kCalls; ++call) {
        if (!switch_.depart(1)) std::abort();
      }
    }
    return spent / turns / kCalls;
  }

 private:
  void send(const std::vector<wire::Command>& commands) {
    for (const auto& command : commands) {
      if (!switch_.control().commands.enqueue(command)) std::abort();
    }
  }
  void open(wire::FlowKey key, wire::FlowKey peer, const char* address, int port,
            wire::PayloadKeyName payload_key) {
    wire::Command command;
    command.kind = wire::CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = key;
    command.open.peer = peer;
    command.open.generation = ++generation_;
    command.open.remote.address = *base::IpAddress::parse(address);
    command.open.remote.port = static_cast<std::uint16_t>(port);
    command.open.payload_key = payload_key;
    send({command});
  }

  BenchSwitch switch_{1};
  wire::FlowGeneration generation_ = 0;
  std::uint16_t sequence_ = 0;
};

int run(bool quick) {
  const int rounds = quick ? 1 : 31;
  const int turns = quick ? 2 : 300;
  struct Row {
    const char* name;
    wire::PayloadKeyName caller;
    wire::PayloadKeyName callee;
    std::unique_ptr<Bench> bench{};
    std::vector<double> figures{};
  };
  Row rows[] = {{"relay_clear", 0, 0},         {"relay_to_xor", 0, 1},
                {"relay_to_rc4", 0, 2},        {"relay_to_aes128", 0, 3},
                {"relay_xor_to_aes128", 1, 3}, {"relay_clear_again", 0, 0}};
  for (Row& row : rows) row.bench = std::make_unique<Bench>(row.caller, row.callee);
  // In turn, so that what else the machine does meets all of them.
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows) row.figures.push_back(row.bench->round(turns));
  }
  for (Row& row : rows) {
    std::sort(row.figures.begin(), row.figures.end());
    std::printf("%s %.1f ns\n", row.name, row.figures[row.figures.size() / 2]);
    row.bench.reset();
  }
  return 0;
}

}  // namespace

int main_of(bool quick) {
  const auto started = port::start_eal({"relay_bench", "--no-huge", "--no-pci", "-m", "256",
                                        "--no-shconf", "--no-telemetry", "--lcores", "0@(0-1)",
                                        "--log-level", "4", "--file-prefix", "tandem_relay_bench"});
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error_text().c_str());
    return 1;
  }
  shared_pool =
      rte_pktmbuf_pool_create("bench", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  const int code = run(quick);
  rte_mempool_free(shared_pool);
  port::stop_eal();
  return code;
}

}  // namespace tandem::dataplane::testing

int main(int argc, char** argv) {
  return tandem::dataplane::testing::main_of(argc > 1 && std::string_view(argv[1]) == "quick");
}
