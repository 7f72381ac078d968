// What an operator has configured, as plain records. Nothing here decides anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/config/parameters.h"
#include "drivers/base/endpoint.h"
#include "drivers/wire/plan.h"

namespace tandem::config {

struct Port {
  std::string name;
  base::IpAddress address;  // ours on this network: SIP and media
  base::Ip4Prefix network;
  std::uint16_t sip_port = 0;  // 0: no signalling here
};

enum class GatewayKind : std::uint8_t {
  kMapping,  // ingress: a customer, known by source address
  kRouting,  // egress: a vendor
};

struct Gateway {
  std::string name;
  GatewayKind kind = GatewayKind::kMapping;
  std::vector<base::Endpoint> addresses;  // mapping: port 0 = any; routing: exactly one
  std::uint32_t capacity = 0;             // concurrent calls; 0: no limit
  std::uint32_t port = 0;                 // routing: index into Site::ports that leads to it
};

struct Route {
  std::string prefix;         // digits; empty: every number
  std::uint32_t gateway = 0;  // index into Site::gateways
};

struct Site {
  wire::CorridorSettings corridor;
  std::vector<Port> ports;  // in the order of CorridorPlan::addresses
  std::vector<Gateway> gateways;
  std::vector<Route> routes;
  std::vector<int> worker_cores;  // the dataplane's; our threads keep off them
  std::string control_socket;
  std::string cdr_journal;
  Parameters parameters;
};

}  // namespace tandem::config
