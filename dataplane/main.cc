// tandem-dataplane: moves voice and never thinks. Reads the site file, starts, stands by until
// SIGINT or SIGTERM. Exit codes: 0 ended as asked, 1 couldn't start, 2 the site file or an argument
// is wrong.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <map>
#include <string>
#include <thread>

#include "dataplane/boot.h"
#include "dataplane/engine.h"
#include "drivers/base/log.h"
#include "drivers/port/eal.h"

namespace tandem::dataplane {
namespace {

constexpr int kExitCannotStart = 1;
constexpr int kExitBadSettings = 2;
constexpr base::Nanos kTurn = base::Millis{1};
constexpr base::Nanos kBeatEvery = base::Millis{50};

volatile std::sig_atomic_t asked_to_end = 0;

void ask_to_end(int) { asked_to_end = 1; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_end;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

struct Arguments {
  std::string config;
  bool no_huge = false;
  base::LogLevel log = base::LogLevel::kInfo;
};

int cannot_start(const std::string& why) {
  LOG(kError, "boot", "{}", why);
  return kExitCannotStart;
}

// Names the machine's objections one by one. False: it can't start.
bool prepare(port::EalSettings& settings) {
  const auto cpus = port::read_topology();
  const auto found = port::check_prerequisites(settings, cpus);
  for (const auto& remark : found.remarks)
    base::log_write(base::LogLevel::kWarning, "boot", remark);
  for (const auto& fault : found.faults) base::log_write(base::LogLevel::kError, "boot", fault);
  settings.huge_pages = found.huge_pages;
  LOG(kInfo, "boot", "{}", port::pinning_text(cpus, settings.pinning));
  return found.faults.empty();
}

// From announced to asked to end.
void stand_by(Engine& engine, wire::Segment& segment) {
  base::Nanos beat_due{};
  while (asked_to_end == 0) {
    const base::Nanos now = base::monotonic_now();
    if (now >= beat_due) {
      segment.beat(now);
      beat_due = now + kBeatEvery;
    }
    engine.tend(now);
    std::this_thread::sleep_for(kTurn);
  }
}

int serve(const BootPlan& plan, wire::Segment& segment) {
  auto engine = Engine::make(plan, segment);
  if (!engine) return cannot_start(engine.error_text());
  if (auto launched = (*engine)->launch_workers(); !launched) {
    return cannot_start(launched.error_text());
  }
  segment.beat(base::monotonic_now());
  const std::uint32_t life = segment.announce();
  LOG(kInfo, "boot", "ready: {} workers, {} ports, segment {}, life {}", plan.corridor.plan.workers,
      plan.ports.size(), plan.corridor.segment, life);
  stand_by(**engine, segment);
  LOG(kInfo, "boot", "asked to end");
  return 0;
}

int run(const Arguments& arguments) {
  auto plan = read_boot_plan(arguments.config);
  if (!plan) {
    fmt::print(stderr, "{}\n", plan.error_text());
    return kExitBadSettings;
  }
  port::EalSettings eal;
  eal.name = plan->corridor.segment;
  eal.pinning = plan->pinning;
  eal.memory_mb = plan->memory_mb;
  eal.huge_pages = plan->huge_pages && !arguments.no_huge;
  for (const auto& port : plan->ports) eal.devices.push_back(port.device);
  if (!prepare(eal)) return kExitCannotStart;
  catch_signals();
  auto segment =
      wire::Segment::open(plan->corridor.segment, plan->corridor.plan, wire::Side::kDataplane);
  if (!segment) return cannot_start(segment.error_text());
  int code = kExitCannotStart;
  if (auto started = port::start_eal(port::eal_arguments(eal, eal.huge_pages)); !started) {
    cannot_start(started.error_text());
  } else {
    code = serve(*plan, *segment);
    port::stop_eal();
  }
  segment->leave();
  return code;
}

}  // namespace
}  // namespace tandem::dataplane

int main(int argc, char** argv) {
  using tandem::base::LogLevel;
  tandem::dataplane::Arguments arguments;
  CLI::App app("Tandem dataplane: media, ARP and the datagrams of signalling");
  app.add_option("--config", arguments.config, "the site file (TOML)")->required();
  app.add_flag("--no-huge", arguments.no_huge, "plain memory, also where huge pages are free");
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::kDebug},
                                               {"info", LogLevel::kInfo},
                                               {"warning", LogLevel::kWarning},
                                               {"error", LogLevel::kError}};
  app.add_option("--log", arguments.log, "least level to log (default: info)")
      ->transform(CLI::CheckedTransformer(levels));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : tandem::dataplane::kExitBadSettings;
  }
  tandem::base::log_start("dataplane", arguments.log);
  const int code = tandem::dataplane::run(arguments);
  tandem::base::log_stop();
  return code;
}
