// tandemctl: the operator's hand. One request to the control socket, its reply as a table or as
// JSON. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the control plane can't be reached.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/admin/control_client.h"
#include "controlplane/admin/ctl_account.h"
#include "controlplane/admin/ctl_gateway.h"
#include "controlplane/admin/ctl_record.h"
#include "controlplane/admin/ctl_registration.h"
#include "controlplane/admin/ctl_route.h"
#include "drivers/wire/counters.h"

namespace {

namespace ctl = tandem::admin;
namespace wire = tandem::wire;
using tandem::admin::ControlClient;
using tandem::admin::Json;
using Outcome = ControlClient::Outcome;

constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;

std::string cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::string out;
    for (const auto& item : value) out += (out.empty() ? "" : ",") + cell(item);
    return out;
  }
  if (value.is_number_float()) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value.get<double>());
    return text;
  }
  return value.dump();
}

using Row = std::vector<std::string>;

void print_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::cout << line << "\n";
  }
}

// A list of like objects: its keys are the columns.
void print_list(const std::string& title, const Json& list) {
  if (list.empty()) {
    std::cout << "no " << title << "\n";
    return;
  }
  std::vector<Row> rows(1);
  for (const auto& [key, value] : list.front().items()) rows.front().push_back(key);
  for (const auto& item : list) {
    Row row;
    for (const auto& [key, value] : item.items()) row.push_back(cell(value));
    rows.push_back(std::move(row));
  }
  print_table(rows);
}

// Unit and meaning of a counter; empty: a row that this program's build doesn't know.
wire::CounterInfo info_of(std::string_view name) {
  const auto& infos = wire::counter_infos();
  const auto found =
      std::find_if(infos.begin(), infos.end(), [&](const auto& info) { return info.name == name; });
  return found == infos.end() ? wire::CounterInfo{} : *found;
}

// What lies in another object has that one's name before its own.
void add_pairs(const std::string& before, const Json& pairs, std::vector<Row>& rows) {
  for (const auto& [name, value] : pairs.items()) {
    if (value.is_object())
      add_pairs(before + name + ".", value, rows);
    else
      rows.push_back({before + name, cell(value)});
  }
}

// Names and their values, one a line.
void print_pairs(const std::string& title, const Json& pairs) {
  std::vector<Row> rows;
  add_pairs("  ", pairs, rows);
  std::cout << title << "\n";
  print_table(rows);
}

// Counters: one a line, and what it means; those at zero say nothing and are left out.
void print_counters(const std::string& title, const Json& counters) {
  std::vector<Row> rows;
  for (const auto& [name, value] : counters.items()) {
    if (value == 0) continue;
    const wire::CounterInfo info = info_of(name);
    rows.push_back({"  " + name, cell(value), std::string(info.unit), std::string(info.sentence)});
  }
  std::cout << title << "\n";
  print_table(rows);
}

void print(const Json& result) {
  for (const auto& [key, value] : result.items()) {
    if (value.is_array())
      print_list(key, value);
    else if (key == "settings" || (key == "call" && value.is_object()))
      print_pairs(key, value);
    else if (value.is_object())
      print_counters(key, value);
    else
      std::cout << key << " " << cell(value) << "\n";
  }
}

// The command behind the first word.
std::string word_of(const CLI::App& app) { return app.get_subcommands().front()->get_name(); }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"tandemctl: watch and steer a running Tandem switch"};
  std::string socket_path = "/run/tandem/control.sock";
  bool as_json = false;
  app.add_option("--socket", socket_path, "the control plane's control socket")
      ->capture_default_str();
  app.add_flag("--json", as_json, "print the answer as JSON");
  app.require_subcommand(1);
  app.fallthrough();
  auto* show = app.add_subcommand("show", "show what the switch is doing");
  show->require_subcommand(1);
  for (const auto& [name, help] :
       {std::pair{"calls", "the calls that are up"},
        {"counters", "all counters that are not zero (JSON: all)"},
        {"connections", "TCP and TLS connections of SIP"},
        {"workers", "the dataplane's workers and their load"},
        {"endpoints", "phones that are registered, the first thousand of them"},
        {"suspensions", "who is refused for failed authentications, the first thousand of them"},
        {"registrations", "ours with others, and how they stand"},
        {"flows", "media flows with live figures"}}) {
    show->add_subcommand(name, help);
  }
  std::string call;
  auto* shown = show->add_subcommand("call", "one call in full, and how it sounds");
  shown->add_option("CALL", call, "its id, as show calls has it")->required();
  auto* hangup = app.add_subcommand("hangup", "end a call with BYE to both parties");
  hangup->add_option("CALL", call, "its id, as show calls has it")->required();
  auto* suspension = app.add_subcommand("suspension", "who is refused for failed authentications");
  suspension->require_subcommand(1);
  std::string lifted;
  suspension->add_subcommand("lift", "forgive an address and all accounts from there")
      ->add_option("ADDRESS", lifted, "as show suspensions has it, or \"all\"")
      ->required();
  ctl::AccountOptions accounts;
  auto* account = ctl::add_account_commands(app, accounts);
  ctl::GatewayOptions gateways;
  auto* gateway = ctl::add_gateway_commands(app, gateways);
  ctl::RouteOptions routes;
  auto* route = ctl::add_route_commands(app, routes);
  ctl::ListOptions lists;
  auto* list = ctl::add_list_commands(app, lists);
  ctl::WindowOptions windows;
  auto* window = ctl::add_window_commands(app, windows);
  ctl::RegistrationOptions registrations;
  auto* registration = ctl::add_registration_commands(app, registrations);
  ctl::RecordOptions records;
  auto* cdr = ctl::add_record_commands(app, records);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : kUsage;
  }
  ControlClient client(socket_path);
  Outcome outcome;
  if (hangup->parsed()) {
    outcome = client.ask("hangup", {{"call", call}});
  } else if (shown->parsed()) {
    outcome = client.ask("show call", {{"call", call}});
  } else if (cdr->parsed()) {
    outcome = ctl::run_records(client, *cdr->get_subcommands().front(), records, as_json);
  } else if (suspension->parsed()) {
    outcome = client.ask("suspension lift", {{"address", lifted}});
  } else if (account->parsed()) {
    outcome = ctl::run_account(client, word_of(*account), accounts);
  } else if (gateway->parsed()) {
    outcome = ctl::run_gateway(client, word_of(*gateway), gateways);
  } else if (route->parsed()) {
    outcome = ctl::run_route(client, *route->get_subcommands().front(), routes);
  } else if (list->parsed()) {
    outcome = ctl::run_list(client, word_of(*list), lists);
  } else if (window->parsed()) {
    outcome = ctl::run_window(client, word_of(*window), windows);
  } else if (registration->parsed()) {
    outcome = ctl::run_registration(client, word_of(*registration), registrations);
  } else {
    outcome = client.ask("show " + show->get_subcommands().front()->get_name(), Json::object());
  }
  if (outcome.kind != Outcome::Kind::kDone) {
    std::cerr << "tandemctl: " << outcome.error << "\n";
    return outcome.kind == Outcome::Kind::kRefused ? kRefused : kUnreachable;
  }
  if (cdr->parsed()) return 0;
  if (as_json)
    std::cout << outcome.result.dump() << "\n";
  else
    print(outcome.result);
  return 0;
}
