// DPDK's environment: what must be right before it starts, its arguments, start and end. Once a
// process, from main.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/base/result.h"
#include "drivers/port/topology.h"

namespace tandem::port {

struct EalSettings {
  std::string name;  // tells two switches on one machine apart
  Pinning pinning;
  std::uint32_t memory_mb = 512;
  bool huge_pages = true;            // false: don't even look for them
  std::vector<std::string> devices;  // as the site file names them, queues included
};

// What the machine says to the settings. Faults: it can't start, and what to do about it. Remarks:
// it starts, but an operator should know.
struct Prerequisites {
  std::vector<std::string> faults;
  std::vector<std::string> remarks;
  bool huge_pages = false;  // enough are free: use them
};
Prerequisites check_prerequisites(const EalSettings& settings, const std::vector<Cpu>& cpus);

// Free huge pages of all sizes, in MiB. `root`: "/sys/kernel/mm/hugepages".
std::uint64_t free_huge_mb(const std::string& root);

std::vector<std::string> eal_arguments(const EalSettings& settings, bool huge_pages);

// Worker i is lcore i + 1. The calling thread becomes the main lcore and is pinned.
base::Result<void> start_eal(const std::vector<std::string>& arguments);
void stop_eal();

}  // namespace tandem::port
