#include "drivers/port/eal.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "drivers/port/device_name.h"

namespace tandem::port {
namespace {

constexpr const char* kHugeRoot = "/sys/kernel/mm/hugepages";
constexpr std::uint64_t kPlainReserveMb = 64;  // for everything that isn't DPDK's

struct Interface {
  bool exists = false;
  bool up = false;
  bool has_ip = false;
};

Interface look_up_interface(std::string_view name) {
  Interface out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (name != at->ifa_name) continue;
    out.exists = true;
    out.up = out.up || (at->ifa_flags & IFF_UP) != 0;
    const bool ip = at->ifa_addr != nullptr &&
                    (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6);
    out.has_ip = out.has_ip || ip;
  }
  freeifaddrs(list);
  return out;
}

void check_interface(const std::string& device, std::string_view name, Prerequisites& out) {
  const Interface found = look_up_interface(name);
  if (!found.exists) {
    out.faults.push_back(fmt::format(
        "device {}: there is no interface \"{}\" in this network namespace; make it first, or "
        "start in the namespace that has it",
        device, name));
    return;
  }
  if (!found.up) {
    out.remarks.push_back(
        fmt::format("interface {0} is down: nothing will come or go until "
                    "`ip link set {0} up`",
                    name));
  }
  if (found.has_ip) {
    out.remarks.push_back(fmt::format(
        "interface {} has IP addresses: the kernel will answer there as well as we do", name));
  }
}

void check_pci(const std::string& device, Prerequisites& out) {
  const auto name = device_name(device);
  std::error_code ignored;
  if (!std::filesystem::exists(fmt::format("/sys/bus/pci/devices/{}", name), ignored)) {
    out.faults.push_back(fmt::format(
        "device {}: there is no such PCI device; `dpdk-devbind.py --status-dev net` lists them",
        name));
  }
}

std::optional<std::uint64_t> available_plain_mb() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (file >> word) {
    if (word == "MemAvailable:" && file >> kib) return kib >> 10;
  }
  return std::nullopt;
}

void check_memory(const EalSettings& settings, Prerequisites& out) {
  if (settings.huge_pages) {
    const std::uint64_t free = free_huge_mb(kHugeRoot);
    out.huge_pages = free >= settings.memory_mb;
    if (out.huge_pages) return;
    out.remarks.push_back(fmt::format(
        "memory_mb = {} but only {} MiB of huge pages are free: going on with plain memory, which "
        "is slower; for huge pages: echo {} > {}/hugepages-2048kB/nr_hugepages",
        settings.memory_mb, free, (settings.memory_mb + 1) / 2, kHugeRoot));
  }
  const auto plain = available_plain_mb();
  if (plain && *plain < settings.memory_mb + kPlainReserveMb) {
    out.faults.push_back(fmt::format(
        "memory_mb = {} doesn't fit: {} MiB of memory are available; lower memory_mb or free some",
        settings.memory_mb, *plain));
  }
}

}  // namespace

std::uint64_t free_huge_mb(const std::string& root) {
  std::uint64_t bytes = 0;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(root, fault)) {
    unsigned long long size_kb = 0;
    if (std::sscanf(entry.path().filename().c_str(), "hugepages-%llukB", &size_kb) != 1) continue;
    std::uint64_t pages = 0;
    if (std::ifstream(entry.path() / "free_hugepages") >> pages) bytes += pages * size_kb;
  }
  return bytes >> 10;
}

Prerequisites check_prerequisites(const EalSettings& settings, const std::vector<Cpu>& cpus) {
  Prerequisites out;
  out.faults = pinning_faults(cpus, settings.pinning);
  out.remarks = pinning_remarks(cpus, settings.pinning);
  check_memory(settings, out);
  bool root_missing = false;
  for (const std::string& device : settings.devices) {
    root_missing = root_missing || (needs_root(device) && geteuid() != 0);
    if (is_pci(device)) check_pci(device, out);
    const auto interface = device_argument(device, "iface");
    if (!interface.empty()) {
      check_interface(device, interface, out);
    } else if (is_af_packet(device)) {
      out.faults.push_back(
          fmt::format("device {}: add the interface, \"{},iface=NAME\"", device, device));
    }
  }
  if (root_missing) {
    out.faults.push_back("the configured devices need raw access to interfaces: run as root");
  }
  return out;
}

std::vector<std::string> eal_arguments(const EalSettings& settings, bool huge_pages) {
  std::string lcores = fmt::format("0@{}", settings.pinning.main_core);
  for (std::size_t i = 0; i < settings.pinning.cores.size(); ++i) {
    lcores += fmt::format(",{}@{}", i + 1, settings.pinning.cores[i]);
  }
  std::vector<std::string> out{"tandem-dataplane",
                               "--lcores",
                               lcores,
                               "--main-lcore",
                               "0",
                               "-m",
                               std::to_string(settings.memory_mb)};
  // Neither way leaves a file that a killed process would have to clean up.
  if (huge_pages) {
    out.emplace_back("--in-memory");
  } else {
    out.insert(out.end(), {"--no-huge", "--no-shconf"});
  }
  out.insert(out.end(), {"--file-prefix", settings.name, "--no-telemetry", "--log-level", "4"});
  bool any_pci = false;
  for (const std::string& device : settings.devices) {
    const bool pci = is_pci(device);
    any_pci = any_pci || pci;
    out.insert(out.end(), {pci ? "-a" : "--vdev", device});
  }
  if (!any_pci) out.emplace_back("--no-pci");
  return out;
}

base::Result<void> start_eal(const std::vector<std::string>& arguments) {
  std::string line;
  for (const auto& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  // DPDK reorders the pointers and keeps some: copies that live as long as the process.
  static std::vector<std::string> kept;
  static std::vector<char*> pointers;
  kept = arguments;
  pointers.clear();
  for (auto& argument : kept) pointers.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    return base::error(fmt::format("DPDK didn't start ({}); its arguments were: {}",
                                   rte_strerror(rte_errno), line));
  }
  return {};
}

void stop_eal() {
  const std::string directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  rmdir(directory.c_str());  // DPDK leaves it behind, empty
}

}  // namespace tandem::port
