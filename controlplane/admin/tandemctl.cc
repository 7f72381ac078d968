// tandemctl: the operator's hand. One request to the control socket, its reply as a table or as
// JSON. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the control plane can't be reached.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/wire/counters.h"

namespace {

using Json = nlohmann::ordered_json;
namespace wire = tandem::wire;

constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;

std::optional<std::string> ask(const std::string& path, const Json& request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string line = request.dump() + "\n";
  std::string reply;
  bool whole = false;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    char buffer[65536];
    ssize_t got;
    while (!whole && (got = read(fd, buffer, sizeof buffer)) > 0) {
      reply.append(buffer, static_cast<std::size_t>(got));
      whole = reply.back() == '\n';
    }
  }
  close(fd);
  if (!whole) return std::nullopt;
  return reply;
}

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
    else if (value.is_object())
      print_counters(key, value);
    else
      std::cout << key << " " << cell(value) << "\n";
  }
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
  for (const auto& [name, help] : {std::pair{"calls", "the calls that are up"},
                                   {"counters", "all counters that are not zero (JSON: all)"},
                                   {"connections", "TCP and TLS connections of SIP"},
                                   {"workers", "the dataplane's workers and their load"},
                                   {"flows", "media flows with live figures"}}) {
    show->add_subcommand(name, help);
  }
  auto* hangup = app.add_subcommand("hangup", "end a call with BYE to both parties");
  std::string call;
  hangup->add_option("CALL", call, "its id, as show calls has it")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : kUsage;
  }
  Json request = {{"v", 1}, {"id", 1}};
  if (hangup->parsed()) {
    request["command"] = "hangup";
    request["args"] = {{"call", call}};
  } else {
    request["command"] = "show " + show->get_subcommands().front()->get_name();
  }
  const auto text = ask(socket_path, request);
  if (!text) {
    std::cerr << "tandemctl: no answer at " << socket_path
              << ": is tandem-controlplane running, and may you open its socket?\n";
    return kUnreachable;
  }
  const Json reply = Json::parse(*text, nullptr, false);
  if (reply.is_discarded() || !reply.value("ok", false)) {
    const bool understood = reply.is_object() && reply.contains("error");
    std::cerr << "tandemctl: " << (understood ? cell(reply["error"]) : "a reply that is no JSON")
              << "\n";
    return kRefused;
  }
  if (as_json)
    std::cout << reply["result"].dump() << "\n";
  else
    print(reply["result"]);
  return 0;
}
