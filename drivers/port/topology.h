// The machine's CPUs and memory nodes (hwloc), and what is unwise about a pinning plan. At start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::port {

struct Cpu {
  std::uint32_t number = 0;  // as the kernel counts
  std::uint32_t core = 0;    // the same for SMT siblings
  std::uint32_t node = 0;    // NUMA
  bool allowed = true;       // for this process (affinity, cgroup)
};

struct Pinning {
  std::uint32_t main_core = 0;
  std::vector<std::uint32_t> cores;  // of each worker
};

std::vector<Cpu> read_topology();

// CPUs of the plan that don't exist or aren't ours: a sentence each.
std::vector<std::string> pinning_faults(const std::vector<Cpu>& cpus, const Pinning& pinning);
// What works but slows: a CPU or a core with two jobs, workers far from each other.
std::vector<std::string> pinning_remarks(const std::vector<Cpu>& cpus, const Pinning& pinning);
// "main on CPU 0; worker 0 on CPU 1 (core 1, node 0)"
std::string pinning_text(const std::vector<Cpu>& cpus, const Pinning& pinning);

}  // namespace tandem::port
