#include "controlplane/config/gateway_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/config/host_name.h"
#include "controlplane/config/listeners.h"
#include "controlplane/config/payload_secret.h"
#include "drivers/base/check.h"
#include "drivers/base/text.h"

namespace tandem::config {
namespace {

using base::SettingsTable;

constexpr std::size_t kPrefixMax = 32;

// The port whose network an address lies in.
std::optional<std::uint32_t> port_towards(const Site& site, const base::IpAddress& address) {
  for (std::uint32_t i = 0; i < site.ports.size(); ++i) {
    if (site.ports[i].network.covers(address.ip4_network_order())) return i;
  }
  return std::nullopt;
}

void read_addresses(SettingsTable& table, const Site& site, Gateway& gateway,
                    const GatewayChecks& checks) {
  const bool routing = gateway.kind == GatewayKind::kRouting;
  const auto texts = table.texts("address");
  const std::uint16_t plain_port = default_port(
      gateway.listener ? site.listeners[*gateway.listener].protocol : base::Protocol::kUdp);
  for (const auto& text : texts) {
    const auto address = base::Endpoint::parse(text, routing ? plain_port : 0);
    if (const auto host = address ? std::nullopt : host_name(text)) {
      gateway.hosts.push_back(*host);
      continue;
    }
    if (!address || !address->address.is_ip4()) {
      table.fault("address", fmt::format("\"{}\" is neither an IPv4 address nor a name", text));
      continue;
    }
    if (routing && speaks_at(site, *address)) {
      table.fault("address", fmt::format("{} is this switch's own: calls would come back", text));
    }
    gateway.addresses.push_back(*address);
  }
  gateway.registration = table.text("registration", "");
  const bool elsewhere = !gateway.account.empty() || !gateway.registration.empty();
  if (texts.empty() && !elsewhere) table.fault("address", "at least one is needed");
  const std::string_view other = gateway.account.empty() ? "registration" : "account";
  if (!texts.empty() && elsewhere) {
    table.fault(other, "stands instead of an address, not beside one");
  }
  if (!gateway.registration.empty() && checks.is_registration &&
      !checks.is_registration(gateway.registration)) {
    table.fault("registration", fmt::format("there is none named \"{}\"", gateway.registration));
  }
  if (!gateway.account.empty() && !gateway.registration.empty()) {
    table.fault("registration", "stands instead of an account, not beside one");
  }
  if (routing && texts.size() > 1) {
    table.fault("address", "a routing gateway has one address or name");
  }
}

// Through which port a routing gateway is reached, or its media alone when SIP takes a listener.
void read_way_out(SettingsTable& table, const Site& site, Gateway& gateway, bool listened) {
  const auto name = table.text("port", "");
  if (gateway.kind != GatewayKind::kRouting) {
    if (!name.empty()) table.fault("port", "is for routing gateways");
    return;
  }
  if (listened && name.empty()) {
    if (gateway.listener) gateway.port = site.listeners[*gateway.listener].port;
    return;
  }
  if (!gateway.hosts.empty() && name.empty()) {
    table.fault("port",
                "a gateway known by name needs port = \"NAME\": where its addresses lie "
                "is not known beforehand");
    return;
  }
  if (name.empty() && gateway.addresses.empty()) return;  // where it registers from
  const auto port =
      name.empty() ? port_towards(site, gateway.addresses.front().address) : port_named(site, name);
  if (!port) {
    table.fault(name.empty() ? "address" : "port",
                name.empty() ? "lies in no port's network: say which with port = \"NAME\""
                             : fmt::format("there is no port \"{}\"", name));
    return;
  }
  if (site.ports[*port].sip_port == 0 && !listened) {
    table.fault("port", fmt::format("port \"{}\" has no sip_port", site.ports[*port].name));
  }
  gateway.port = *port;
}

bool same_address(const Gateway& one, const base::Endpoint& address) {
  return std::find(one.addresses.begin(), one.addresses.end(), address) != one.addresses.end();
}

// Two customers may send from one address when their numbers' prefixes tell them apart.
void check_apart(SettingsTable& table, const Gateway& gateway, const std::vector<Gateway>& others) {
  if (gateway.kind != GatewayKind::kMapping) return;
  for (const Gateway& other : others) {
    if (other.kind != GatewayKind::kMapping || other.name == gateway.name) continue;
    if (!gateway.account.empty() && base::iequals(other.account, gateway.account)) {
      table.fault("account", fmt::format("is also that of gateway {}", other.name));
    }
    if (!gateway.registration.empty() && other.registration == gateway.registration) {
      table.fault("registration", fmt::format("is also that of gateway {}", other.name));
    }
    const auto shared =
        std::find_if(gateway.addresses.begin(), gateway.addresses.end(),
                     [&](const base::Endpoint& mine) { return same_address(other, mine); });
    if (shared == gateway.addresses.end()) continue;
    const auto text = shared->port == 0 ? shared->address.text() : shared->text();
    if (gateway.prefixes.empty() && other.prefixes.empty()) {
      table.fault("address", fmt::format("{} is also that of gateway {}", text, other.name));
    }
    for (const auto& prefix : gateway.prefixes) {
      if (std::find(other.prefixes.begin(), other.prefixes.end(), prefix) == other.prefixes.end()) {
        continue;
      }
      table.fault("prefixes", fmt::format("{} is also that of gateway {}, which has {} too", prefix,
                                          other.name, text));
    }
  }
}

void read_prefixes(SettingsTable& table, Gateway& gateway, const GatewayChecks& checks) {
  gateway.prefixes = table.texts("prefixes");
  if (gateway.kind == GatewayKind::kRouting) {
    gateway.priority = static_cast<std::uint16_t>(table.integer("priority", 100, 0, 65535));
    gateway.weight = static_cast<std::uint16_t>(table.integer("weight", 1, 0, 65535));
    const auto fault = checks.fault_of_prefixes ? checks.fault_of_prefixes(gateway) : std::string();
    if (!fault.empty()) table.fault("prefixes", fault);
    return;
  }
  for (auto prefix = gateway.prefixes.begin(); prefix != gateway.prefixes.end(); ++prefix) {
    if (prefix->size() > kPrefixMax ||
        !std::all_of(prefix->begin(), prefix->end(), base::is_digit)) {
      table.fault("prefixes", fmt::format("\"{}\" must be 0..{} digits", *prefix, kPrefixMax));
    }
    if (std::find(gateway.prefixes.begin(), prefix, *prefix) != prefix) {
      table.fault("prefixes", fmt::format("\"{}\" stands there twice", *prefix));
    }
  }
}

// "486", "500-599"
std::optional<StatusRange> status_range(std::string_view text) {
  std::string_view rest = text;
  const auto first = base::parse_uint(base::trim(base::split_first(rest, '-')), 699);
  const auto last = text.find('-') == text.npos ? first : base::parse_uint(base::trim(rest), 699);
  if (!first || !last || *first < 300 || *last < *first) return std::nullopt;
  return StatusRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

void read_codes(SettingsTable& table, Gateway& gateway, const GatewayChecks& checks) {
  for (const auto& text : table.texts("stop_codes")) {
    const auto range = status_range(text);
    if (!range) {
      table.fault("stop_codes", fmt::format("\"{}\" is no final response from 300 to 699, nor a "
                                            "range of them (500-599)",
                                            text));
      continue;
    }
    for (const StatusRange& other : gateway.stop_codes) {
      if (other.first <= range->last && range->first <= other.last) {
        table.fault("stop_codes", fmt::format("{} overlaps what stands before it", text));
      }
    }
    gateway.stop_codes.push_back(*range);
  }
  for (const auto& text : table.texts("fail_codes")) {
    std::string_view rest = text;
    const std::string reason(base::trim(base::split_first(rest, ':')));
    const auto status = base::parse_uint(base::trim(rest), 699);
    if (!status || *status < 400) {
      table.fault("fail_codes", fmt::format("\"{}\" must be an end reason, or *, then a status "
                                            "from 400 to 699: NoRoute:404",
                                            text));
      continue;
    }
    if (reason != "*" && checks.is_end_reason && !checks.is_end_reason(reason)) {
      table.fault("fail_codes", fmt::format("\"{}\" is no end reason", reason));
    }
    const auto same = [&](const FailCode& other) { return other.reason == reason; };
    if (std::any_of(gateway.fail_codes.begin(), gateway.fail_codes.end(), same)) {
      table.fault("fail_codes", fmt::format("{} stands there twice", reason));
    }
    gateway.fail_codes.push_back({reason, static_cast<std::uint16_t>(*status)});
  }
}

void read_announcements(SettingsTable& table, const Site& site, Gateway& gateway,
                        const GatewayChecks& checks) {
  for (const auto& text : table.texts("announcements")) {
    std::string_view rest = text;
    const std::string reason(base::trim(base::split_first(rest, ':')));
    const std::string sound(base::trim(rest));
    if (sound.empty()) {
      table.fault("announcements", fmt::format("\"{}\" must be an end reason, or *, then a sound: "
                                               "NoRoute:unknown-number",
                                               text));
      continue;
    }
    if (reason != "*" && checks.is_end_reason && !checks.is_end_reason(reason)) {
      table.fault("announcements", fmt::format("\"{}\" is no end reason", reason));
    }
    if (std::find(site.sounds.begin(), site.sounds.end(), sound) == site.sounds.end()) {
      table.fault("announcements",
                  site.sound_folder.empty()
                      ? fmt::format("there is no sound \"{}\": [sounds] names no folder", sound)
                      : fmt::format("there is no {}/{}.wav", site.sound_folder, sound));
    }
    const auto same = [&](const Announcement& other) { return other.reason == reason; };
    if (std::any_of(gateway.announcements.begin(), gateway.announcements.end(), same)) {
      table.fault("announcements", fmt::format("{} stands there twice", reason));
    }
    gateway.announcements.push_back({reason, sound});
  }
}

// A word's place among these; a fault, and the first, when it is none of them.
std::size_t word_of(SettingsTable& table, std::string_view name, std::string_view fallback,
                    std::initializer_list<std::string_view> words) {
  const std::string text = table.text(name, fallback);
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  table.fault(name, fmt::format("must be one of: {}", fmt::join(words, ", ")));
  return 0;
}

void read_identity(SettingsTable& table, Gateway& gateway) {
  if (table.has("privacy")) {
    const auto place = word_of(table, "privacy", "system", {"system", "none", "passthrough", "id"});
    if (place != 0) gateway.privacy = static_cast<PrivacyRule>(place - 1);
  }
  const auto rule = [&](std::string_view name) {
    return static_cast<IdentityRule>(
        word_of(table, name, "none", {"none", "passthrough", "caller"}));
  };
  gateway.pai = rule("pai");
  gateway.ppi = rule("ppi");
  gateway.support_privacy = table.flag("support_privacy", false);
  gateway.trusted = table.flag("trusted", false);
}

void read_codecs(SettingsTable& table, Gateway& gateway, const GatewayChecks& checks) {
  gateway.codecs = table.texts("codecs");
  for (auto codec = gateway.codecs.begin(); codec != gateway.codecs.end(); ++codec) {
    if (checks.is_encoding && !checks.is_encoding(*codec)) {
      table.fault("codecs", fmt::format("\"{}\" is no encoding's name", *codec));
    }
    const auto same = [&](const std::string& other) { return base::iequals(other, *codec); };
    if (std::any_of(gateway.codecs.begin(), codec, same)) {
      table.fault("codecs", fmt::format("{} stands there twice", *codec));
    }
  }
}

// user@realm, of a realm of ours.
void read_account(SettingsTable& table, const Site& site, Gateway& gateway) {
  gateway.account = table.text("account", "");
  if (gateway.account.empty()) return;
  const auto at = gateway.account.rfind('@');
  if (!site.registrar) {
    table.fault("account", "nobody registers here: there is no [registrar]");
    return;
  }
  const auto& realms = site.registrar->realms;
  const auto ours = [&](const std::string& realm) {
    return at != std::string::npos && base::iequals(realm, gateway.account.substr(at + 1));
  };
  if (at == 0 || std::none_of(realms.begin(), realms.end(), ours)) {
    table.fault("account", "must be USER@REALM, with a realm of ours");
  }
}

void read_overrides(SettingsTable& table, Gateway& gateway) {
  Parameters scratch;
  const auto& may = gateway_parameters();
  for (const auto& word : gateway.words) {
    const auto& name = word.first;
    const auto& value = word.second;
    if (!name.starts_with("SS_") && !name.starts_with("TD_")) continue;
    if (value == "system") continue;
    const auto found = std::find_if(may.begin(), may.end(),
                                    [&](const GatewaySetting& each) { return each.name == name; });
    if (found == may.end()) {
      table.fault(name, "is no parameter that a gateway may have otherwise");
    } else if (found->kinds == "routing" && gateway.kind != GatewayKind::kRouting) {
      table.fault(name, "is for routing gateways");
    } else if (const auto set = scratch.set(name, value); !set) {
      table.fault(name, set.error_text());
    } else {
      gateway.overrides.emplace_back(name, value);
    }
  }
}

// Of mode and key either may be the system's; of both, the system's reader has told.
void check_encryption(SettingsTable& table, const Site& site, Gateway& gateway) {
  const auto own = [](const auto& word) { return word.first.starts_with("SS_RTPENCRYPTION"); };
  if (std::none_of(gateway.overrides.begin(), gateway.overrides.end(), own)) return;
  const auto verdict = check(payload_secret_of(parameters_of(gateway, site.parameters)));
  if (!verdict.accepted) {
    table.fault("SS_RTPENCRYPTIONKEY", verdict.reason);
  } else if (!verdict.reason.empty()) {
    gateway.warnings.push_back(fmt::format("SS_RTPENCRYPTIONKEY: {}", verdict.reason));
  }
}

std::string plan(SettingsTable& table, std::string_view name, const GatewayChecks& checks) {
  const std::string text = table.text(name, "");
  const std::string fault = checks.fault_of_plan ? checks.fault_of_plan(text) : std::string();
  if (!fault.empty()) table.fault(name, fault);
  return text;
}

std::uint32_t count(SettingsTable& table, std::string_view name, std::int64_t fallback,
                    std::int64_t most) {
  return static_cast<std::uint32_t>(table.integer(name, fallback, 0, most));
}

// What a setting of the other kind says would never be obeyed, nor one that nobody knows.
void check_names(SettingsTable& table, const Gateway& gateway) {
  const std::string_view kind = gateway.kind == GatewayKind::kMapping ? "mapping" : "routing";
  const auto& settings = gateway_settings();
  for (const auto& word : gateway.words) {
    const std::string& name = word.first;
    if (name.starts_with("SS_") || name.starts_with("TD_")) continue;
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const GatewaySetting& each) { return each.name == name; });
    if (found == settings.end()) {
      table.fault(name, "is not a setting known here");
    } else if (found->kinds != "both" && found->kinds != kind) {
      table.fault(name, fmt::format("is for {} gateways", found->kinds));
    }
  }
}

}  // namespace

const std::vector<GatewaySetting>& gateway_settings() {
  static const std::vector<GatewaySetting> kSettings{
      {"name", "both", "as records, routes and commands call it"},
      {"kind", "both", "mapping: a customer, sends calls to us; routing: a vendor, takes them"},
      {"address", "both",
       "IPv4 addresses (mapping) or the one (routing) of it, each with its port or none, or names"},
      {"registration", "both",
       "or a registration of ours (tandemctl registration): calls go, or come, through it"},
      {"account", "both", "instead of an address: USER@REALM, the account that it registers with"},
      {"port", "routing",
       "the port whose network it is reached through, where its address doesn't "
       "say"},
      {"transport", "routing", "udp, tcp or tls"},
      {"listener", "routing", "SIP by this listener instead of the port"},
      {"server_name", "routing", "what its TLS certificate must be for"},
      {"large_requests", "routing", "tcp: requests above 1300 octets by TCP; udp: as all others"},
      {"capacity", "both", "concurrent calls; 0: no limit"},
      {"calls_per_s", "both", "new calls in a second; 0: no limit"},
      {"prefixes", "both",
       "mapping: of the gateways of one address, it is the one whose longest prefix fits the "
       "called number; routing: it takes these (49, 4930100-4930199, every), beside its routes"},
      {"priority", "routing", "of its prefixes: the lowest is tried first; default 100"},
      {"weight", "routing", "of its prefixes: the share of calls among equals; default 1"},
      {"caller_plan", "both", "dial plan for the calling number, in (mapping) or out (routing)"},
      {"callee_plan", "both", "dial plan for the called number, likewise; ! refuses a number"},
      {"lists", "both",
       "lists of numbers, each of which must allow the caller or the called number of a call"},
      {"codecs", "both",
       "encodings that its audio may have, in the order in which it is offered them "
       "(PCMA,PCMU,G729); telephone-event and CN always may pass; none: any"},
      {"privacy", "routing",
       "Privacy that it is sent: none, passthrough (the caller's), id (From is anonymous); system"},
      {"pai", "routing", "P-Asserted-Identity that it is sent: none, passthrough, caller"},
      {"ppi", "routing", "P-Preferred-Identity likewise"},
      {"pai_plan", "routing", "dial plan for the calling number in P-Asserted-Identity"},
      {"support_privacy", "mapping", "its Privacy header is honoured, else as if it weren't there"},
      {"trusted", "mapping", "its P-Asserted-Identity is believed"},
      {"locked", "both", "no new calls; those that are up go on"},
      {"rests", "routing", "after a 503 with Retry-After it isn't asked for so long"},
      {"probe", "routing",
       "seconds: asked with OPTIONS as often, and out of the order while it "
       "doesn't answer properly; 0: never"},
      {"max_duration", "both", "seconds: no call of its lasts longer; 0: no limit of its own"},
      {"stop_codes", "routing", "final responses (486, 500-599) after which no other is tried"},
      {"fail_codes", "mapping",
       "END REASON:STATUS, what it gets instead of our own status; *: for "
       "every other reason"},
      {"announcements", "mapping",
       "END REASON:SOUND, what its caller hears before that status; *: for every other reason"},
  };
  return kSettings;
}

const std::vector<GatewaySetting>& gateway_parameters() {
  constexpr std::string_view kInstead = "instead of the system's";
  static const std::vector<GatewaySetting> kNames{
      {"SS_SIP_TIMEOUT_INVITE", "routing", kInstead},
      {"SS_SIP_TIMEOUT_TRYING", "routing", kInstead},
      {"SS_SIP_TIMEOUT_SESSION_PROGRESS", "routing", kInstead},
      {"SS_SIP_TIMEOUT_SESSION_PROGRESS_SDP", "routing", kInstead},
      {"SS_SIP_TIMEOUT_RINGING", "routing", kInstead},
      {"SS_SIP_NO_TIMER_REINVITE_INTERVAL", "routing", kInstead},
      {"SS_SIP_STOP_SWITCH_AFTER_SDP", "routing", kInstead},
      {"SS_SIP_USER_AGENT_STOP_SWITCH_AFTER_INVITE_TIMEOUT", "routing", kInstead},
      {"SS_SIP_ROUTING_GATEWAY_INVITE_USE_CONTACT", "routing", kInstead},
      {"SS_GATEWAY_SWITCH_LIMIT", "routing", kInstead},
      {"SS_GATEWAY_SWITCH_STOP_AFTER_RTP_START", "routing", kInstead},
      {"SS_GATEWAY_SWITCH_STOP_AFTER_USER_BUSY", "routing", kInstead},
      {"SS_GATEWAY_SWITCH_UNTIL_CONNECT", "routing", kInstead},
      {"SS_SIP_SESSION_TTL", "both", kInstead},
      {"SS_SIP_SESSION_UPDATE_SEGMENT", "both", kInstead},
      {"SS_SIP_SESSION_TIMEOUT_EARLY_HANGUP", "both", kInstead},
      {"TD_MEDIA_TIMEOUT", "both", kInstead},
      {"SS_RTPENCRYPTIONMODE", "both", kInstead},
      {"SS_RTPENCRYPTIONKEY", "both", "instead of the system's; can be set, and is never shown"},
      {"TD_SRTP", "both", kInstead},
      {"TD_SRTP_KEYS", "both", kInstead},
      {"SS_MEDIAPROXYMODE", "both", kInstead},
      {"TD_DTMF", "both", kInstead},
      {"TD_LOCAL_RING", "routing", kInstead},
      {"TD_RING_COUNTRY", "routing", kInstead},
      {"SS_SIP_USER_AGENT_PRIVACY", "routing", kInstead},
      {"SS_SIP_E164_DISPLAY_FROM", "routing", kInstead},
  };
  return kNames;
}

Gateway read_gateway(SettingsTable& table, const Site& site, const std::vector<Gateway>& gateways,
                     const GatewayChecks& checks, Others others) {
  Gateway gateway;
  gateway.words = table.pairs();
  gateway.name = table.required_text("name");
  const auto kind = table.required_text("kind");
  if (kind == "routing")
    gateway.kind = GatewayKind::kRouting;
  else if (kind != "mapping")
    table.fault("kind", "must be \"mapping\" or \"routing\"");
  for (const auto& other : gateways) {
    if (others == Others::kAll && other.name == gateway.name) {
      table.fault("name", "is that of an earlier gateway");
    }
  }
  check_names(table, gateway);
  const bool listened = read_gateway_listener(table, site, gateway);
  read_account(table, site, gateway);
  read_addresses(table, site, gateway, checks);
  gateway.capacity = count(table, "capacity", 0, 1'000'000);
  gateway.calls_per_s = count(table, "calls_per_s", 0, 1'000'000);
  read_prefixes(table, gateway, checks);
  gateway.caller_plan = plan(table, "caller_plan", checks);
  gateway.callee_plan = plan(table, "callee_plan", checks);
  gateway.lists = table.texts("lists");
  for (const auto& list : gateway.lists) {
    if (checks.is_list && !checks.is_list(list)) {
      table.fault("lists", fmt::format("there is no list \"{}\"", list));
    }
  }
  read_codecs(table, gateway, checks);
  gateway.locked = table.flag("locked", false);
  gateway.rests = table.flag("rests", true);
  gateway.probe = base::Seconds{count(table, "probe", 0, 3600)};
  const bool known = gateway.account.empty() && gateway.registration.empty();
  if (gateway.probe != base::Seconds{0} && !known) {
    table.fault("probe", "is for gateways that are known by address or name");
  }
  gateway.max_duration = base::Seconds{count(table, "max_duration", 0, 86'400)};
  read_codes(table, gateway, checks);
  read_announcements(table, site, gateway, checks);
  read_identity(table, gateway);
  gateway.pai_plan = plan(table, "pai_plan", checks);
  read_overrides(table, gateway);
  check_encryption(table, site, gateway);
  read_way_out(table, site, gateway, listened);
  check_apart(table, gateway, gateways);
  return gateway;
}

Parameters parameters_of(const Gateway& gateway, const Parameters& system) {
  Parameters out = system;
  for (const auto& [name, value] : gateway.overrides) CHECK(out.set(name, value).ok());
  return out;
}

}  // namespace tandem::config
