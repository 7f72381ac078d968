#include "controlplane/admin/ctl_account.h"

#include <iostream>

#include "controlplane/admin/ctl_import.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

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
  if (command == "import") {
    return run_import(client, "account", options.file, {{"keep_going", options.keep_going}});
  }
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

}  // namespace tandem::admin
