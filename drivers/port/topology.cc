#include "drivers/port/topology.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <sched.h>

#include <algorithm>

#include "drivers/base/check.h"

namespace tandem::port {
namespace {

const Cpu* find(const std::vector<Cpu>& cpus, std::uint32_t number) {
  const auto at =
      std::find_if(cpus.begin(), cpus.end(), [&](const Cpu& cpu) { return cpu.number == number; });
  return at != cpus.end() ? &*at : nullptr;
}

bool may_run_on(std::uint32_t number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0 || number >= CPU_SETSIZE) return false;
  return CPU_ISSET(number, &set);
}

Cpu describe(hwloc_topology_t topology, hwloc_obj_t unit) {
  Cpu cpu;
  cpu.number = unit->os_index;
  if (const auto core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, unit)) {
    cpu.core = core->logical_index;
  }
  if (unit->nodeset != nullptr) {
    if (const int node = hwloc_bitmap_first(unit->nodeset); node > 0) {
      cpu.node = static_cast<std::uint32_t>(node);
    }
  }
  cpu.allowed = may_run_on(cpu.number);
  return cpu;
}

struct Job {
  std::string name;
  std::uint32_t cpu;
};

std::vector<Job> jobs_of(const Pinning& pinning) {
  std::vector<Job> jobs{{"main", pinning.main_core}};
  for (std::size_t i = 0; i < pinning.cores.size(); ++i) {
    jobs.push_back({fmt::format("worker {}", i), pinning.cores[i]});
  }
  return jobs;
}

}  // namespace

std::vector<Cpu> read_topology() {
  hwloc_topology_t topology;
  CHECK(hwloc_topology_init(&topology) == 0);
  hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  CHECK(hwloc_topology_load(topology) == 0);
  std::vector<Cpu> cpus;
  hwloc_obj_t unit = nullptr;
  while ((unit = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, unit)) != nullptr) {
    cpus.push_back(describe(topology, unit));
  }
  hwloc_topology_destroy(topology);
  return cpus;
}

std::vector<std::string> pinning_faults(const std::vector<Cpu>& cpus, const Pinning& pinning) {
  std::string there;
  for (const Cpu& cpu : cpus) {
    if (cpu.allowed) there += fmt::format("{}{}", there.empty() ? "" : ", ", cpu.number);
  }
  std::vector<std::string> out;
  for (const Job& job : jobs_of(pinning)) {
    const Cpu* cpu = find(cpus, job.cpu);
    if (cpu != nullptr && cpu->allowed) continue;
    out.push_back(fmt::format(
        "{} is to run on CPU {}, which {}; choose from CPUs {}", job.name, job.cpu,
        cpu == nullptr ? "this machine doesn't have" : "this process isn't allowed to use", there));
  }
  return out;
}

std::vector<std::string> pinning_remarks(const std::vector<Cpu>& cpus, const Pinning& pinning) {
  std::vector<std::string> out;
  const std::vector<Job> jobs = jobs_of(pinning);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Cpu* mine = find(cpus, jobs[i].cpu);
    for (std::size_t k = 0; mine != nullptr && k < i; ++k) {
      const Cpu* other = find(cpus, jobs[k].cpu);
      if (other == nullptr) continue;
      if (other->number == mine->number) {
        out.push_back(fmt::format("{} and {} share CPU {}: fine in a lab, not for traffic",
                                  jobs[k].name, jobs[i].name, mine->number));
      } else if (other->core == mine->core) {
        out.push_back(fmt::format("{} and {} are SMT siblings on core {}: each slows the other",
                                  jobs[k].name, jobs[i].name, mine->core));
      } else if (k != 0 && other->node != mine->node) {
        out.push_back(fmt::format("{} and {} are on different NUMA nodes ({} and {})", jobs[k].name,
                                  jobs[i].name, other->node, mine->node));
      }
    }
  }
  return out;
}

std::string pinning_text(const std::vector<Cpu>& cpus, const Pinning& pinning) {
  std::string out;
  for (const Job& job : jobs_of(pinning)) {
    const Cpu* cpu = find(cpus, job.cpu);
    if (cpu == nullptr) continue;
    out += fmt::format("{}{} on CPU {} (core {}, node {})", out.empty() ? "" : "; ", job.name,
                       cpu->number, cpu->core, cpu->node);
  }
  return out;
}

}  // namespace tandem::port
