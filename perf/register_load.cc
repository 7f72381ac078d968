// register_load: registrations with a device under test, from one thread that plays all phones:
// REGISTER 401 REGISTER 200 (load/phones.h). At an even rate, or so many at once (--in-flight);
// bounded by count and time. Can play the far end of our control plane's corridor (--site), and
// send SIP through it instead of the kernel (--through corridor).
//
// Says "measuring" when the warm-up is over and "measured" when the registrations are, so that
// whoever watches the device knows when; then prints "NAME VALUE UNIT" lines. Ends with 1 when a
// registration was lost or refused, in the warm-up too.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "controlplane/config/loader.h"
#include "perf/load/measured_run.h"
#include "perf/load/phones.h"

namespace tandem::perf {
namespace {

struct Options {
  std::string device = "127.0.0.1:5060";
  std::string phones = "127.0.0.2:5060";
  std::string realm = "sip.example.net";
  std::string site;
  std::string through = "kernel";
  std::uint32_t accounts = 10'000;
  std::uint32_t expires = 3600;
  std::uint64_t registrations = UINT64_MAX;
  double seconds = 60;
  double warm = 0;
  double rate = 0;
  std::size_t in_flight = 0;
};

void print(RegisterFigures& figures, std::uint64_t unsent, double seconds) {
  const auto line = [](const char* name, std::uint64_t value, const char* unit) {
    std::printf("%s %llu %s\n", name, static_cast<unsigned long long>(value), unit);
  };
  line("completed", figures.completed, "registrations");
  std::printf("seconds %.3f s\n", seconds);
  std::printf("rate %.1f registrations/s\n", static_cast<double>(figures.completed) / seconds);
  line("refused", figures.refused, "registrations");
  line("lost", figures.lost, "registrations");
  line("retransmitted", figures.retransmitted, "messages");
  line("strays", figures.strays, "messages");
  line("unsent", unsent, "messages");
  auto& times = figures.registered_us;
  std::sort(times.begin(), times.end());
  for (const std::size_t part : {50, 99}) {
    const auto at = times.empty() ? 0 : times[(times.size() - 1) * part / 100];
    std::printf("registered_p%zu %u us\n", part, at);
  }
}

int fail(const std::string& why) {
  std::cerr << "register_load: " << why << "\n";
  return 2;
}

int run(Options options) {
  std::unique_ptr<CorridorEnd> corridor;
  Endpoint at_port;
  if (!options.site.empty()) {
    auto site = config::load_site(options.site);
    if (!site) return fail(site.error_text());
    auto end = CorridorEnd::open(site->corridor);
    if (!end) return fail(end.error_text());
    corridor = std::move(end).value();
    at_port.address = site->ports.front().address;
    at_port.port = site->ports.front().sip_port;
    if (options.through == "corridor") options.device = at_port.text();
  }
  const auto device = Endpoint::parse(options.device, 5060);
  const auto phones = Endpoint::parse(options.phones, 5060);
  if (!device || !phones) return fail("addresses are HOST:PORT");
  std::unique_ptr<Wire> wire;
  if (options.through == "corridor") {
    if (!corridor) return fail("--through corridor needs --site");
    wire = corridor_wire(*corridor, *phones, *phones, at_port, at_port);
  } else {
    // Nobody is called: the callee's end has any port.
    Endpoint nobody = *phones;
    nobody.port = 0;
    auto opened = open_kernel_wire(*phones, nobody);
    if (!opened) return fail(opened.error_text());
    wire = std::move(opened).value();
  }
  prctl(PR_SET_TIMERSLACK, 1000UL);  // naps as short as asked for
  Phones all(*wire, {.device = *device,
                     .phones = *phones,
                     .realm = options.realm,
                     .count = options.accounts,
                     .expires = options.expires});
  auto done = measured_run(
      all, *wire, corridor.get(), Pace({.rate = options.rate, .in_flight = options.in_flight}),
      {.warm = options.warm, .seconds = options.seconds, .completed = options.registrations});
  // What went wrong while it warmed up counts, too.
  done.figures.lost += done.warm.lost;
  done.figures.refused += done.warm.refused;
  print(done.figures, wire->lost(), done.seconds);
  return done.figures.lost + done.figures.refused == 0 && done.figures.completed != 0 ? 0 : 1;
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  tandem::perf::Options options;
  CLI::App app{"register_load: registrations with a device under test"};
  app.add_option("--device", options.device, "where REGISTERs go")->capture_default_str();
  app.add_option("--phones", options.phones, "the phones' address")->capture_default_str();
  app.add_option("--realm", options.realm, "of the accounts")->capture_default_str();
  app.add_option("--accounts", options.accounts, "u0, u1, … that take turns")
      ->check(CLI::Range(1u, 10'000'000u));
  app.add_option("--expires", options.expires, "seconds that are asked for");
  app.add_option("--site", options.site, "play the dataplane of this site's control plane");
  app.add_option("--through", options.through, "kernel or corridor")
      ->check(CLI::IsMember({"kernel", "corridor"}));
  app.add_option("--registrations", options.registrations, "at most, after the warm-up");
  app.add_option("--seconds", options.seconds, "at most, after the warm-up");
  app.add_option("--warm", options.warm, "seconds of load that aren't measured");
  auto* rate = app.add_option("--rate", options.rate, "registrations a second");
  app.add_option("--in-flight", options.in_flight, "registrations at once")->excludes(rate);
  CLI11_PARSE(app, argc, argv);
  if (options.rate <= 0 && options.in_flight == 0) options.in_flight = 1;
  return tandem::perf::run(options);
}
