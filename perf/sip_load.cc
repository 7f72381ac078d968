// sip_load: calls through a device under test, from one thread that plays both parties: INVITE 100
// 180 200 ACK BYE 200. Closed loop (--in-flight) or open loop (--rate, even or --poisson), bounded
// by count and time. Can play the far end of our control plane's corridor (--site), and send SIP
// through it instead of the kernel (--through corridor).
//
// Says "measuring" when the warm-up is over and "measured" when the calls are, so that whoever
// watches the device knows when; then prints "NAME VALUE UNIT" lines. Ends with 1 when a call was
// lost or refused.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <random>

#include "controlplane/config/loader.h"
#include "perf/load/corridor_end.h"
#include "perf/load/parties.h"

namespace tandem::perf {
namespace {

struct Options {
  std::string device = "127.0.0.1:5060";
  std::string caller = "127.0.0.2:5060";
  std::string callee = "127.0.0.3:5060";
  std::string site;
  std::string through = "kernel";
  std::uint64_t calls = 10'000;
  double seconds = 60;
  double warm = 0;
  double rate = 0;
  bool poisson = false;
  std::size_t in_flight = 0;
  int hold_ms = 0;
};

// When calls begin.
class Pace {
 public:
  explicit Pace(const Options& options) : options_(options) {}

  bool due(Nanos now, std::size_t open) const {
    return options_.rate > 0 ? now >= next_ : open < options_.in_flight;
  }
  void begun(Nanos now) {
    if (next_ == Nanos{}) next_ = now;
    const double gap = options_.poisson ? gaps_(random_) : 1;
    if (options_.rate > 0) next_ += Nanos{static_cast<std::int64_t>(1e9 / options_.rate * gap)};
  }
  // How long nothing is to be begun.
  Nanos idle(Nanos now) const {
    constexpr Nanos kLongest = base::Millis{1};
    if (options_.rate <= 0 || next_ == Nanos{}) return kLongest;
    return std::clamp(next_ - now, Nanos{}, kLongest);
  }

 private:
  const Options& options_;
  Nanos next_{};
  std::mt19937_64 random_{1};
  mutable std::exponential_distribution<double> gaps_{1.0};
};

double percentile(std::vector<std::uint32_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(last * part)];
}

void print_latency(const char* name, std::vector<std::uint32_t>& samples) {
  std::sort(samples.begin(), samples.end());
  for (const int part : {50, 90, 99}) {
    std::printf("%s_p%d %.0f us\n", name, part, percentile(samples, part / 100.0));
  }
}

void print(LoadFigures& figures, std::uint64_t unsent, double seconds) {
  std::printf("completed %llu calls\n", static_cast<unsigned long long>(figures.completed));
  std::printf("seconds %.3f s\n", seconds);
  std::printf("rate %.1f calls/s\n", static_cast<double>(figures.completed) / seconds);
  std::printf("refused %llu calls\n", static_cast<unsigned long long>(figures.refused));
  std::printf("lost %llu calls\n", static_cast<unsigned long long>(figures.lost));
  std::printf("retransmitted %llu messages\n",
              static_cast<unsigned long long>(figures.retransmitted));
  std::printf("strays %llu messages\n", static_cast<unsigned long long>(figures.strays));
  std::printf("unsent %llu messages\n", static_cast<unsigned long long>(unsent));
  print_latency("first_reply", figures.first_reply_us);
  print_latency("setup", figures.setup_us);
}

// Calls until enough are completed after the warm-up, or time is up; then lets open calls end.
int load(const Options& options, Wire& wire, CorridorEnd* corridor, const Addresses& at) {
  Parties parties(wire, at, base::Millis{options.hold_ms});
  Pace pace(options);
  const auto seconds = [](double s) { return Nanos{static_cast<std::int64_t>(s * 1e9)}; };
  const Nanos began = base::monotonic_now();
  const Nanos warm_until = began + seconds(options.warm);
  const Nanos end = warm_until + seconds(options.seconds);
  Nanos measuring{};
  Nanos measured{};
  LoadFigures figures;
  for (;;) {
    const Nanos now = base::monotonic_now();
    if (measuring == Nanos{} && now >= warm_until) {
      measuring = now;
      parties.figures() = {};
      std::puts("measuring");
      std::fflush(stdout);
    }
    const auto& so_far = parties.figures();
    const bool enough = measuring != Nanos{} && (so_far.completed >= options.calls || now >= end);
    if (enough && measured == Nanos{}) {
      measured = now;
      figures = so_far;
      std::puts("measured");
      std::fflush(stdout);
    }
    if (measured != Nanos{} && (parties.open() == 0 || now > measured + 2 * Parties::kPatience)) {
      break;
    }
    std::uint32_t begun = 0;
    while (measured == Nanos{} && begun < 64 && pace.due(now, parties.open()) &&
           parties.start(now)) {
      pace.begun(now);
      ++begun;
    }
    parties.tick(now);
    const std::uint32_t taken = wire.receive(parties);
    wire.flush();
    if (corridor != nullptr) corridor->attend(now);
    if (taken == 0 && begun == 0) wire.wait(pace.idle(now));
  }
  // What was open at the end counts when it went wrong.
  figures.lost = parties.figures().lost;
  figures.refused = parties.figures().refused;
  print(figures, wire.lost(), static_cast<double>((measured - measuring).count()) / 1e9);
  return figures.lost + figures.refused == 0 && figures.completed != 0 ? 0 : 1;
}

int fail(const std::string& why) {
  std::cerr << "sip_load: " << why << "\n";
  return 2;
}

// The parties are the first mapping and the first routing gateway of a site.
base::Result<config::Site> read_site(Options& options) {
  auto site = config::load_site(options.site);
  if (!site || options.through != "corridor") return site;
  for (const auto& gateway : site->gateways) {
    if (gateway.addresses.empty()) continue;
    Endpoint address = gateway.addresses.front();
    if (address.port == 0) address.port = 5060;
    (gateway.kind == config::GatewayKind::kMapping ? options.caller : options.callee) =
        address.text();
  }
  return site;
}

Endpoint sip_address(const config::Port& port) {
  Endpoint out;
  out.address = port.address;
  out.port = port.sip_port;
  return out;
}

int run(Options options) {
  std::unique_ptr<CorridorEnd> corridor;
  std::unique_ptr<Wire> wire;
  Endpoint switch_at_caller;
  Endpoint switch_at_callee;
  if (!options.site.empty()) {
    auto site = read_site(options);
    if (!site) return fail(site.error_text());
    auto end = CorridorEnd::open(site->corridor);
    if (!end) return fail(end.error_text());
    corridor = std::move(end).value();
    switch_at_caller = sip_address(site->ports.front());
    switch_at_callee = sip_address(site->ports.back());
    if (options.through == "corridor") options.device = switch_at_caller.text();
  }
  const auto device = Endpoint::parse(options.device, 5060);
  const auto caller = Endpoint::parse(options.caller, 5060);
  const auto callee = Endpoint::parse(options.callee, 5060);
  if (!device || !caller || !callee) return fail("addresses are HOST:PORT");
  if (options.through == "corridor") {
    if (!corridor) return fail("--through corridor needs --site");
    wire = corridor_wire(*corridor, *caller, *callee, switch_at_caller, switch_at_callee);
  } else {
    auto opened = open_kernel_wire(*caller, *callee);
    if (!opened) return fail(opened.error_text());
    wire = std::move(opened).value();
  }
  prctl(PR_SET_TIMERSLACK, 1000UL);  // naps as short as asked for
  return load(options, *wire, corridor.get(), {*device, *caller, *callee});
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  tandem::perf::Options options;
  CLI::App app{"sip_load: SIP calls through a device under test"};
  app.add_option("--device", options.device, "where INVITEs go")->capture_default_str();
  app.add_option("--caller", options.caller, "our address as the caller")->capture_default_str();
  app.add_option("--callee", options.callee, "our address as the callee")->capture_default_str();
  app.add_option("--site", options.site, "play the dataplane of this site's control plane");
  app.add_option("--through", options.through, "kernel or corridor")
      ->check(CLI::IsMember({"kernel", "corridor"}));
  app.add_option("--calls", options.calls, "at most, after the warm-up");
  app.add_option("--seconds", options.seconds, "at most, after the warm-up");
  app.add_option("--warm", options.warm, "seconds of load that aren't measured");
  auto* rate = app.add_option("--rate", options.rate, "calls a second (open loop)");
  app.add_flag("--poisson", options.poisson, "exponential gaps instead of even ones")->needs(rate);
  app.add_option("--in-flight", options.in_flight, "calls at once (closed loop)")->excludes(rate);
  app.add_option("--hold", options.hold_ms, "milliseconds from answer to BYE");
  CLI11_PARSE(app, argc, argv);
  if (options.rate <= 0 && options.in_flight == 0) options.in_flight = 1;
  return tandem::perf::run(options);
}
