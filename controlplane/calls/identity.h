// Who is calling, as the callee's network is told (RFC 3323, 3325): From, Privacy,
// P-Asserted-Identity and P-Preferred-Identity are made anew for each callee, from what the caller
// brought, whether it may say so, and what the callee's gateway is set to. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/config/site.h"
#include "controlplane/sip/message.h"

namespace tandem::routing {
class NumberRules;
}

namespace tandem::calls {

using config::IdentityRule;
using config::PrivacyRule;

// What a callee's side is set to.
struct IdentityRules {
  std::optional<PrivacyRule> privacy{};  // none: as below says
  config::Parameters::UserAgentPrivacy global_privacy =
      config::Parameters::UserAgentPrivacy::ignore;
  IdentityRule pai = IdentityRule::kNone;
  IdentityRule ppi = IdentityRule::kNone;
  config::Parameters::E164DisplayFrom display = config::Parameters::E164DisplayFrom::ignore;
  // For the number in P-Asserted-Identity; outlives these. nullptr: it stays as it is.
  const routing::NumberRules* pai_plan = nullptr;
};

// What a caller's side is set to.
struct CallerRules {
  bool support_privacy = false;  // its Privacy header is honoured, else as if it weren't there
  bool trusted = false;          // its P-Asserted-Identity is believed
};

// What the caller's INVITE says. Views into the message.
struct CallerIdentity {
  std::string_view display;   // From's that may be passed on, as written; empty: none
  std::string_view number;    // that we call with; empty: unknown
  std::string_view original;  // as it came
  // All values, each once, parted by ';', "critical" behind the others (RFC 3323 §4.2); empty:
  // none.
  std::string privacy{};
  std::vector<std::string_view> asserted{};   // P-Asserted-Identity's values, in order
  std::vector<std::string_view> preferred{};  // P-Preferred-Identity's
};
// `number`: who it says that it is, whatever its From says; empty: its From. A phone's display name
// is dropped where it could be read as a number, and it may prefer its own number only.
CallerIdentity read_identity(const sip::Message& invite, std::string_view number, bool phone);

// The caller has no number: its user part is empty or says so (RFC 3323 §4.1.1.3).
bool is_nobody(std::string_view user);

// Its Privacy, P-Asserted-Identity and P-Preferred-Identity as they came, each line with its end.
std::string identity_lines_of(const sip::Message& invite);

// What the callee is told.
struct ToldIdentity {
  std::string from;     // From's value without a tag
  std::string headers;  // the others, each with its CRLF
  bool hidden = false;  // the callee must not know who calls
  // Then, names of headers that would tell it, and don't pass in this call. Views of constants.
  std::vector<std::string_view> withheld{};
};
// `host`: our address on the callee's side.
ToldIdentity told_identity(const CallerIdentity& caller, const CallerRules& from,
                           const IdentityRules& to, std::string_view host);

// nullptr: a phone is called.
IdentityRules identity_rules_of(const config::Gateway* gateway,
                                const config::Parameters& parameters);
// nullptr: a phone calls, which speaks for its user, and is believed nothing more.
CallerRules caller_rules_of(const config::Gateway* gateway);

}  // namespace tandem::calls
