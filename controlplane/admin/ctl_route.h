// tandemctl's `route`, `window` and `list` commands.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// What `route` and its words ask for; what isn't said stays empty.
struct RouteOptions {
  std::string prefix{};
  std::string gateway{};
  std::string priority{};
  std::string weight{};
  std::string price{};
  std::string time{};
  bool enable = false;
  bool disable = false;
  std::string file{};
  bool keep_going = false;
  bool replace = false;
  std::string replace_gateway{};
  std::string number{};
  std::string at{};
  std::string caller{};
};

// What `list` and its words ask for.
struct ListOptions {
  std::string name{};
  std::string kind{};
  std::string otherwise{};
  std::vector<std::string> allow{};
  std::vector<std::string> deny{};
  std::vector<std::string> remove{};
  std::string file{};
  bool keep_going = false;
  bool replace = false;
};

// What `window` and its words ask for.
struct WindowOptions {
  std::string name{};
  std::string times{};
};

CLI::App* add_route_commands(CLI::App& app, RouteOptions& options);
ControlClient::Outcome run_route(ControlClient& client, const CLI::App& command,
                                 const RouteOptions& options);

CLI::App* add_list_commands(CLI::App& app, ListOptions& options);
ControlClient::Outcome run_list(ControlClient& client, const std::string& command,
                                const ListOptions& options);

CLI::App* add_window_commands(CLI::App& app, WindowOptions& options);
ControlClient::Outcome run_window(ControlClient& client, const std::string& command,
                                  const WindowOptions& options);

}  // namespace tandem::admin
