// tandemctl's `registration` commands.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// What `registration` and its words ask for.
struct RegistrationOptions {
  std::string name{};
  std::vector<std::string> words{};
  std::string file{};
  bool keep_going = false;
};

CLI::App* add_registration_commands(CLI::App& app, RegistrationOptions& options);
ControlClient::Outcome run_registration(ControlClient& client, const std::string& command,
                                        const RegistrationOptions& options);

}  // namespace tandem::admin
