#include "controlplane/registrar/outbound_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/config/host_name.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

constexpr std::size_t kNameMax = 32;
constexpr std::size_t kUserMax = 64;
constexpr std::size_t kSecretMax = 128;
// The parameters' ranges.
constexpr std::uint64_t kExpiryLeast = 20;
constexpr std::uint64_t kExpiryMost = 7200;
constexpr std::uint64_t kDelayLeast = 30;
constexpr std::uint64_t kDelayMost = 600;
constexpr std::string_view kPrivacies[] = {"ignore", "id", "none"};

bool all_of(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    const char lower = base::to_lower(c);
    return (lower >= 'a' && lower <= 'z') || base::is_digit(c) ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_place(std::string_view text) {
  const auto address = base::Endpoint::parse(text, sip::default_port(sip::Protocol::kUdp));
  if (address) return address->address.is_ip4() && address->port != 0;
  return config::host_name(text).has_value();
}

base::Result<void> check_names(const OutboundRecord& record) {
  if (record.name.empty() || record.name.size() > kNameMax || !all_of(record.name, "-_.")) {
    return base::error(
        fmt::format("a registration's name is 1 to {} letters, digits and -_.", kNameMax));
  }
  if (record.server.empty()) return base::error("a registration needs a server");
  for (const auto* place : {&record.server, &record.proxy}) {
    if (place->empty() || is_place(*place)) continue;
    return base::error(
        fmt::format("\"{}\" is neither an IPv4 address nor a host name, with or "
                    "without a port",
                    *place));
  }
  // What needs no escape in a URI (RFC 3261 §25.1).
  if (record.user.empty()) return base::error("a registration needs a user");
  if (record.user.size() > kUserMax || !all_of(record.user, "-_.!~*'()&=+$,;?/")) {
    return base::error(
        fmt::format("a user is 1 to {} letters, digits and -_.!~*'()&=+$,;?/", kUserMax));
  }
  if (record.auth_user.size() > kSecretMax || !is_plain(record.auth_user)) {
    return base::error(fmt::format(
        "an auth_user has at most {} octets, none of them a control character", kSecretMax));
  }
  if (record.password.empty()) return base::error("a registration needs a password");
  if (record.password.size() > kSecretMax || !is_plain(record.password)) {
    return base::error(
        fmt::format("a password has 1 to {} octets, none of them a control character", kSecretMax));
  }
  return {};
}

base::Result<std::optional<base::Seconds>> seconds(std::string_view name, std::string_view text,
                                                   std::uint64_t least, std::uint64_t most,
                                                   bool or_auto) {
  if (text.empty()) return std::optional<base::Seconds>{};
  if (or_auto && text == "auto") return std::optional(base::Seconds{0});
  const auto number = base::parse_uint(text, most);
  if (!number || *number < least) {
    return base::error(
        fmt::format("{} must be {}{}..{} s", name, or_auto ? "auto or " : "", least, most));
  }
  return std::optional(base::Seconds{*number});
}

base::Result<void> apply_settings(const OutboundWords& words, OutboundRecord& record) {
  if (const auto said = words.find("expiry"); said != words.end()) {
    auto expiry = seconds("expiry", said->second, kExpiryLeast, kExpiryMost, true);
    if (!expiry) return std::move(expiry).take_error();
    record.expiry = *expiry;
  }
  if (const auto said = words.find("retry_delay"); said != words.end()) {
    auto delay = seconds("retry_delay", said->second, kDelayLeast, kDelayMost, false);
    if (!delay) return std::move(delay).take_error();
    record.retry_delay = *delay;
  }
  if (const auto said = words.find("send_unregister"); said != words.end()) {
    const std::string& text = said->second;
    if (!text.empty() && text != "on" && text != "off") {
      return base::error("send_unregister must be on or off");
    }
    record.send_unregister = text.empty() ? std::nullopt : std::optional(text == "on");
  }
  if (const auto said = words.find("privacy"); said != words.end()) {
    const auto* const found =
        std::find(std::begin(kPrivacies), std::end(kPrivacies), std::string_view(said->second));
    if (!said->second.empty() && found == std::end(kPrivacies)) {
      return base::error("privacy must be ignore, id or none");
    }
    record.privacy = said->second.empty()
                         ? std::nullopt
                         : std::optional(static_cast<Privacy>(found - std::begin(kPrivacies)));
  }
  return {};
}

// Neither a port nor a listener is said: the port whose network the address lies in, or the only
// one there is.
base::Result<void> choose_port(OutboundRecord& record, const config::Site& site) {
  if (!record.port.empty() && !record.listener.empty()) {
    return base::error("a port and a listener are one too many: it leaves by one of them");
  }
  if (!record.port.empty() || !record.listener.empty()) return {};
  const auto address = base::Endpoint::parse(record.target(), 0);
  std::vector<const config::Port*> fit;
  for (const config::Port& port : site.ports) {
    if (port.sip_port == 0) continue;
    if (address && !port.network.covers(address->address.ip4_network_order())) continue;
    fit.push_back(&port);
  }
  if (fit.size() != 1) {
    return base::error(
        fmt::format("by which port or listener {} is reached isn't known: say port or listener",
                    record.target()));
  }
  record.port = fit.front()->name;
  return {};
}

}  // namespace

bool OutboundRecord::same_binding(const OutboundRecord& other) const {
  return server == other.server && proxy == other.proxy && port == other.port &&
         listener == other.listener && user == other.user;
}

std::string_view privacy_name(Privacy privacy) {
  return kPrivacies[static_cast<std::size_t>(privacy)];
}

Privacy privacy_of(config::Parameters::UserAgentPrivacy word) {
  using Word = config::Parameters::UserAgentPrivacy;
  if (word == Word::id) return Privacy::kId;
  return word == Word::none ? Privacy::kNone : Privacy::kIgnore;
}

base::Result<OutboundRecord> apply_words(const OutboundWords& words, const OutboundRecord* before,
                                         const config::Site& site) {
  for (const auto& [name, value] : words) {
    if (std::find(std::begin(kOutboundFields), std::end(kOutboundFields), name) ==
        std::end(kOutboundFields)) {
      return base::error(fmt::format("there is no \"{}\" in a registration", name));
    }
  }
  OutboundRecord record = before != nullptr ? *before : OutboundRecord{};
  // The way that was chosen or said before doesn't stand against another one.
  if (words.count("listener") != 0 && words.count("port") == 0) record.port.clear();
  if (words.count("port") != 0 && words.count("listener") == 0) record.listener.clear();
  const std::pair<std::string_view, std::string*> texts[] = {
      {"name", &record.name},           {"server", &record.server},     {"proxy", &record.proxy},
      {"port", &record.port},           {"listener", &record.listener}, {"user", &record.user},
      {"auth_user", &record.auth_user}, {"password", &record.password},
  };
  for (const auto& [name, text] : texts) {
    if (const auto said = words.find(name); said != words.end()) *text = said->second;
  }
  if (auto good = check_names(record); !good) return std::move(good).take_error();
  if (auto good = apply_settings(words, record); !good) return std::move(good).take_error();
  if (auto good = choose_port(record, site); !good) return std::move(good).take_error();
  auto way = way_of(record, site);
  if (!way) return std::move(way).take_error();
  const auto place = place_of(record, way->protocol);
  const auto* const endpoint = std::get_if<base::Endpoint>(&place);
  if (endpoint != nullptr && config::speaks_at(site, *endpoint)) {
    return base::error(fmt::format("{} is this switch's own", record.target()));
  }
  return record;
}

base::Result<sip::Path> way_of(const OutboundRecord& record, const config::Site& site) {
  sip::Path out;
  if (!record.listener.empty()) {
    const auto found =
        std::find_if(site.listeners.begin(), site.listeners.end(),
                     [&](const auto& listener) { return listener.name == record.listener; });
    if (found == site.listeners.end()) {
      return base::error(fmt::format("there is no listener \"{}\"", record.listener));
    }
    out.local = found->address;
    out.protocol = found->protocol;
    return out;
  }
  const auto found = std::find_if(site.ports.begin(), site.ports.end(),
                                  [&](const auto& port) { return port.name == record.port; });
  if (found == site.ports.end()) {
    return base::error(fmt::format("there is no port \"{}\"", record.port));
  }
  if (found->sip_port == 0) {
    return base::error(fmt::format("port \"{}\" has no sip_port", record.port));
  }
  out.local.address = found->address;
  out.local.port = found->sip_port;
  return out;
}

std::variant<base::Endpoint, config::HostName> place_of(const OutboundRecord& record,
                                                        sip::Protocol protocol) {
  const auto address = base::Endpoint::parse(record.target(), sip::default_port(protocol));
  if (address) return *address;
  return config::host_name(record.target()).value_or(config::HostName{});
}

}  // namespace tandem::registrar
