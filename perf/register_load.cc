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
#include "perf/load/corridor_end.h"
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

constexpr Nanos kLongestNap = base::Millis{1};

Nanos of_seconds(double s) { return Nanos{static_cast<std::int64_t>(s * 1e9)}; }

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

// Registrations until enough are completed after the warm-up, or time is up; then lets open ones
// end.
class Load {
 public:
  Load(const Options& options, Wire& wire, CorridorEnd* corridor, Phones& phones)
      : options_(options), wire_(wire), corridor_(corridor), phones_(phones) {}

  int run() {
    const Nanos began = base::monotonic_now();
    const Nanos warm_until = began + of_seconds(options_.warm);
    const Nanos end = warm_until + of_seconds(options_.seconds);
    next_ = began;
    while (measured_ == Nanos{} || (phones_.open() != 0 && now_ < measured_ + patience())) {
      now_ = base::monotonic_now();
      mark(warm_until, end);
      const std::uint32_t begun = measured_ == Nanos{} ? begin() : 0;
      phones_.tick(now_);
      const std::uint32_t taken = wire_.receive(phones_);
      wire_.flush();
      if (corridor_ != nullptr) corridor_->attend(now_);
      if (taken == 0 && begun == 0) wire_.wait(idle());
    }
    // What was open at the end counts when it went wrong; so does the warm-up.
    const auto& all = phones_.figures();
    figures_.lost = all.lost + lost_warm_;
    figures_.refused = all.refused + refused_warm_;
    print(figures_, wire_.lost(), static_cast<double>((measured_ - measuring_).count()) / 1e9);
    return figures_.lost + figures_.refused == 0 && figures_.completed != 0 ? 0 : 1;
  }

 private:
  static Nanos patience() { return 2 * Phones::kPatience; }

  static void say(const char* word) {
    std::puts(word);
    std::fflush(stdout);
  }
  void mark(Nanos warm_until, Nanos end) {
    RegisterFigures& so_far = phones_.figures();
    if (measuring_ == Nanos{} && now_ >= warm_until) {
      measuring_ = now_;
      lost_warm_ = so_far.lost;
      refused_warm_ = so_far.refused;
      so_far = {};
      say("measuring");
    }
    const bool enough = so_far.completed >= options_.registrations || now_ >= end;
    if (measuring_ != Nanos{} && measured_ == Nanos{} && enough) {
      measured_ = now_;
      figures_ = so_far;
      say("measured");
    }
  }
  std::uint32_t begin() {
    std::uint32_t begun = 0;
    while (begun < 64 && due() && phones_.start(now_)) {
      if (options_.rate > 0) next_ += of_seconds(1 / options_.rate);
      ++begun;
    }
    return begun;
  }
  bool due() const {
    return options_.rate > 0 ? now_ >= next_ : phones_.open() < options_.in_flight;
  }
  // How long nothing is to be begun.
  Nanos idle() const {
    if (options_.rate <= 0) return kLongestNap;
    return std::clamp(next_ - now_, Nanos{}, kLongestNap);
  }

  const Options& options_;
  Wire& wire_;
  CorridorEnd* corridor_;
  Phones& phones_;
  Nanos now_{};
  Nanos next_{};
  Nanos measuring_{};
  Nanos measured_{};
  std::uint64_t lost_warm_ = 0;
  std::uint64_t refused_warm_ = 0;
  RegisterFigures figures_;
};

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
  return Load(options, *wire, corridor.get(), all).run();
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
