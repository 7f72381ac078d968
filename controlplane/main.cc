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

#include "controlplane/config/loader.h"
#include "controlplane/heap.h"
#include "controlplane/loop/event_loop.h"
#include "controlplane/media/dtls_identity.h"
#include "controlplane/media/sounds.h"
#include "controlplane/operator_door.h"
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

int run(const config::Site& site, media::Sounds& sounds) {
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
  auto dtls_identity = media::DtlsIdentity::make();
  if (!dtls_identity) return fail(dtls_identity.error_text());
  RegistrationDesk desk(loop, site);
  if (auto opened = desk.open(); !opened) return fail(opened.error_text());
  auto segment =
      wire::Segment::open(site.corridor.segment, site.corridor.plan, wire::Side::kControlplane);
  if (!segment) return fail(segment.error_text());
  segment->beat(base::monotonic_now());
  if (!sounds.fill(segment->sounds())) {
    segment->leave();
    return fail(fmt::format("the sounds of {} are more than {} s or {} files", site.sound_folder,
                            wire::SoundBank::kSamples / 8000, wire::SoundBank::kSounds));
  }
  const std::uint32_t life = segment->announce();
  const auto give_up = [&](const std::string& why) {
    segment->leave();
    return fail(why);
  };
  auto records = Records::open(site);
  if (!records) return give_up(records.error_text());
  cdr::Journal& journal = (*records)->journal();
  const auto beat = [&] {
    segment->beat(base::monotonic_now());
    (*records)->beat();
  };
  auto gateway_keeping = GatewayKeeping::open(
      site, routes, screenings, [&desk](std::string_view name) { return desk.has(name); },
      [&readers](auto retired) {
        for (loop::Inbox* inbox : readers) inbox->post([retired] {});
      });
  if (!gateway_keeping) return give_up(gateway_keeping.error_text());
  routing::GatewayTable& gateways = (*gateway_keeping)->table();
  desk.hold([&gateways](const std::string& name) { return gateways.held()->user_of(name); });
  auto route_keeping = RouteKeeping::open(site, gateways, routes, screenings);
  if (!route_keeping) return give_up(route_keeping.error_text());
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
        SignallingShard::Shared{
            .segment = *segment,
            .site = site,
            .gateways = gateways,
            .routes = routes,
            .screenings = screenings,
            .sounds = sounds,
            .journal = journal,
            .open_calls = (*records)->open_calls(s),
            .life = life,
            .life_name = fmt::format("{:x}", base::wall_ms_now()),
            .dtls_identity = *dtls_identity,
            .provisioning = provisioning.get(),
            .lockout = lockout.get(),
            .registration_told = [&desk](const std::string& name,
                                         bool registered) { desk.told(name, registered); }},
        s));
    views.push_back(shards.back()->view());
    registrations.push_back(shards.back()->registrations());
    readers.push_back(&views.back().inbox);
  }
  for (auto& shard : shards) {
    shard->meet(shards);
    if (auto opened = shard->open(); !opened) return give_up(opened.error_text());
  }
  {
    sip::Resolver resolver(loop);
    if (auto opened = resolver.open(site.dns_servers); !opened) return give_up(opened.error_text());
    desk.begin(resolver, registrations);
    OperatorDoor door({.loop = loop,
                       .site = site,
                       .segment = *segment,
                       .records = **records,
                       .views = std::move(views),
                       .registrations = registrations,
                       .gateways = **gateway_keeping,
                       .routes = **route_keeping,
                       .desk = desk,
                       .resolver = resolver,
                       .provisioning = provisioning.get(),
                       .lockout = lockout.get()});
    if (auto opened = door.open(site.control_socket); !opened) return give_up(opened.error_text());
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
  auto sounds = tandem::media::Sounds::read(site->sound_folder, site->sounds);
  if (!sounds) {
    std::cerr << sounds.error_text() << "\n";
    return tandem::kConfigurationFault;
  }
  const int verdict = tandem::run(*site, *sounds);
  tandem::base::log_stop();
  return verdict;
}
