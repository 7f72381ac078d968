#include "controlplane/admin/ctl_gateway.h"

#include <chrono>
#include <iostream>
#include <thread>

#include "controlplane/admin/ctl_import.h"
#include "drivers/base/clock.h"

namespace tandem::admin {
namespace {

using Outcome = ControlClient::Outcome;

// How often a gateway that drains is looked at.
constexpr base::Millis kLook{200};

Outcome refused(std::string why) {
  return {.kind = Outcome::Kind::kRefused, .error = std::move(why)};
}

Outcome change(ControlClient& client, const std::string& command, const GatewayOptions& options) {
  Json args{{"name", options.name}};
  for (const std::string& word : options.words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) return refused("\"" + word + "\" must be NAME=VALUE");
    args[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return client.ask("gateway " + command, args);
}

// All calls by it, both ways. False: the control plane is gone.
bool hang_up_all(ControlClient& client, const std::string& name) {
  const auto shown = client.ask("show calls", Json::object());
  if (shown.kind != Outcome::Kind::kDone) return false;
  for (const Json& call : shown.result["calls"]) {
    if (call["mapping_gateway"] != name && call["routing_gateway"] != name) continue;
    // One that has ended by itself meanwhile is refused, which is as good.
    client.ask("hangup", {{"call", call["id"]}});
  }
  return true;
}

// Locks it, and waits until its last call has ended.
Outcome drain(ControlClient& client, const GatewayOptions& options) {
  auto outcome = client.ask("gateway set", {{"name", options.name}, {"locked", "on"}});
  const base::Nanos deadline = base::monotonic_now() + base::Seconds{options.wait_s};
  std::uint64_t told = UINT64_MAX;
  bool hung_up = false;
  while (outcome.kind == Outcome::Kind::kDone) {
    const auto calls = outcome.result["calls"].get<std::uint64_t>();
    if (calls == 0) return outcome;
    if (calls != told) std::cerr << options.name << ": " << calls << " calls are up\n";
    told = calls;
    if (base::monotonic_now() >= deadline) {
      if (!options.hang_up || hung_up) {
        return refused(options.name + " is locked, but calls are still up");
      }
      // Those that are over go within a moment: their figures are awaited.
      hung_up = true;
      if (!hang_up_all(client, options.name)) break;
      return drain(client, {.name = options.name, .wait_s = 10});
    }
    std::this_thread::sleep_for(kLook);
    outcome = client.ask("gateway show", {{"name", options.name}});
  }
  return outcome;
}

}  // namespace

CLI::App* add_gateway_commands(CLI::App& app, GatewayOptions& options) {
  auto* gateway = app.add_subcommand("gateway", "customers (mapping) and vendors (routing)");
  gateway->require_subcommand(1);
  const auto named = [&](const char* name, const char* help, bool required = true) {
    auto* command = gateway->add_subcommand(name, help);
    command->add_option("NAME", options.name, "the gateway's")->required(required);
    return command;
  };
  auto* add = named("add", "make a gateway: kind=mapping address=192.0.2.1 capacity=100 …");
  auto* set = named("set", "change settings of a gateway, for the next call");
  for (auto* command : {add, set}) {
    command->add_option("SETTING=VALUE", options.words,
                        "as `gateway settings` has them; without a value: as by default");
  }
  named("del", "remove a gateway; calls that are up go on");
  named("show", "one gateway with its settings, or all in short", false);
  named("lock", "no new calls; those that are up go on");
  named("unlock", "calls again");
  auto* drain = named("drain", "lock it and wait until its last call has ended");
  drain->add_option("--wait", options.wait_s, "seconds at most")->capture_default_str();
  drain->add_flag("--hang-up", options.hang_up, "then end the calls that are still up");
  gateway->add_subcommand("settings", "what a gateway has for settings, and what they mean");
  auto* import = gateway->add_subcommand("import", "make or change gateways, as a file has them");
  import->add_option("FILE", options.file, "CSV whose first line names the settings, or JSON lines")
      ->required();
  import->add_flag("--keep-going", options.keep_going, "take the good rows, refused ones or not");
  return gateway;
}

Outcome run_gateway(ControlClient& client, const std::string& command,
                    const GatewayOptions& options) {
  const Json named{{"name", options.name}};
  if (command == "import") {
    return run_import(client, "gateway", options.file, {{"keep_going", options.keep_going}});
  }
  if (command == "add" || command == "set") return change(client, command, options);
  if (command == "drain") return drain(client, options);
  if (command == "lock" || command == "unlock") {
    Json args = named;
    args["locked"] = command == "lock" ? "on" : "off";
    return client.ask("gateway set", args);
  }
  return client.ask("gateway " + command, named);
}

}  // namespace tandem::admin
