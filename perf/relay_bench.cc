// relay_bench: what a packet of voice costs a worker from port to port, turned by hand over ports
// made of rings: bursts of 32, each of another call. Of 32 calls, so that all is in the caches, and
// of 32 out of 10,000 by chance. In the clear, with the payloads of one party or both encrypted in
// the legacy modes, and with SRTP towards the callee, or from the caller.
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

#include "drivers/base/random.h"
#include "drivers/crypto/srtp_batch.h"
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

using crypto::SrtpSuite;
using Octets = std::vector<std::uint8_t>;

constexpr std::size_t kBurst = 32;

// What is asked of a row.
struct Traffic {
  std::uint16_t calls = kBurst;
  wire::PayloadKeyName caller_key = 0;
  wire::PayloadKeyName callee_key = 0;
  SrtpSuite caller_srtp = SrtpSuite::kNone;
  SrtpSuite callee_srtp = SrtpSuite::kNone;
};

class Bench {
 public:
  explicit Bench(const Traffic& traffic)
      : traffic_(traffic),
        switch_(1, 2 * traffic.calls),
        senders_(traffic.caller_srtp != SrtpSuite::kNone ? traffic.calls : 0),
        sequences_(traffic.calls) {
    switch_.know_far_ends();
    send(set_key_commands(1, crypto::PayloadMode::kXor, "a key of 23 characters."));
    send(set_key_commands(2, crypto::PayloadMode::kRc4, "a key of 23 characters."));
    send(set_key_commands(3, crypto::PayloadMode::kAes128, "0123456789abcdef"));
    for (std::uint16_t call = 0; call < traffic.calls; ++call) {
      const auto shift = static_cast<std::uint16_t>(2 * call);
      const wire::FlowKey in{0, static_cast<std::uint16_t>(20000 + shift)};
      const wire::FlowKey out{1, static_cast<std::uint16_t>(30000 + shift)};
      open(in, out, "10.77.1.2", 4000 + shift, traffic.caller_key, traffic.caller_srtp);
      open(out, in, "10.77.2.2", 6000 + shift, traffic.callee_key, traffic.callee_srtp);
      if (!senders_.empty()) {
        crypto::SrtpMaster master;
        master.suite = traffic.caller_srtp;
        senders_[call].start(crypto_, master, crypto::SrtpDirection::kProtect);
      }
      switch_.turn();
    }
  }

  // Of one packet, in ns.
  double round(int turns) {
    double spent = 0;
    for (int i = 0; i < turns; ++i) {
      for (std::size_t place = 0; place < kBurst; ++place) arrive(next_call(place));
      const double before = perf::thread_nanos();
      switch_.turn_worker();
      spent += perf::thread_nanos() - before;
      for (std::size_t place = 0; place < kBurst; ++place) {
        if (!switch_.depart(1)) std::abort();
      }
    }
    return spent / turns / kBurst;
  }

 private:
  std::uint16_t next_call(std::size_t place) {
    if (traffic_.calls == kBurst) return static_cast<std::uint16_t>(place);
    return static_cast<std::uint16_t>(random_.next() % traffic_.calls);
  }
  void arrive(std::uint16_t call) {
    const auto shift = static_cast<std::uint16_t>(2 * call);
    const std::uint16_t sequence = ++sequences_[call];
    Octets payload = rtp(sequence, sequence * 160u, call + 1u);
    payload[1] = 18;  // nobody looks for noise in it
    if (!senders_.empty()) seal(payload, senders_[call]);
    switch_.arrive(0, udp_frame({kFarMac[0], kOurMac[0], ip(10, 77, 1, 2), ip(10, 77, 1, 1),
                                 static_cast<std::uint16_t>(4000 + shift),
                                 static_cast<std::uint16_t>(20000 + shift)},
                                payload));
  }
  void seal(Octets& packet, crypto::SrtpContext& context) {
    const std::size_t size = packet.size();
    packet.resize(size + crypto::kSrtpGrowthMax);
    crypto::SrtpJob job{.packet = {packet.data(), size},
                        .tailroom = crypto::kSrtpGrowthMax,
                        .context = &context,
                        .kind = crypto::SrtpKind::kRtp};
    batch_.run({&job, 1});
    if (job.verdict != crypto::SrtpVerdict::kOk) std::abort();
    packet.resize(job.packet.size());
  }
  void send(const std::vector<wire::Command>& commands) {
    for (const auto& command : commands) {
      if (!switch_.control().commands.enqueue(command)) std::abort();
    }
  }
  void open(wire::FlowKey key, wire::FlowKey peer, const char* address, int port,
            wire::PayloadKeyName payload_key, SrtpSuite suite) {
    wire::Command command;
    command.kind = wire::CommandKind::kOpenFlow;
    command.open = {};
    command.open.key = key;
    command.open.peer = peer;
    command.open.generation = ++generation_;
    command.open.remote.address = *base::IpAddress::parse(address);
    command.open.remote.port = static_cast<std::uint16_t>(port);
    command.open.payload_key = payload_key;
    if (suite != SrtpSuite::kNone) command.open.protection = wire::Protection::kSrtp;
    send({command});
    if (suite == SrtpSuite::kNone) return;
    // All keys are 0: nobody is listening.
    wire::Command keys;
    keys.kind = wire::CommandKind::kSetSrtp;
    keys.set_srtp = {};
    keys.set_srtp.key = key;
    keys.set_srtp.generation = generation_;
    keys.set_srtp.suite = static_cast<std::uint8_t>(suite);
    send({keys});
  }

  Traffic traffic_;
  BenchSwitch switch_;
  crypto::IpsecMb crypto_ = crypto::IpsecMb::open().value();
  crypto::SrtpBatch batch_{crypto_};
  std::vector<crypto::SrtpContext> senders_;
  std::vector<std::uint16_t> sequences_;
  base::SeededRandom random_{1};
  wire::FlowGeneration generation_ = 0;
};

int run(bool quick) {
  const int rounds = quick ? 1 : 31;
  const int turns = quick ? 2 : 300;
  struct Row {
    const char* name;
    Traffic traffic;
    std::unique_ptr<Bench> bench{};
    std::vector<double> figures{};
  };
  using enum SrtpSuite;
  const auto many = static_cast<std::uint16_t>(quick ? 100 : 10'000);
  Row rows[] = {
      {"relay_clear", {}},
      {"relay_clear_of_10k", {.calls = many}},
      {"relay_to_xor", {.callee_key = 1}},
      {"relay_to_rc4", {.callee_key = 2}},
      {"relay_to_aes128", {.callee_key = 3}},
      {"relay_xor_to_aes128", {.caller_key = 1, .callee_key = 3}},
      {"relay_to_srtp_sha1_80", {.callee_srtp = kAesCm128HmacSha1_80}},
      {"relay_to_srtp_sha1_80_of_10k", {.calls = many, .callee_srtp = kAesCm128HmacSha1_80}},
      {"relay_from_srtp_sha1_80", {.caller_srtp = kAesCm128HmacSha1_80}},
      {"relay_to_srtp_gcm128", {.callee_srtp = kAeadAes128Gcm}},
      {"relay_from_srtp_gcm128", {.caller_srtp = kAeadAes128Gcm}},
      {"relay_clear_again", {}},
  };
  for (Row& row : rows) row.bench = std::make_unique<Bench>(row.traffic);
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
