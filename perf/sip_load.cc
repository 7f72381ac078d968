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

#include "controlplane/config/loader.h"
#include "perf/load/measured_run.h"
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
  Parties parties(*wire, {*device, *caller, *callee}, base::Millis{options.hold_ms});
  auto done = measured_run(
      parties, *wire, corridor.get(),
      Pace({.rate = options.rate, .poisson = options.poisson, .in_flight = options.in_flight}),
      {.warm = options.warm, .seconds = options.seconds, .completed = options.calls});
  print(done.figures, wire->lost(), done.seconds);
  return done.figures.lost + done.figures.refused == 0 && done.figures.completed != 0 ? 0 : 1;
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
