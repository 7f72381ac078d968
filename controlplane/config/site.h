// What an operator has configured, as plain records. Nothing here decides anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/gateway.h"
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

struct Route {
  std::string prefix;            // digits; empty: every number
  std::uint32_t gateway = 0;     // index into Site::gateways
  std::uint16_t priority = 100;  // the lowest is tried first
  std::uint16_t weight = 1;      // its share among equals
};

// Phones that register with us.
struct Registrar {
  std::vector<std::string> realms;  // the first is asked for where a phone names none of them
  std::string store;                // Site's
  std::string registrations;        // who is registered, for the next start
};

struct Site {
  wire::CorridorSettings corridor;
  std::vector<Port> ports;  // in the order of CorridorPlan::addresses
  std::vector<Listener> listeners;
  std::vector<Gateway> gateways;
  std::string gateway_store;  // those that are set while the switch runs
  std::vector<Route> routes;
  std::string route_store;  // routes and lists of numbers that are set while it runs
  std::string store;        // the operator's database; empty: there is none
  std::optional<Registrar> registrar;
  std::vector<base::Endpoint> dns_servers;  // empty: those of /etc/resolv.conf
  std::vector<int> worker_cores;            // the dataplane's; our threads keep off them
  std::string sound_folder;                 // of WAV files; empty: none
  std::vector<std::string> sounds;          // their names, without .wav
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
