#include "controlplane/admin/ctl_route.h"

#include <iostream>

#include "controlplane/admin/ctl_import.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

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
    command->add_option(
        "--time", options.time,
        "such as \"mon-fri 08:00-18:00; sat\", the name of a window, or \"always\"");
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

namespace {

// Those that are said.
Json said(std::initializer_list<std::pair<const char*, std::string>> options) {
  Json out = Json::object();
  for (const auto& [name, value] : options) {
    if (!value.empty()) out[name] = value;
  }
  return out;
}

}  // namespace

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

CLI::App* add_window_commands(CLI::App& app, WindowOptions& options) {
  auto* window = app.add_subcommand("window", "times of the week that routes name");
  window->require_subcommand(1);
  for (const auto& [name, help] : {std::pair{"add", "make one"},
                                   {"set", "give it other times, and all its routes with it"},
                                   {"del", "remove one that no route names"}}) {
    auto* command = window->add_subcommand(name, help);
    command->add_option("NAME", options.name)->required();
    if (command->get_name() == "del") continue;
    command->add_option("TIMES", options.times, "such as \"mon-fri 08:00-18:00; sat\"")->required();
  }
  window->add_subcommand("show", "all of them");
  return window;
}

Outcome run_window(ControlClient& client, const std::string& command,
                   const WindowOptions& options) {
  return client.ask("window " + command, said({{"name", options.name}, {"times", options.times}}));
}

}  // namespace tandem::admin
