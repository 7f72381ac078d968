// What an operator has configured, as plain records. Nothing here decides anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/parameters.h"
#include "drivers/base/endpoint.h"
#include "drivers/base/protocol.h"
#include "drivers/wire/plan.h"

namespace tandem::config {

struct Port {
  std::string name;
  base::IpAddress address;  // ours on this network: SIP and media
  base::Ip4Prefix network;
  std::uint16_t sip_port = 0;  // 0: no signalling here
};

// Whether a peer must show a certificate of our ca's.
enum class TlsVerify : std::uint8_t {
  kOff,
  kOptional,  // one that is shown must be good; servers that we connect to always show one
  kRequired,
};

// Files, PEM.
struct Tls {
  std::string certificate{};  // and the chain above it
  std::string key{};
  std::string ca{};
  TlsVerify verify = TlsVerify::kOff;
};

// SIP through the kernel, beside the dataplane's.
struct Listener {
  std::string name;
  base::Protocol protocol = base::Protocol::kUdp;
  base::Endpoint address;  // of the kernel's, not a port's
  std::uint32_t port = 0;  // index into Site::ports: media of whoever signals here
  Tls tls{};
};

enum class GatewayKind : std::uint8_t {
  kMapping,  // ingress: a customer, known by source address
  kRouting,  // egress: a vendor
};

// A gateway known by name: looked up while the switch runs (RFC 3263).
struct HostName {
  std::string name;
  std::uint16_t port = 0;  // 0: what SRV records say, else the protocol's own

  friend bool operator==(const HostName&, const HostName&) = default;
};

// One of the places where a gateway is reached. The lowest priority is tried first; among equals,
// the weight is the share (RFC 2782).
struct Target {
  base::Endpoint endpoint;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;

  friend bool operator==(const Target&, const Target&) = default;
};

struct Gateway {
  std::string name;
  GatewayKind kind = GatewayKind::kMapping;
  std::vector<base::Endpoint> addresses;  // mapping: port 0 = any; routing: at most one
  std::uint32_t capacity = 0;             // concurrent calls; 0: no limit
  std::uint32_t port = 0;  // routing: index into Site::ports that leads to it, or to its media
  std::vector<HostName> hosts{};            // beside addresses; routing: one, where there is none
  std::optional<std::uint32_t> listener{};  // routing: index into Site::listeners; none: its port
  std::string server_name{};  // what its TLS certificate must be for; empty: its name or address
  bool large_by_tcp = false;  // requests too large for a datagram go by TCP
};

struct Route {
  std::string prefix;         // digits; empty: every number
  std::uint32_t gateway = 0;  // index into Site::gateways
};

// Phones that register with us.
struct Registrar {
  std::vector<std::string> realms;  // the first is asked for where a phone names none of them
  std::string store;                // the accounts' database
  std::string registrations;        // who is registered, for the next start
};

struct Site {
  wire::CorridorSettings corridor;
  std::vector<Port> ports;  // in the order of CorridorPlan::addresses
  std::vector<Listener> listeners;
  std::vector<Gateway> gateways;
  std::vector<Route> routes;
  std::optional<Registrar> registrar;
  std::vector<base::Endpoint> dns_servers;  // empty: those of /etc/resolv.conf
  std::vector<int> worker_cores;            // the dataplane's; our threads keep off them
  std::string control_socket;
  std::string cdr_journal;
  Parameters parameters;
  std::vector<std::string> warnings;  // what is allowed, but hardly meant
};

// Whether SIP comes to this address of ours, by any protocol.
inline bool speaks_at(const Site& site, const base::Endpoint& local) {
  for (const Port& port : site.ports) {
    if (port.address == local.address && port.sip_port == local.port) return true;
  }
  for (const Listener& listener : site.listeners) {
    if (listener.address == local) return true;
  }
  return false;
}

}  // namespace tandem::config
