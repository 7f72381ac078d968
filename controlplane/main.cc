// tandem-controlplane: SIP, calls, records and the operator's door. No EAL, no DPDK library.
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "controlplane/admin/account_commands.h"
#include "controlplane/admin/commands.h"
#include "controlplane/admin/control_socket.h"
#include "controlplane/admin/endpoint_commands.h"
#include "controlplane/admin/gateway_commands.h"
#include "controlplane/admin/record_commands.h"
#include "controlplane/admin/registration_commands.h"
#include "controlplane/admin/route_commands.h"
#include "controlplane/admin/suspension_commands.h"
#include "controlplane/config/loader.h"
#include "controlplane/gateway_keeping.h"
#include "controlplane/heap.h"
#include "controlplane/loop/event_loop.h"
#include "controlplane/name_follower.h"
#include "controlplane/provisioning.h"
#include "controlplane/records.h"
#include "controlplane/registration_desk.h"
#include "controlplane/route_keeping.h"
#include "controlplane/signalling_shard.h"
#include "controlplane/sip/resolver.h"
#include "drivers/base/log.h"

namespace tandem {
namespace {

constexpr int kFault = 1;
constexpr int kConfigurationFault = 2;
constexpr base::Nanos kShutdownPatience = base::Seconds{3};

// A poller shares its core with nobody: our threads keep to the others, if there are any.
void keep_off(const std::vector<int>& cores) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (const int core : cores) CPU_CLR(core, &allowed);
  if (CPU_COUNT(&allowed) != 0) sched_setaffinity(0, sizeof allowed, &allowed);
}

int fail(const std::string& why) {
  LOG(kError, "main", "{}", why);
  return kFault;
}

// All shards drain at once, against one deadline; the heart goes on beating meanwhile.
void wind_down(std::vector<std::unique_ptr<SignallingShard>>& shards,
               const std::function<void()>& beat) {
  for (auto& shard : shards) shard->drain();
  const base::Nanos deadline = base::monotonic_now() + kShutdownPatience;
  const auto quiet = [](auto& shard) { return shard->quiet(); };
  while (base::monotonic_now() < deadline && !std::all_of(shards.begin(), shards.end(), quiet)) {
    beat();
  }
  for (auto& shard : shards) shard->stop();
}

int run(const config::Site& site) {
  for (const std::string& warning : site.warnings) LOG(kWarning, "config", "{}", warning);
  keep_off(site.worker_cores);
  loop::EventLoop loop;
  if (auto opened = loop.open(); !opened) return fail(opened.error_text());
  std::vector<loop::Inbox*> readers;           // of accounts and gateways: the shards
  std::unique_ptr<Provisioning> provisioning;  // outlives them
  if (site.registrar) {
    auto opened = Provisioning::open(*site.registrar, [&readers](const Provisioning::Keep& keep) {
      for (loop::Inbox* inbox : readers) inbox->post([keep] {});
    });
    if (!opened) return fail(opened.error_text());
    provisioning = std::move(opened).value();
  }
  routing::Routes routes(std::make_shared<const routing::RouteTable>(site.routes));
  routing::Screenings screenings;
  RegistrationDesk desk(loop, site);
  if (auto opened = desk.open(); !opened) return fail(opened.error_text());
  auto segment =
      wire::Segment::open(site.corridor.segment, site.corridor.plan, wire::Side::kControlplane);
  if (!segment) return fail(segment.error_text());
  segment->beat(base::monotonic_now());
  const std::uint32_t life = segment->announce();
  auto records = Records::open(site);
  if (!records) {
    segment->leave();
    return fail(records.error_text());
  }
  cdr::Journal& journal = (*records)->journal();
  const auto beat = [&] {
    segment->beat(base::monotonic_now());
    (*records)->beat();
  };
  auto gateway_keeping = GatewayKeeping::open(site, routes, screenings, [&readers](auto retired) {
    for (loop::Inbox* inbox : readers) inbox->post([retired] {});
  });
  if (!gateway_keeping) {
    segment->leave();
    return fail(gateway_keeping.error_text());
  }
  routing::GatewayTable& gateways = (*gateway_keeping)->table();
  std::unique_ptr<RouteKeeping> keeping;
  if (site.routing) {
    auto opened = RouteKeeping::open(site, gateways, routes, screenings);
    if (!opened) {
      segment->leave();
      return fail(opened.error_text());
    }
    keeping = std::move(opened).value();
  }
  std::shared_ptr<registrar::Lockout> lockout;  // the finding of registrations may outlive us
  if (provisioning) {
    lockout = std::make_shared<registrar::Lockout>(
        registrar::Lockout::Setup{.rules = site.parameters,
                                  .secret = provisioning->secrets().hash,
                                  .spared = [&gateways](const auto& address) {
                                    return gateways.held()->book().knows(address);
                                  }});
    provisioning->begin(
        {.longest = site.parameters.SS_ENDPOINT_EXPIRE.high,
         .ours = [&site](const base::Endpoint& local) { return config::speaks_at(site, local); },
         .found = [lockout](const auto& binding) { lockout->remember(binding.way.remote); },
         .done = give_heap_back});
  }
  std::vector<std::unique_ptr<SignallingShard>> shards;
  std::vector<admin::ShardView> views;
  std::vector<admin::RegistrationShard> registrations;
  for (std::uint32_t s = 0; s < site.corridor.plan.shards; ++s) {
    shards.push_back(std::make_unique<SignallingShard>(
        SignallingShard::Shared{.segment = *segment,
                                .site = site,
                                .gateways = gateways,
                                .routes = routes,
                                .screenings = screenings,
                                .journal = journal,
                                .open_calls = (*records)->open_calls(s),
                                .life = life,
                                .life_name = fmt::format("{:x}", base::wall_ms_now()),
                                .provisioning = provisioning.get(),
                                .lockout = lockout.get()},
        s));
    views.push_back(shards.back()->view());
    registrations.push_back(shards.back()->registrations());
    readers.push_back(&views.back().inbox);
  }
  for (auto& shard : shards) {
    shard->meet(shards);
    if (auto opened = shard->open(); !opened) {
      segment->leave();
      return fail(opened.error_text());
    }
  }
  admin::Commands commands(loop, *segment, journal, (*records)->recovered(), std::move(views));
  admin::RecordCommands record_commands(loop, journal);
  {
    sip::Resolver resolver(loop);
    if (auto opened = resolver.open(site.dns_servers); !opened) {
      segment->leave();
      return fail(opened.error_text());
    }
    desk.begin(resolver, registrations);
    admin::RegistrationCommands registration_commands(loop, desk.book(), registrations);
    std::optional<admin::AccountCommands> account_commands;
    std::optional<admin::EndpointCommands> endpoint_commands;
    std::optional<admin::SuspensionCommands> suspension_commands;
    std::optional<NameFollower> follower;
    admin::GatewayCommands gateway_commands(
        {.loop = loop,
         .book = (*gateway_keeping)->book(),
         .table = gateways,
         .changed = [&](const auto& changed) { follower->follow(changed); },
         .gone = [&](const std::string& name) { follower->forget(name); }});
    std::optional<admin::RouteCommands> route_commands;
    if (keeping) {
      route_commands.emplace(admin::RouteCommands::Setup{.loop = loop,
                                                         .routes = keeping->routes(),
                                                         .lists = keeping->lists(),
                                                         .parameters = site.parameters});
    }
    if (provisioning) {
      account_commands.emplace(loop, provisioning->book(), provisioning->table());
      endpoint_commands.emplace(provisioning->bindings());
      suspension_commands.emplace(*lockout);
    }
    admin::ControlSocket socket(
        loop, [&](const std::string& command, const admin::Json& args, admin::Answer answer) {
          if (record_commands.run(command, args, answer)) return;
          if (account_commands && account_commands->run(command, args, answer)) return;
          if (endpoint_commands && endpoint_commands->run(command, args, answer)) return;
          if (route_commands && route_commands->run(command, args, answer)) return;
          if (registration_commands.run(command, args, answer)) return;
          if (suspension_commands && suspension_commands->run(command, args, answer)) return;
          if (gateway_commands.run(command, args, answer)) return;
          commands.run(command, args, answer);
        });
    if (auto opened = socket.open(site.control_socket); !opened) {
      segment->leave();
      return fail(opened.error_text());
    }
    follower.emplace(site, gateways, resolver);
    follower->follow((*gateway_keeping)->book().gateways());
    loop.on_beat([&] {
      beat();
      routes.sweep();
      screenings.sweep();
      resolver.tend(base::monotonic_now());
    });
    for (auto& shard : shards) shard->start();
    LOG(kInfo, "main", "ready: {}", site.corridor.plan.text());
    loop.run();
    LOG(kInfo, "main", "ending: calls are hung up");
    wind_down(shards, beat);
  }
  journal.stop();
  segment->leave();
  return 0;
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  CLI::App app{"tandem-controlplane: the signalling half of a Tandem switch"};
  std::string config_path = "/etc/tandem/tandem.toml";
  auto level = tandem::base::LogLevel::kInfo;
  const std::map<std::string, tandem::base::LogLevel> levels = {
      {"debug", tandem::base::LogLevel::kDebug},
      {"info", tandem::base::LogLevel::kInfo},
      {"warning", tandem::base::LogLevel::kWarning},
      {"error", tandem::base::LogLevel::kError}};
  app.add_option("--config", config_path, "the site file")->capture_default_str();
  app.add_option("--log", level, "least level of log lines: debug, info, warning, error")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case));
  CLI11_PARSE(app, argc, argv);
  tandem::base::log_start("tandem-controlplane", level);
  const auto site = tandem::config::load_site(config_path, tandem::GatewayKeeping::checks());
  if (!site) {
    std::cerr << site.error_text() << "\n";
    return tandem::kConfigurationFault;
  }
  const int verdict = tandem::run(*site);
  tandem::base::log_stop();
  return verdict;
}
