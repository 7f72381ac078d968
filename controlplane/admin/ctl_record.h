// tandemctl's `cdr` commands.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "controlplane/admin/control_client.h"

namespace tandem::admin {

// What `cdr` and its words ask for.
struct RecordOptions {
  std::uint64_t count = 10;
  bool follow = false;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string since{};
  std::string until{};
  std::string format = "json";
  std::string file{};
  bool fresh = false;
  bool mark = false;
  bool no_mark = false;
};

CLI::App* add_record_commands(CLI::App& app, RecordOptions& options);
// Records go to the standard output, what is to be said about them to standard error.
ControlClient::Outcome run_records(ControlClient& client, const CLI::App& command,
                                   const RecordOptions& options, bool as_json);

}  // namespace tandem::admin
