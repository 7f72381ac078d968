// tandemctl's `gateway` commands: their words, and what they ask of the control plane.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

struct GatewayOptions {
  std::string name{};
  std::vector<std::string> words{};  // NAME=VALUE
  std::string file{};
  bool keep_going = false;
  std::uint32_t wait_s = 3600;
  bool hang_up = false;
};

CLI::App* add_gateway_commands(CLI::App& app, GatewayOptions& options);

// `command`: the word behind "gateway". What it says meanwhile goes to standard error.
ControlClient::Outcome run_gateway(ControlClient& client, const std::string& command,
                                   const GatewayOptions& options);

}  // namespace tandem::admin
