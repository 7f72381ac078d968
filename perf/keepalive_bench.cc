// keepalive_bench: one period of NAT keepalives as a real shard sends them, down a real ring, and
// how evenly they leave it: the shard's thread as in the control plane, and a thread that empties
// the ring as a worker does and notes when each one came.
//
// Two runs: 180,000 phones with the default parameters (3,000 each 500 ms, 30 s), and 1,000,000 in
// the same period (16,700 each 500 ms). Prints one line a measure, "NAME VALUE UNIT": how many
// phones were served once and only once, how many were missed, the largest number in any 1 ms and
// any 10 ms against an even stream, and the share of a core that the shard took, with and without.
//
// Usage: keepalive_bench [quick]     quick: 3,000 phones in 10 s: all within half a second
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

#include "controlplane/loop/shard_loop.h"
#include "controlplane/registrar/keepalive.h"
#include "controlplane/sip/transport_ring.h"
#include "drivers/base/check.h"

namespace tandem::perf {
namespace {

using base::Nanos;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Run {
  std::string name;
  std::uint32_t phones;
  std::uint64_t batch;  // each 500 ms
  Nanos looked_at;      // from the first one on
};

class Bench {
 public:
  explicit Bench(const Run& run) : run_(run), channel_(wire::kChannelBytes + 64) {
    void* memory = channel_.data();
    std::size_t room = channel_.size();
    CHECK(std::align(64, wire::kChannelBytes, memory, room) != nullptr);
    auto* const bytes = static_cast<std::byte*>(memory);
    wire::format_channel(bytes);
    worker_ = wire::worker_end(bytes);
    control_ = wire::control_end(bytes);
    worker_.attach();
    control_.attach();
    CHECK(parameters_.set("SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME", std::to_string(run.batch)).ok());
    served_.resize(run.phones);
    came_.reserve(run.phones + run.phones / 4);
    register_all();
  }

  void run() {
    std::thread worker([this] { empty_ring(); });
    loop_.start([this] { return turn(); });
    while (!done_.load()) std::this_thread::sleep_for(base::Millis{20});
    loop_.stop();
    stop_.store(true);
    worker.join();
  }

  void print() const {
    const auto say = [this](const char* what, double value, const char* unit) {
      std::printf("keepalive_%s_%s %.2f %s\n", run_.name.c_str(), what, value, unit);
    };
    const auto once = std::count(served_.begin(), served_.end(), 1);
    say("served_once", static_cast<double>(once), "phones");
    say("served_twice", static_cast<double>(run_.phones - once) - not_served(), "phones");
    say("not_served", not_served(), "phones");
    say("missed", static_cast<double>(counters_.get(wire::Counter::keepalives_missed)), "messages");
    const double rate = static_cast<double>(run_.batch) * 2;
    say("most_in_1_ms", most_within(base::Millis{1}) / (rate / 1000), "times_even");
    say("most_in_10_ms", most_within(base::Millis{10}) / (rate / 100), "times_even");
    say("core_share", 100 * busy_share_, "percent");
    say("core_share_idle", 100 * idle_share_, "percent");
  }

 private:
  static constexpr Nanos kIdle = base::Seconds{2};

  void register_all() {
    for (std::uint32_t i = 0; i < run_.phones; ++i) {
      const auto name = fmt::format("u{}@sip.example.net", i);
      const registrar::AccountKey key{i * 0x9e3779b97f4a7c15, i * 0xbf58476d1ce4e5b9 >> 11};
      bindings_.with(key, name, [&](auto& all) {
        sip::Binding& binding = all.emplace_back();
        binding.texts = fmt::format("sip:u{}@192.168.1.20:5060", i);
        binding.uri_size = static_cast<std::uint16_t>(binding.texts.size());
        binding.behind_nat = true;
        binding.expires = base::monotonic_now() + base::Seconds{3600};
        binding.way.local = *base::Endpoint::parse("192.0.2.1:5060", 0);
        const auto octet = [i](int shift) { return static_cast<std::uint8_t>(i >> shift); };
        base::Endpoint remote;
        remote.address = base::IpAddress::ip4(100, octet(16), octet(8), octet(0));
        remote.port = 5060;
        binding.way.remote = remote;
      });
    }
  }

  // The shard's. First it has nothing to do for a while, for comparison.
  bool turn() {
    const Nanos now = loop_.wheel().now();
    if (begun_ == Nanos{}) {
      begun_ = now;
      cpu_ = thread_seconds();
    }
    if (!keepalive_) {
      if (now - begun_ < kIdle) return false;
      idle_share_ = (thread_seconds() - cpu_) / seconds(now - begun_);
      keepalive_ = std::make_unique<registrar::Keepalive>(registrar::Keepalive::Setup{
          .env = env_, .parameters = parameters_, .bindings = bindings_});
      begun_ = now;
      cpu_ = thread_seconds();
    }
    keepalive_->tend();
    if (now - begun_ >= run_.looked_at && !done_.load()) {
      busy_share_ = (thread_seconds() - cpu_) / seconds(now - begun_);
      done_.store(true);
    }
    return false;
  }
  static double seconds(Nanos time) { return static_cast<double>(time.count()) / 1e9; }

  void empty_ring() {
    while (!stop_.load(std::memory_order_relaxed)) {
      wire::ByteRing::View view;
      while (worker_.inject.front(view)) {
        const auto& octets = view.head.remote.address.bytes;
        const std::uint32_t phone = std::uint32_t{octets[1]} << 16 | octets[2] << 8 | octets[3];
        came_.push_back(base::monotonic_now());
        ++served_[phone];
        worker_.inject.pop();
      }
    }
  }
  double not_served() const {
    return static_cast<double>(std::count(served_.begin(), served_.end(), 0));
  }
  double most_within(Nanos window) const {
    std::size_t most = 0;
    for (std::size_t begin = 0, end = 0; end < came_.size(); ++end) {
      while (came_[end] - came_[begin] >= window) ++begin;
      most = std::max(most, end - begin + 1);
    }
    return static_cast<double>(most);
  }

  Run run_;
  std::vector<std::byte> channel_;
  wire::WorkerEnd worker_;
  wire::ControlEnd control_;
  loop::ShardLoop loop_{0, base::monotonic_now()};
  wire::CounterBlock counters_;
  base::SeededRandom random_{1};
  sip::TransportRing ring_{{&control_}, 0};
  sip::Environment env_{
      .wheel = loop_.wheel(), .transport = ring_, .counters = counters_, .random = random_};
  config::Parameters parameters_;
  registrar::BindingTable bindings_;
  std::unique_ptr<registrar::Keepalive> keepalive_;  // the shard's
  Nanos begun_{};
  double cpu_ = 0;
  double idle_share_ = 0;
  double busy_share_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<bool> stop_{false};
  std::vector<std::uint8_t> served_;  // the worker's
  std::vector<Nanos> came_;           // the worker's
};

void measure(const Run& run) {
  Bench bench(run);
  bench.run();
  bench.print();
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using namespace tandem;
  if (argc > 1 && std::string_view(argv[1]) == "quick") {
    perf::measure({"3000", 3'000, 3000, base::Seconds{1}});
    return 0;
  }
  if (argc > 1) {
    std::fprintf(stderr, "usage: keepalive_bench [quick]\n");
    return 2;
  }
  // Until the period is over, and nobody's next one has come yet.
  perf::measure({"180000", 180'000, 3000, base::Millis{30'090}});
  perf::measure({"1000000", 1'000'000, 16'700, base::Millis{29'990}});
  return 0;
}
