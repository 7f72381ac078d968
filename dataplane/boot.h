// From the site file to a plan of what to start. The dataplane reads only [corridor], [dataplane]
// and [[port]]; the rest of the file is the control plane's and passes unread. At start only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/base/endpoint.h"
#include "drivers/base/result.h"
#include "drivers/base/settings_file.h"
#include "drivers/port/topology.h"
#include "drivers/wire/plan.h"

namespace tandem::dataplane {

struct PortPlan {
  std::string name;
  std::string device;  // as DPDK takes it, queues included
  base::Ip4Prefix network;
  std::uint32_t gateway = 0;  // network order; 0: none
  std::uint16_t mtu = 1500;
};

struct BootPlan {
  wire::CorridorSettings corridor;
  port::Pinning pinning;
  std::uint32_t memory_mb = 512;
  bool huge_pages = true;
  std::uint32_t srtp_sessions = 1024;  // of a worker: parties' streams that speak SRTP at a time
  std::vector<PortPlan> ports;         // port n bears address n of the corridor's plan
};

// All faults of the file in one text, or the plan.
base::Result<BootPlan> read_boot_plan(const std::string& path);

// MiB that the plan's flow tables, SRTP sessions and packets take, with room for DPDK's own.
std::uint64_t memory_need_mb(const BootPlan& plan);

}  // namespace tandem::dataplane
