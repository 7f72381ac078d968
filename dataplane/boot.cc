#include "dataplane/boot.h"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/flow_table.h"
#include "dataplane/local_port.h"
#include "dataplane/srtp_sessions.h"
#include "drivers/base/settings_file.h"
#include "drivers/port/device_name.h"
#include "drivers/port/pool.h"

namespace tandem::dataplane {
namespace {

using base::SettingsTable;

constexpr std::int64_t kMtuMost = 9000;
constexpr std::int64_t kCpuMost = 1023;
constexpr std::uint64_t kDpdkOwnMb = 24;
constexpr std::int64_t kSrtpSessionsMost = 1'000'000;

void read_dataplane(SettingsTable& root, BootPlan& plan) {
  auto table = root.table("dataplane");
  const std::uint32_t workers = plan.corridor.plan.workers;
  for (const auto cpu : table.integers("cores", 0, kCpuMost)) {
    plan.pinning.cores.push_back(static_cast<std::uint32_t>(cpu));
  }
  if (!table.has("cores")) {
    for (std::uint32_t i = 0; i < workers; ++i) plan.pinning.cores.push_back(i + 1);
  } else if (plan.pinning.cores.size() != workers) {
    table.fault("cores", fmt::format("names {} CPUs for {} workers ([corridor] workers)",
                                     plan.pinning.cores.size(), workers));
  }
  plan.pinning.main_core = static_cast<std::uint32_t>(table.integer("main_core", 0, 0, kCpuMost));
  plan.memory_mb =
      static_cast<std::uint32_t>(table.integer("memory_mb", plan.memory_mb, 64, 1 << 20));
  plan.huge_pages = table.flag("huge_pages", plan.huge_pages);
  plan.srtp_sessions = static_cast<std::uint32_t>(
      table.integer("srtp_sessions", plan.srtp_sessions, 0, kSrtpSessionsMost));
  table.refuse_unknown();
}

void read_network(SettingsTable& table, PortPlan& port) {
  // read_corridor() has noted what is wrong with the form.
  const auto prefix = base::Ip4Prefix::parse(table.text("address", ""));
  if (!prefix) return;
  port.network = *prefix;
  LocalPort local;
  local.network = *prefix;
  if (prefix->length == 0 || !is_host_address(prefix->network_order)) {
    table.fault("address", "must be the address of one host, with its network's length");
  }
  const auto text = table.text("gateway", "");
  if (text.empty()) return;
  const auto gateway = base::IpAddress::parse(text);
  if (!gateway || !gateway->is_ip4()) {
    table.fault("gateway", fmt::format("\"{}\" is not an IPv4 address", text));
    return;
  }
  port.gateway = gateway->ip4_network_order();
  if (local.next_hop(port.gateway) != port.gateway) {
    table.fault("gateway", fmt::format("{} is not another host of the port's own network", text));
  }
}

void read_port(SettingsTable table, BootPlan& plan) {
  PortPlan port;
  port.name = table.required_text("name");
  const auto device = table.required_text("device");
  for (const PortPlan& other : plan.ports) {
    if (!port.name.empty() && other.name == port.name) table.fault("name", "stands in two ports");
    if (!device.empty() && port::device_name(other.device) == port::device_name(device)) {
      table.fault("device", fmt::format("{} stands in two ports", port::device_name(device)));
    }
  }
  port.device = port::with_queues(device, plan.corridor.plan.workers);
  port.mtu = static_cast<std::uint16_t>(table.integer("mtu", port.mtu, kMtuLeast, kMtuMost));
  read_network(table, port);
  table.integer("sip_port", 5060, 1, 65535);  // the control plane's
  table.refuse_unknown();
  plan.ports.push_back(std::move(port));
}

// Known, and none of ours.
void pass_over_controlplane(SettingsTable& root) {
  for (const char* name : {"sip", "control", "cdr", "dns", "gateways", "parameters", "registrar",
                           "routing", "sounds", "store"})
    root.table(name);
  for (const char* name : {"gateway", "listener", "route"}) root.tables(name);
}

}  // namespace

base::Result<BootPlan> read_boot_plan(const std::string& path) {
  auto file = base::SettingsFile::read(path);
  if (!file) return std::move(file).take_error();
  auto root = file->root();
  BootPlan plan;
  plan.corridor = wire::read_corridor(root);
  read_dataplane(root, plan);
  for (auto& table : root.tables("port")) read_port(table, plan);
  pass_over_controlplane(root);
  root.refuse_unknown();
  if (file->faults().empty() && plan.memory_mb < memory_need_mb(plan)) {
    auto table = root.table("dataplane");
    table.fault("memory_mb", fmt::format("{} is too little for {} ports and {} workers: {} needed",
                                         plan.memory_mb, plan.ports.size(),
                                         plan.corridor.plan.workers, memory_need_mb(plan)));
  }
  if (auto verdict = file->verdict(); !verdict) return std::move(verdict).take_error();
  return plan;
}

std::uint64_t memory_need_mb(const BootPlan& plan) {
  const wire::CorridorPlan& corridor = plan.corridor.plan;
  std::uint32_t mtu_max = 0;
  for (const PortPlan& port : plan.ports) mtu_max = std::max<std::uint32_t>(mtu_max, port.mtu);
  const auto ports = static_cast<std::uint32_t>(plan.ports.size());
  const std::uint64_t flows = corridor.workers * FlowTable::places(corridor) * sizeof(Flow);
  const std::uint64_t packets = port::pool_size(ports, corridor.workers, mtu_max).bytes();
  const std::uint64_t sessions =
      corridor.workers * std::uint64_t{plan.srtp_sessions} * sizeof(SrtpSession);
  return ((flows + sessions + packets) >> 20) + 1 + kDpdkOwnMb;
}

}  // namespace tandem::dataplane
