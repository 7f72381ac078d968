#include "controlplane/admin/ctl_registration.h"

#include <iostream>

#include "controlplane/admin/ctl_import.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

CLI::App* add_registration_commands(CLI::App& app, RegistrationOptions& options) {
  auto* registration = app.add_subcommand("registration", "registrations of ours with others");
  registration->require_subcommand(1);
  const auto named = [&](const char* name, const char* help, bool required) {
    auto* command = registration->add_subcommand(name, help);
    command->add_option("NAME", options.name, "its name")->required(required);
    return command;
  };
  for (const auto& [name, help] : {std::pair{"add", "register with another registrar"},
                                   {"set", "change what is named of a registration"}}) {
    named(name, help, true)
        ->add_option("WORD", options.words,
                     "server=HOST[:PORT] user= password= (\"-\": a line of the standard input) "
                     "auth_user= proxy=HOST[:PORT] port=NAME or listener=NAME, by which it leaves, "
                     "expiry=auto|SECONDS retry_delay=SECONDS send_unregister=on|off "
                     "privacy=ignore|id|none; nothing behind the =: what the parameter says");
  }
  named("del", "take a registration back and forget it", true);
  named("retry", "try now instead of at its time", true);
  named("show", "one registration as it was provisioned, or all", false);
  auto* import =
      registration->add_subcommand("import", "make or change registrations, as a file has them");
  import->add_option("FILE", options.file, "CSV whose first line names the columns, or JSON lines")
      ->required();
  import->add_flag("--keep-going", options.keep_going, "take the good rows, refused ones or not");
  return registration;
}

Outcome run_registration(ControlClient& client, const std::string& command,
                         const RegistrationOptions& options) {
  if (command == "import")
    return run_import(client, "registration", options.file, {{"keep_going", options.keep_going}});
  Json args = Json::object();
  if (!options.name.empty()) args["name"] = options.name;
  for (const std::string& word : options.words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return {.kind = Outcome::Kind::kRefused, .error = "\"" + word + "\" is no word=value"};
    }
    std::string value = word.substr(equals + 1);
    const std::string key = word.substr(0, equals);
    if (key == "name") {
      return {.kind = Outcome::Kind::kRefused, .error = "a registration's name is not changed"};
    }
    if (key == "password" && value == "-") std::getline(std::cin, value);
    args[key] = value;
  }
  return client.ask("registration " + command, args);
}

}  // namespace tandem::admin
