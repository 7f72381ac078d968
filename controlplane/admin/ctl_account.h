// tandemctl's `account` commands.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// What `account` and its words ask for.
struct AccountOptions {
  std::string user{};
  std::string realm{};
  std::string password{};
  std::vector<std::string> numbers{};
  std::uint32_t devices = 0;
  bool enable = false;
  bool disable = false;
  std::string file{};
  bool keep_going = false;
};

CLI::App* add_account_commands(CLI::App& app, AccountOptions& options);
ControlClient::Outcome run_account(ControlClient& client, const std::string& command,
                                   AccountOptions& options);

}  // namespace tandem::admin
