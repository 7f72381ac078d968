// tandemctl: the operator's hand. One request to the control socket, its reply as a table or as
// JSON. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the control plane can't be reached.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/admin/control_client.h"
#include "controlplane/admin/ctl_gateway.h"
#include "controlplane/admin/file_import.h"
#include "drivers/wire/counters.h"

namespace {

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

// Names and their values, one a line.
void print_pairs(const std::string& title, const Json& pairs) {
  std::vector<Row> rows;
  for (const auto& [name, value] : pairs.items()) rows.push_back({"  " + name, cell(value)});
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
    else if (key == "settings")
      print_pairs(key, value);
    else if (value.is_object())
      print_counters(key, value);
    else
      std::cout << key << " " << cell(value) << "\n";
  }
}

// What `account` and its words ask for.
struct AccountOptions {
  std::string user;
  std::string realm;
  std::string password;
  std::vector<std::string> numbers;
  std::uint32_t devices = 0;
  bool enable = false;
  bool disable = false;
  std::string file;
  bool keep_going = false;
};

CLI::App* add_account_commands(CLI::App& app, AccountOptions& options) {
  auto* account = app.add_subcommand("account", "accounts of phones that register");
  account->require_subcommand(1);
  const auto named = [&](const char* name, const char* help, bool required) {
    auto* command = account->add_subcommand(name, help);
    command->add_option("USER", options.user, "the user part of its address")->required(required);
    command->add_option("--realm", options.realm, "default: the switch's first");
    return command;
  };
  auto* add = named("add", "make an account", true);
  auto* set = named("set", "change what is named of an account", true);
  for (auto* command : {add, set}) {
    command->add_option("--password", options.password, "\"-\": a line of the standard input");
    command->add_option("--number", options.numbers, "it can be called by; for several, again");
    command->add_option("--devices", options.devices, "that may be registered at a time");
    command->add_flag("--disable", options.disable, "refuse it");
  }
  set->add_flag("--enable", options.enable, "no longer refuse it");
  named("del", "remove an account, and what it has registered", true);
  named("show", "one account, or the first thousand", false);
  auto* import = account->add_subcommand("import", "make or change accounts, as a file has them");
  import->add_option("FILE", options.file, "CSV whose first line names the columns, or JSON lines")
      ->required();
  import->add_flag("--keep-going", options.keep_going, "take the good rows, refused ones or not");
  return account;
}

Outcome run_account(ControlClient& client, const std::string& command, AccountOptions& options) {
  Json args = Json::object();
  if (!options.user.empty()) args["user"] = options.user;
  if (!options.realm.empty()) args["realm"] = options.realm;
  if (options.password == "-") std::getline(std::cin, options.password);
  if (!options.password.empty()) args["password"] = options.password;
  if (!options.numbers.empty()) args["numbers"] = options.numbers;
  if (options.devices != 0) args["devices"] = options.devices;
  if (options.enable || options.disable) args["enabled"] = options.enable;
  return client.ask("account " + command, args);
}

// The refused rows to standard error, as compilers tell faults.
Outcome run_import(ControlClient& client, const std::string& what, const std::string& path,
                   const Json& begin) {
  std::ifstream file(path);
  if (!file) return {.kind = Outcome::Kind::kRefused, .error = "can't read " + path};
  auto outcome = tandem::admin::import_file(client, what, begin, file);
  if (outcome.kind != Outcome::Kind::kDone) return outcome;
  Json& report = outcome.result;
  for (const Json& fault : report["faults"]) {
    std::cerr << path << ":" << cell(fault["line"]) << ": " << cell(fault["reason"]) << "\n";
  }
  if (!report.value("kept", false)) {
    outcome.kind = Outcome::Kind::kRefused;
    outcome.error = cell(report["refused"]) + " rows refused: nothing was imported";
  }
  report.erase("faults");
  return outcome;
}

// What `route` and its words ask for; what isn't said stays empty.
struct RouteOptions {
  std::string prefix;
  std::string gateway;
  std::string priority;
  std::string weight;
  std::string price;
  std::string time;
  bool enable = false;
  bool disable = false;
  std::string file;
  bool keep_going = false;
  bool replace = false;
  std::string replace_gateway;
  std::string number;
  std::string at;
  std::string caller;
};

CLI::App* add_route_commands(CLI::App& app, RouteOptions& options) {
  auto* route = app.add_subcommand("route", "routes that are kept in the store");
  route->require_subcommand(1);
  const auto named = [&](const char* name, const char* help) {
    auto* command = route->add_subcommand(name, help);
    command->add_option("PREFIX", options.prefix, "or a range FIRST-LAST; \"\": every number")
        ->required();
    command->add_option("GATEWAY", options.gateway, "a routing gateway")->required();
    return command;
  };
  auto* add = named("add", "make a route");
  auto* set = named("set", "change what is named of a route");
  for (auto* command : {add, set}) {
    command->add_option("--priority", options.priority, "the lowest is tried first; default 100");
    command->add_option("--weight", options.weight, "its share among equals; default 1");
    command->add_option("--price", options.price, "of a minute, such as 0.0125; default 0");
    command->add_option("--time", options.time,
                        "such as \"mon-fri 08:00-18:00; sat\", or \"always\"");
    command->add_flag("--disable", options.disable, "as if it weren't there");
  }
  set->add_flag("--enable", options.enable, "no longer disabled");
  named("del", "remove a route");
  route->add_subcommand("show", "the first thousand routes, or those of numbers that begin so")
      ->add_option("PREFIX", options.prefix);
  auto* import = route->add_subcommand("import", "make or change routes, as a file has them");
  import
      ->add_option("FILE", options.file,
                   "CSV whose first line names the columns (prefix, gateway, priority, weight, "
                   "price, time, enabled), or JSON lines")
      ->required();
  import->add_flag("--keep-going", options.keep_going, "take the good rows, refused ones or not");
  auto* all = import->add_flag("--replace", options.replace, "in the place of all routes");
  import->add_option("--replace-gateway", options.replace_gateway, "in the place of this one's")
      ->excludes(all);
  auto* test = route->add_subcommand("test", "which gateways a number would be offered to");
  test->add_option("NUMBER", options.number, "the one that is called")->required();
  test->add_option("--at", options.at, "a time of the week, such as \"mon 08:15\"; default: now");
  test->add_option("--caller", options.caller, "for what lists of callers say");
  return route;
}

// Those that are said.
Json said(std::initializer_list<std::pair<const char*, std::string>> options) {
  Json out = Json::object();
  for (const auto& [name, value] : options) {
    if (!value.empty()) out[name] = value;
  }
  return out;
}

Outcome run_route(ControlClient& client, const CLI::App& command, const RouteOptions& options) {
  const std::string name = "route " + command.get_name();
  if (command.get_name() == "import") {
    Json begin = said({{"replace_gateway", options.replace_gateway}});
    begin["keep_going"] = options.keep_going;
    begin["replace"] = options.replace;
    return run_import(client, "route", options.file, begin);
  }
  if (command.get_name() == "test") {
    return client.ask(
        name, said({{"number", options.number}, {"at", options.at}, {"caller", options.caller}}));
  }
  Json args = said({{"gateway", options.gateway},
                    {"priority", options.priority},
                    {"weight", options.weight},
                    {"price", options.price},
                    {"time", options.time}});
  if (command.count("PREFIX") != 0) args["prefix"] = options.prefix;
  if (options.enable || options.disable) args["enabled"] = options.enable;
  return client.ask(name, args);
}

// What `list` and its words ask for.
struct ListOptions {
  std::string name;
  std::string kind;
  std::string otherwise;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<std::string> remove;
  std::string file;
  bool keep_going = false;
  bool replace = false;
};

CLI::App* add_list_commands(CLI::App& app, ListOptions& options) {
  auto* list = app.add_subcommand("list", "lists of numbers that are allowed or denied");
  list->require_subcommand(1);
  const auto named = [&](const char* name, const char* help, bool required) {
    auto* command = list->add_subcommand(name, help);
    command->add_option("NAME", options.name)->required(required);
    return command;
  };
  auto* add = named("add", "make a list", true);
  add->add_option("KIND", options.kind, "whose numbers: caller or callee")->required();
  auto* set = named("set", "change what is named of a list", true);
  for (auto* command : {add, set}) {
    command->add_option("--otherwise", options.otherwise,
                        "what is said of all other numbers: allow (default) or deny");
    command->add_option("--allow", options.allow, "a prefix or a range; for several, again");
    command->add_option("--deny", options.deny, "likewise");
  }
  set->add_option("--remove", options.remove, "an entry, as it was written; for several, again");
  named("del", "remove a list", true);
  named("show", "all lists, or one and its first thousand entries", false);
  auto* import = named("import", "make or change entries, as a file has them", true);
  import
      ->add_option("FILE", options.file,
                   "CSV whose first line names the columns (numbers, verdict), or JSON lines")
      ->required();
  import->add_flag("--keep-going", options.keep_going, "take the good rows, refused ones or not");
  import->add_flag("--replace", options.replace, "in the place of all entries");
  return list;
}

Outcome run_list(ControlClient& client, const std::string& command, const ListOptions& options) {
  if (command == "import") {
    return run_import(
        client, "list", options.file,
        {{"list", options.name}, {"keep_going", options.keep_going}, {"replace", options.replace}});
  }
  Json args =
      said({{"name", options.name}, {"kind", options.kind}, {"otherwise", options.otherwise}});
  for (const auto& [name, numbers] :
       {std::pair{"allow", &options.allow}, {"deny", &options.deny}, {"remove", &options.remove}}) {
    if (!numbers->empty()) args[name] = *numbers;
  }
  return client.ask("list " + command, args);
}

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
        {"flows", "media flows with live figures"}}) {
    show->add_subcommand(name, help);
  }
  auto* hangup = app.add_subcommand("hangup", "end a call with BYE to both parties");
  std::string call;
  hangup->add_option("CALL", call, "its id, as show calls has it")->required();
  auto* suspension = app.add_subcommand("suspension", "who is refused for failed authentications");
  suspension->require_subcommand(1);
  std::string lifted;
  suspension->add_subcommand("lift", "forgive an address and all accounts from there")
      ->add_option("ADDRESS", lifted, "as show suspensions has it, or \"all\"")
      ->required();
  AccountOptions options;
  auto* account = add_account_commands(app, options);
  tandem::admin::GatewayOptions gateway_options;
  auto* gateway = tandem::admin::add_gateway_commands(app, gateway_options);
  RouteOptions route_options;
  auto* route = add_route_commands(app, route_options);
  ListOptions list_options;
  auto* list = add_list_commands(app, list_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : kUsage;
  }
  ControlClient client(socket_path);
  Outcome outcome;
  if (hangup->parsed()) {
    outcome = client.ask("hangup", {{"call", call}});
  } else if (suspension->parsed()) {
    outcome = client.ask("suspension lift", {{"address", lifted}});
  } else if (account->parsed()) {
    const std::string command = account->get_subcommands().front()->get_name();
    outcome = command == "import" ? run_import(client, "account", options.file,
                                               {{"keep_going", options.keep_going}})
                                  : run_account(client, command, options);
  } else if (gateway->parsed()) {
    const std::string command = gateway->get_subcommands().front()->get_name();
    outcome = command == "import" ? run_import(client, "gateway", gateway_options.file,
                                               {{"keep_going", gateway_options.keep_going}})
                                  : run_gateway(client, command, gateway_options);
  } else if (route->parsed()) {
    outcome = run_route(client, *route->get_subcommands().front(), route_options);
  } else if (list->parsed()) {
    outcome = run_list(client, list->get_subcommands().front()->get_name(), list_options);
  } else {
    outcome = client.ask("show " + show->get_subcommands().front()->get_name(), Json::object());
  }
  if (outcome.kind != Outcome::Kind::kDone) {
    std::cerr << "tandemctl: " << outcome.error << "\n";
    return outcome.kind == Outcome::Kind::kRefused ? kRefused : kUnreachable;
  }
  if (as_json)
    std::cout << outcome.result.dump() << "\n";
  else
    print(outcome.result);
  return 0;
}
