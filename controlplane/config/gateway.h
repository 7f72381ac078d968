// A gateway as an operator has set it, a plain record: from a [[gateway]] of the site file or from
// the store. Whatever a parameter says too, it may say otherwise (`overrides`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/config/parameters.h"
#include "drivers/base/clock.h"
#include "drivers/base/endpoint.h"

namespace tandem::config {

enum class GatewayKind : std::uint8_t {
  kMapping,  // ingress: a customer, known by source address or account
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

// Final responses from `first` to `last`.
struct StatusRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool covers(int status) const { return status >= first && status <= last; }
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// What a customer gets for one of our end reasons.
struct FailCode {
  std::string reason;  // of release_cause.def; "*": every other one
  std::uint16_t status = 0;

  friend bool operator==(const FailCode&, const FailCode&) = default;
};

// What a customer's caller hears when a call failed for one of our end reasons.
struct Announcement {
  std::string reason;  // of release_cause.def; "*": every other one
  std::string sound;   // of Site::sounds

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

// A routing gateway's Privacy (RFC 3323).
enum class PrivacyRule : std::uint8_t {
  kNone,         // it gets no such header
  kPassthrough,  // the caller's, where that one's gateway supports it
  kId,           // every caller's number is kept from whoever is called
};

// A routing gateway's P-Asserted-Identity, or P-Preferred-Identity (RFC 3325).
enum class IdentityRule : std::uint8_t { kNone, kPassthrough, kCaller };

// NAME=VALUE, as written.
using Words = std::vector<std::pair<std::string, std::string>>;

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

  // Instead of an address: the account (user@realm) that it registers with.
  std::string account{};
  // Or the registration of ours through which calls go to it, or come from it.
  std::string registration{};
  std::uint32_t calls_per_s = 0;  // new calls; 0: no limit
  // Mapping: of the gateways of one address, whose call it is, by the longest that fits the called
  // number; none: whatever no other has. Routing: routes of its own (docs/ROUTING.md).
  std::vector<std::string> prefixes{};
  std::uint16_t priority = 100;  // of those routes: the lowest is tried first
  std::uint16_t weight = 1;      // and their share among equals
  // How numbers are rewritten, on the way in (mapping) or out (routing): docs/ROUTING.md.
  std::string caller_plan{};
  std::string callee_plan{};
  // Encodings (PCMA, G729 …) that its audio may have, in the order in which they are offered to it;
  // none: any.
  std::vector<std::string> codecs{};
  // Lists of numbers that allow or deny its calls, after (mapping) or before (routing) its plans.
  std::vector<std::string> lists{};
  bool locked = false;                    // no new calls; those that are up go on
  bool rests = true;                      // routing: a 503's Retry-After is kept to
  base::Seconds probe{0};                 // routing: asked with OPTIONS once in this time; 0: never
  base::Seconds max_duration{0};          // of a call; 0: no limit of its own
  std::vector<StatusRange> stop_codes{};  // routing: final responses after which no other is tried
  std::vector<FailCode> fail_codes{};     // mapping
  std::vector<Announcement> announcements{};  // mapping

  // Routing: who is calling, as it is told.
  std::optional<PrivacyRule> privacy{};  // none: SS_SIP_USER_AGENT_PRIVACY
  IdentityRule pai = IdentityRule::kNone;
  IdentityRule ppi = IdentityRule::kNone;
  std::string pai_plan{};  // for the calling number in P-Asserted-Identity
  // Mapping: what it says of that.
  bool support_privacy = false;  // its Privacy is honoured
  bool trusted = false;          // its P-Asserted-Identity is believed

  Words overrides{};                    // parameters of scope gateway
  Words words{};                        // all that was set, as it was written
  std::vector<std::string> warnings{};  // what is allowed, but hardly meant
};

// The system's parameters with what this gateway has otherwise. REQUIRES: read_gateway() took it.
Parameters parameters_of(const Gateway& gateway, const Parameters& system);

}  // namespace tandem::config
