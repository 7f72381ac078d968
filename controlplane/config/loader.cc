#include "controlplane/config/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "controlplane/config/gateway_reader.h"
#include "controlplane/config/listeners.h"
#include "controlplane/config/payload_secret.h"
#include "drivers/base/settings_file.h"
#include "drivers/base/text.h"

namespace tandem::config {
namespace {

using base::SettingsTable;

constexpr std::size_t kRoutesOfPrefix = 32;

void read_ports(SettingsTable& root, Site& site) {
  for (auto& table : root.tables("port")) {
    Port port;
    port.name = table.required_text("name");
    if (port_named(site, port.name)) table.fault("name", "is that of an earlier port");
    if (const auto network = base::Ip4Prefix::parse(table.required_text("address"))) {
      port.network = *network;
      port.address = base::IpAddress::ip4_raw(network->network_order);
    }  // else read_corridor() has said so
    port.sip_port = static_cast<std::uint16_t>(table.integer("sip_port", 0, 0, 65535));
    // The dataplane's part of the table.
    for (const auto* key : {"device", "gateway"}) table.text(key, "");
    table.integer("mtu", 1500, 576, 9216);
    table.refuse_unknown();
    site.ports.push_back(std::move(port));
  }
}

void read_gateways(SettingsTable& root, Site& site, const GatewayChecks& checks) {
  for (auto& table : root.tables("gateway")) {
    site.gateways.push_back(read_gateway(table, site, site.gateways, checks));
    const Gateway& gateway = site.gateways.back();
    for (const auto& warning : gateway.warnings) {
      site.warnings.push_back(fmt::format("gateway {}: {}", gateway.name, warning));
    }
  }
}

// Beside those of the earlier rows.
void check_route(SettingsTable& table, const Site& site, const Route& route) {
  std::size_t count = 0;
  for (const auto& other : site.routes) {
    if (other.prefix != route.prefix) continue;
    ++count;
    if (other.gateway == route.gateway) {
      table.fault("prefix", "has a route to this gateway already");
    }
  }
  if (count == kRoutesOfPrefix) {
    table.fault("prefix", fmt::format("has {} routes already", kRoutesOfPrefix));
  }
}

void read_routes(SettingsTable& root, Site& site) {
  for (auto& table : root.tables("route")) {
    Route route;
    route.prefix = table.required_text("prefix");
    if (!std::all_of(route.prefix.begin(), route.prefix.end(), base::is_digit) ||
        route.prefix.size() > 32) {
      table.fault("prefix", "must be 0..32 digits");
    }
    const auto name = table.required_text("gateway");
    const auto found = std::find_if(site.gateways.begin(), site.gateways.end(),
                                    [&](const Gateway& g) { return g.name == name; });
    if (found == site.gateways.end()) {
      table.fault("gateway", fmt::format("there is no gateway \"{}\"", name));
    } else if (found->kind != GatewayKind::kRouting) {
      table.fault("gateway", fmt::format("\"{}\" is not a routing gateway", name));
    } else {
      route.gateway = static_cast<std::uint32_t>(found - site.gateways.begin());
      check_route(table, site, route);
    }
    route.priority = static_cast<std::uint16_t>(table.integer("priority", 100, 0, 65535));
    route.weight = static_cast<std::uint16_t>(table.integer("weight", 1, 0, 65535));
    table.refuse_unknown();
    site.routes.push_back(std::move(route));
  }
}

void read_dns(SettingsTable& root, Site& site) {
  auto dns = root.table("dns");
  for (const auto& text : dns.texts("servers")) {
    if (const auto server = base::Endpoint::parse(text, 53))
      site.dns_servers.push_back(*server);
    else
      dns.fault("servers", fmt::format("\"{}\" is not an IP address", text));
  }
  dns.refuse_unknown();
}

// A realm goes on the wire between quotes.
bool is_realm(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
}

constexpr const char* kStore = "/var/lib/tandem/tandem.db";

void read_store(SettingsTable& root, Site& site) {
  if (!root.has("store")) return;
  auto table = root.table("store");
  site.store = table.text("path", kStore);
  if (site.store.empty()) table.fault("path", "must name a file");
  table.refuse_unknown();
}

// `store` here is the [store]'s path as it was said before there was one.
void read_registrar(SettingsTable& root, Site& site) {
  if (!root.has("registrar")) return;
  auto table = root.table("registrar");
  Registrar registrar;
  registrar.realms = table.texts("realm");
  registrar.store = table.text("store", site.store.empty() ? kStore : site.store);
  registrar.registrations = table.text(
      "registrations",
      std::filesystem::path(registrar.store).replace_filename("registrations.db").string());
  if (registrar.registrations == registrar.store) {
    table.fault("registrations", "must be another file than the store");
  }
  if (!site.store.empty() && registrar.store != site.store) {
    table.fault("store", fmt::format("[store] says {}", site.store));
  }
  site.store = registrar.store;
  if (registrar.realms.empty()) table.fault("realm", "at least one is needed");
  for (auto realm = registrar.realms.begin(); realm != registrar.realms.end(); ++realm) {
    if (!is_realm(*realm)) {
      table.fault("realm", "must be 1..128 visible characters without quotes and backslashes");
    }
    const auto same = [&](const std::string& other) { return base::iequals(other, *realm); };
    if (std::any_of(registrar.realms.begin(), realm, same)) {
      table.fault("realm", fmt::format("\"{}\" stands there twice", *realm));
    }
  }
  table.refuse_unknown();
  site.registrar = std::move(registrar);
}

// What operators set while the switch runs. Gateways beside the journal; routes beside the
// accounts, where there are any.
void read_stores(SettingsTable& root, Site& site) {
  const auto beside = [](const std::string& path, std::string_view name) {
    return std::filesystem::path(path).replace_filename(name).string();
  };
  auto gateways = root.table("gateways");
  site.gateway_store = gateways.text("store", beside(site.cdr_journal, "gateways.db"));
  gateways.refuse_unknown();
  auto routing = root.table("routing");
  const std::string& near = site.registrar ? site.registrar->store : site.cdr_journal;
  site.route_store = routing.text("store", beside(near, "routes.db"));
  if (site.registrar && (site.route_store == site.registrar->store ||
                         site.route_store == site.registrar->registrations)) {
    routing.fault("store", "must be another file than the registrar's");
  }
  if (site.route_store == site.gateway_store) {
    routing.fault("store", "must be another file than that of [gateways]");
  }
  routing.refuse_unknown();
}

// What they hold is read later; which ones there are is needed to know what gateways may name.
void read_sounds(SettingsTable& root, Site& site) {
  if (!root.has("sounds")) return;
  auto table = root.table("sounds");
  site.sound_folder = table.required_text("folder");
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(site.sound_folder, fault)) {
    if (entry.path().extension() == ".wav") site.sounds.push_back(entry.path().stem().string());
  }
  if (fault) table.fault("folder", fmt::format("{}: {}", site.sound_folder, fault.message()));
  std::sort(site.sounds.begin(), site.sounds.end());
  table.refuse_unknown();
}

void read_rest(SettingsTable& root, Site& site) {
  auto control = root.table("control");
  site.control_socket = control.text("socket", "/run/tandem/control.sock");
  control.refuse_unknown();
  auto cdr = root.table("cdr");
  site.cdr_journal = cdr.text("journal", "/var/lib/tandem/cdr.jsonl");
  cdr.refuse_unknown();
  auto dataplane = root.table("dataplane");  // checked by the dataplane
  for (const auto core : dataplane.integers("cores", 0, 1023)) {
    site.worker_cores.push_back(static_cast<int>(core));
  }
}

void read_parameters(SettingsTable& root, Site& site) {
  auto table = root.table("parameters");
  for (const auto& [name, text] : table.pairs()) {
    if (const auto set = site.parameters.set(name, text); !set) {
      table.fault(name, set.error_text());
    }
  }
  constexpr std::string_view kKey = "SS_RTPENCRYPTIONKEY";
  const auto verdict = check(payload_secret_of(site.parameters));
  if (!verdict.accepted) {
    table.fault(kKey, verdict.reason);
  } else if (!verdict.reason.empty()) {
    site.warnings.push_back(fmt::format("{}: {}", kKey, verdict.reason));
  }
}

// A way in through a NAT lasts as long as its registration at least, or there would be none to
// keep.
void check_keepalive(SettingsTable& root, Site& site) {
  const Parameters& parameters = site.parameters;
  if (!site.registrar || parameters.SS_SIP_NAT_KEEP_ALIVE_MESSAGE.empty()) return;
  const auto period = parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD;
  const auto expire = parameters.SS_ENDPOINT_NAT_EXPIRE;
  if (period >= expire) {
    root.fault("parameters", fmt::format("SS_SIP_NAT_KEEP_ALIVE_PERIOD of {} s must be below "
                                         "SS_ENDPOINT_NAT_EXPIRE of {} s",
                                         period.count(), expire.count()));
  } else if (5 * period > expire) {
    site.warnings.push_back(
        fmt::format("SS_SIP_NAT_KEEP_ALIVE_PERIOD of {} s is above a fifth of "
                    "SS_ENDPOINT_NAT_EXPIRE of {} s: {} s at most are sensible",
                    period.count(), expire.count(), expire.count() / 5));
  }
}

// What we ask of others must not be less than what we take from them.
void check_session_timer(SettingsTable& root, const Parameters& parameters) {
  if (parameters.SS_SIP_SESSION_TTL >= parameters.TD_SIP_MIN_SE) return;
  root.fault("parameters",
             fmt::format("SS_SIP_SESSION_TTL of {} s must not be below TD_SIP_MIN_SE of {} s",
                         parameters.SS_SIP_SESSION_TTL.count(), parameters.TD_SIP_MIN_SE.count()));
}

}  // namespace

base::Result<Site> load_site(const std::string& path, const GatewayChecks& checks) {
  auto file = base::SettingsFile::read(path);
  if (!file) return std::move(file).take_error();
  auto root = file->root();
  Site site;
  site.corridor = wire::read_corridor(root);
  read_ports(root, site);
  read_listeners(root, site);
  read_store(root, site);
  read_registrar(root, site);
  read_parameters(root, site);
  read_sounds(root, site);
  read_gateways(root, site, checks);
  read_routes(root, site);
  read_dns(root, site);
  read_rest(root, site);
  read_stores(root, site);
  check_keepalive(root, site);
  check_session_timer(root, site.parameters);
  root.refuse_unknown();
  const PortRange& media = site.parameters.SS_RTP_PORT_RANGE;
  for (const Port& port : site.ports) {
    if (port.sip_port < media.low || port.sip_port > media.high) continue;
    root.fault("port", fmt::format("sip_port {} of \"{}\" lies in SS_RTP_PORT_RANGE {},{}",
                                   port.sip_port, port.name, media.low, media.high));
  }
  if (site.listeners.empty() && std::none_of(site.ports.begin(), site.ports.end(),
                                             [](const Port& port) { return port.sip_port != 0; })) {
    root.fault("port", "no port has a sip_port, and there is no listener: nothing could ever call");
  }
  if (auto verdict = file->verdict(); !verdict) return std::move(verdict).take_error();
  return site;
}

}  // namespace tandem::config
