#include "controlplane/config/listeners.h"

#include <fmt/format.h>

#include <algorithm>

namespace tandem::config {
namespace {

using base::Protocol;
using base::SettingsTable;

std::optional<Protocol> protocol_named(std::string_view name) {
  if (name == "udp") return Protocol::kUdp;
  if (name == "tcp") return Protocol::kTcp;
  if (name == "tls") return Protocol::kTls;
  return std::nullopt;
}

constexpr std::string_view kProtocols = "must be \"udp\", \"tcp\" or \"tls\"";

// Two listeners can't share a port of the kernel's: UDP has its own, TCP and TLS share theirs.
bool same_door(const Listener& a, const Listener& b) {
  return a.address == b.address && is_reliable(a.protocol) == is_reliable(b.protocol);
}

void read_address(SettingsTable& table, const Site& site, Listener& listener) {
  const auto text = table.required_text("address");
  if (text.empty()) return;
  const auto address = base::Endpoint::parse(text, default_port(listener.protocol));
  if (!address || !address->address.is_ip4() || address->port == 0) {
    table.fault("address", fmt::format("\"{}\" is not of the form 192.0.2.1:5060", text));
    return;
  }
  listener.address = *address;
  if (address->address.ip4_network_order() == 0) {
    table.fault("address", "must be one address: peers are told it, and answer to it");
  }
  if (site.corridor.plan.index_of(address->address) >= 0) {
    table.fault("address",
                fmt::format("{} is a port's: the dataplane has it, not the kernel (sip_port is "
                            "what makes a port listen)",
                            address->address.text()));
  }
  for (const Listener& other : site.listeners) {
    if (!same_door(listener, other)) continue;
    table.fault("address", fmt::format("{} is also that of listener {}", text, other.name));
  }
}

void read_tls(SettingsTable& table, Listener& listener) {
  const bool needed = listener.protocol == Protocol::kTls;
  for (const auto* key : {"certificate", "key", "ca", "verify"}) {
    if (!needed && table.has(key)) table.fault(key, "is for protocol = \"tls\"");
  }
  Tls& tls = listener.tls;
  tls.certificate = needed ? table.required_text("certificate") : table.text("certificate", "");
  tls.key = needed ? table.required_text("key") : table.text("key", "");
  tls.ca = table.text("ca", "");
  const auto verify = table.text("verify", "off");
  if (verify == "required")
    tls.verify = TlsVerify::kRequired;
  else if (verify == "optional")
    tls.verify = TlsVerify::kOptional;
  else if (verify != "off")
    table.fault("verify", "must be \"off\", \"optional\" or \"required\"");
  if (needed && tls.verify != TlsVerify::kOff && tls.ca.empty()) {
    table.fault("ca", "is needed to verify peers");
  }
}

std::optional<std::uint32_t> listener_named(const Site& site, std::string_view name) {
  for (std::uint32_t i = 0; i < site.listeners.size(); ++i) {
    if (site.listeners[i].name == name) return i;
  }
  return std::nullopt;
}

// The only listener that speaks this; a fault when there is none or a choice.
std::optional<std::uint32_t> only_listener(SettingsTable& table, const Site& site,
                                           Protocol protocol) {
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < site.listeners.size(); ++i) {
    if (site.listeners[i].protocol != protocol) continue;
    if (found) {
      table.fault("transport", "several listeners speak it: say which with listener = \"NAME\"");
      return std::nullopt;
    }
    found = i;
  }
  if (!found) table.fault("transport", "no listener speaks it");
  return found;
}

// What only some listeners can do for a gateway.
void read_extras(SettingsTable& table, const Site& site, Gateway& gateway) {
  gateway.server_name = table.text("server_name", "");
  const auto large = table.text("large_requests", "udp");
  gateway.large_by_tcp = large == "tcp";
  if (large != "tcp" && large != "udp") {
    table.fault("large_requests", "must be \"udp\" or \"tcp\"");
  }
  const Listener* listener = gateway.listener ? &site.listeners[*gateway.listener] : nullptr;
  const bool tls = listener != nullptr && listener->protocol == Protocol::kTls;
  if (!gateway.server_name.empty() && !tls) {
    table.fault("server_name", "is for gateways reached by a TLS listener");
  }
  if (!gateway.large_by_tcp || (listener != nullptr && is_reliable(listener->protocol))) return;
  const bool has_tcp =
      listener != nullptr &&
      std::any_of(site.listeners.begin(), site.listeners.end(), [&](const Listener& other) {
        return other.protocol == Protocol::kTcp &&
               other.address.address == listener->address.address;
      });
  if (!has_tcp) {
    table.fault("large_requests", "needs a UDP listener, and a TCP one with the same address");
  }
}

bool read_transport(SettingsTable& table, const Site& site, Gateway& gateway) {
  const auto name = table.text("listener", "");
  const auto transport = table.text("transport", "");
  if (gateway.kind != GatewayKind::kRouting) {
    if (!name.empty()) table.fault("listener", "is for routing gateways");
    if (!transport.empty()) table.fault("transport", "is for routing gateways");
    return false;
  }
  const auto protocol = protocol_named(transport);
  if (!transport.empty() && !protocol) {
    table.fault("transport", kProtocols);
    return true;
  }
  if (name.empty()) {
    // UDP without a listener is the corridor's.
    if (!protocol || !is_reliable(*protocol)) return false;
    gateway.listener = only_listener(table, site, *protocol);
    return true;
  }
  gateway.listener = listener_named(site, name);
  if (!gateway.listener) {
    table.fault("listener", fmt::format("there is no listener \"{}\"", name));
  } else if (protocol && site.listeners[*gateway.listener].protocol != *protocol) {
    table.fault("transport", fmt::format("listener \"{}\" speaks another", name));
  }
  return true;
}

}  // namespace

std::optional<std::uint32_t> port_named(const Site& site, std::string_view name) {
  for (std::uint32_t i = 0; i < site.ports.size(); ++i) {
    if (site.ports[i].name == name) return i;
  }
  return std::nullopt;
}

void read_listeners(SettingsTable& root, Site& site) {
  for (auto& table : root.tables("listener")) {
    Listener listener;
    listener.name = table.required_text("name");
    if (listener_named(site, listener.name)) {
      table.fault("name", "is that of an earlier listener");
    }
    const auto protocol = protocol_named(table.required_text("protocol"));
    if (!protocol) table.fault("protocol", kProtocols);
    listener.protocol = protocol.value_or(Protocol::kUdp);
    read_address(table, site, listener);
    const auto port = table.required_text("port");
    const auto found = port_named(site, port);
    if (!found && !port.empty()) {
      table.fault("port", fmt::format("there is no port \"{}\" for its calls' media", port));
    }
    listener.port = found.value_or(0);
    read_tls(table, listener);
    table.refuse_unknown();
    site.listeners.push_back(std::move(listener));
  }
}

bool read_gateway_listener(SettingsTable& table, const Site& site, Gateway& gateway) {
  const bool listened = read_transport(table, site, gateway);
  read_extras(table, site, gateway);
  return listened;
}

}  // namespace tandem::config
