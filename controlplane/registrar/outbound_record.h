// A registration of ours with another registrar, as the operator provisions it. Plain data, and
// whether what he says makes sense.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "controlplane/config/site.h"
#include "controlplane/sip/transport.h"
#include "drivers/base/result.h"

namespace tandem::registrar {

// SS_SIP_USER_AGENT_PRIVACY's words (RFC 3323): which Privacy header our REGISTERs have.
enum class Privacy : std::uint8_t { kIgnore, kId, kNone };

struct OutboundRecord {
  std::string name;
  std::string server;       // "host" or "host:port": the domain of Request-URI, From and To
  std::string proxy{};      // where it is sent, likewise; empty: to the server
  std::string port{};       // of ours, or
  std::string listener{};   // by which it leaves
  std::string user;         // of From, To and Contact
  std::string auth_user{};  // empty: the user
  std::string password;     // in clear: it has to answer any realm's challenge
  // No value: the parameter's.
  std::optional<base::Seconds> expiry{};  // asked for; 0: auto
  std::optional<base::Seconds> retry_delay{};
  std::optional<bool> send_unregister{};
  std::optional<Privacy> privacy{};

  friend bool operator==(const OutboundRecord&, const OutboundRecord&) = default;

  // It is the same binding at the same registrar: a change between the two needs no new one.
  bool same_binding(const OutboundRecord& other) const;
  const std::string& target() const { return proxy.empty() ? server : proxy; }
  const std::string& prover() const { return auth_user.empty() ? user : auth_user; }
};

// What an operator says of a registration: values by their names ("server", "user" …), as he wrote
// them. What isn't named stays as it is; an empty value takes back what was said.
using OutboundWords = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kOutboundFields[] = {
    "name",      "server",   "proxy",  "port",        "listener",        "user",
    "auth_user", "password", "expiry", "retry_delay", "send_unregister", "privacy"};

// The record with what is said, changed from `before` or new. Fails with what is wrong, for a
// person; a password is never part of that. Any thread.
base::Result<OutboundRecord> apply_words(const OutboundWords& words, const OutboundRecord* before,
                                         const config::Site& site);

// Our end of its way, the far end empty. Fails when the site has no such port or listener.
base::Result<sip::Path> way_of(const OutboundRecord& record, const config::Site& site);

// Where target() is; `protocol` has a port of its own.
std::variant<base::Endpoint, config::HostName> place_of(const OutboundRecord& record,
                                                        sip::Protocol protocol);

std::string_view privacy_name(Privacy privacy);
Privacy privacy_of(config::Parameters::UserAgentPrivacy word);

}  // namespace tandem::registrar
