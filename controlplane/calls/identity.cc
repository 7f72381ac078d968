#include "controlplane/calls/identity.h"

#include <algorithm>
#include <array>

#include "controlplane/routing/number_rules.h"
#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

using Global = config::Parameters::UserAgentPrivacy;
using Display = config::Parameters::E164DisplayFrom;

// RFC 3323 §4.1.1.3.
constexpr std::string_view kAnonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
constexpr std::string_view kNobody = "anonymous";
constexpr std::string_view kCritical = "critical";

// What callers say beside From, and who they are stands in it (RFC 3323 §5.3).
constexpr std::array<std::string_view, 8> kOwnWords{
    "Reply-To", "Organization", "Subject", "s", "Call-Info", "In-Reply-To", "Referred-By", "b"};
// What their networks say of their number (RFC 8224, 8496).
constexpr std::array<std::string_view, 3> kNetworksWord{"Identity", "y", "P-Charge-Info"};

bool has_privacy(std::string_view values, std::string_view value) {
  while (!values.empty()) {
    if (base::iequals(base::trim(base::split_first(values, ';')), value)) return true;
  }
  return false;
}

// RFC 3323 §4.2, 3325 §9.3: what keeps From's and the asserted identity from the callee. "session",
// "header" and "critical" ask for what a back-to-back user agent does anyway.
bool hides_caller(std::string_view privacy) {
  return !has_privacy(privacy, "none") &&
         (has_privacy(privacy, "id") || has_privacy(privacy, "user"));
}

// REQUIRES: `values` are as in CallerIdentity, and stay so.
void add_privacy(std::string& values, std::string_view value) {
  if (has_privacy(values, value)) return;
  const auto last = values.rfind(';') + 1;  // 0 where there is one value or none
  if (base::iequals(std::string_view(values).substr(last), kCritical)) {
    values.insert(last, std::string(value) + ";");
  } else {
    values.append(values.empty() ? "" : ";").append(value);
  }
}

std::vector<std::string_view> values_of(const sip::Message& message, sip::HeaderId id) {
  std::vector<std::string_view> out;
  sip::each_value(message, id, [&](std::string_view value) { out.push_back(value); });
  return out;
}

// The number that a P-Asserted-Identity names: of a SIP or a tel URI; empty: none.
std::string_view number_in(const std::vector<std::string_view>& identities) {
  for (const std::string_view value : identities) {
    const auto identity = sip::parse_name_addr(value);
    if (!identity) continue;
    if (!is_nobody(identity->uri.user)) return identity->uri.user;
  }
  return {};
}

// What the callee's gateway gets of a Privacy header, and whether the caller is kept from it.
struct Privacy {
  std::string header;
  bool hidden = false;
};

Privacy privacy_of(const std::string& asked, const IdentityRules& to) {
  Privacy out{.header = asked, .hidden = hides_caller(asked)};
  const bool everybody =
      to.privacy ? *to.privacy == PrivacyRule::kId : to.global_privacy == Global::id;
  if (everybody) {
    if (has_privacy(asked, "none")) out.header.clear();  // it doesn't matter here
    add_privacy(out.header, "id");
    out.hidden = true;
  } else if (to.privacy == PrivacyRule::kNone) {
    out.header.clear();
  } else if (!to.privacy && to.global_privacy == Global::none && asked.empty()) {
    out.header = "none";
  }
  return out;
}

std::string from_of(const CallerIdentity& caller, Display rule, std::string_view host) {
  const std::string_view number = caller.number.empty() ? kNobody : caller.number;
  std::string display(caller.display);
  if (rule != Display::ignore) {
    const std::string_view shown = rule == Display::e164 ? caller.number : caller.original;
    const bool plain = !shown.empty() && shown.find_first_of("\"\\") == std::string_view::npos;
    display = plain ? '"' + std::string(shown) + '"' : std::string();
  }
  if (!display.empty()) display += ' ';
  return display.append("<sip:").append(number).append("@").append(host).append(">");
}

void add(std::string& lines, sip::HeaderId id, std::string_view value) {
  lines.append(sip::header_start(id)).append(value).append("\r\n");
}

void add_identity(std::string& lines, sip::HeaderId id, IdentityRule rule,
                  const std::vector<std::string_view>& passed, std::string_view number,
                  std::string_view host) {
  if (rule == IdentityRule::kPassthrough) {
    for (const std::string_view value : passed) add(lines, id, value);
  } else if (rule == IdentityRule::kCaller && !is_nobody(number)) {
    add(lines, id, "<sip:" + std::string(number) + "@" + std::string(host) + ">");
  }
}

// That of whom the caller's network vouches for, or else of From; rewritten. Whoever calls without
// a number may still have one that its network knows.
std::string asserted_number(const CallerIdentity& caller,
                            const std::vector<std::string_view>& asserted,
                            const IdentityRules& to) {
  std::string_view number = number_in(asserted);
  if (number.empty()) number = caller.number;
  if (is_nobody(number)) return {};
  if (to.pai_plan == nullptr) return std::string(number);
  return to.pai_plan->rewritten(number).value_or(std::string());
}

}  // namespace

bool is_nobody(std::string_view user) { return user.empty() || base::iequals(user, kNobody); }

CallerIdentity read_identity(const sip::Message& invite, std::string_view number, bool phone) {
  const sip::NameAddr& from = invite.from();
  CallerIdentity out{.display = from.display,
                     .number = number.empty() ? from.uri.user : number,
                     .original = number.empty() ? from.uri.user : number};
  if (phone && std::any_of(from.display.begin(), from.display.end(), base::is_digit)) {
    out.display = {};
  }
  for (std::string_view values : values_of(invite, sip::HeaderId::kPrivacy)) {
    while (!values.empty()) {
      const auto value = base::trim(base::split_first(values, ';'));
      if (!value.empty()) add_privacy(out.privacy, value);
    }
  }
  out.asserted = values_of(invite, sip::HeaderId::kPAssertedIdentity);
  out.preferred = values_of(invite, sip::HeaderId::kPPreferredIdentity);
  if (phone && number_in(out.preferred) != out.number) out.preferred.clear();
  if (phone && out.preferred.size() > 1) out.preferred.resize(1);
  return out;
}

std::string identity_lines_of(const sip::Message& invite) {
  std::string out;
  for (const sip::Header& line : invite.headers()) {
    if (line.id == sip::HeaderId::kPrivacy || line.id == sip::HeaderId::kPAssertedIdentity ||
        line.id == sip::HeaderId::kPPreferredIdentity) {
      add(out, line.id, line.value);
    }
  }
  return out;
}

ToldIdentity told_identity(const CallerIdentity& caller, const CallerRules& from,
                           const IdentityRules& to, std::string_view host) {
  const auto asserted = from.trusted ? caller.asserted : std::vector<std::string_view>{};
  const Privacy privacy = privacy_of(from.support_privacy ? caller.privacy : std::string(), to);
  ToldIdentity out;
  out.hidden = privacy.hidden;
  if (privacy.hidden) out.withheld.assign(kOwnWords.begin(), kOwnWords.end());
  out.from = privacy.hidden ? std::string(kAnonymous) : from_of(caller, to.display, host);
  if (!privacy.header.empty()) add(out.headers, sip::HeaderId::kPrivacy, privacy.header);
  const std::size_t before = out.headers.size();
  // Else nothing would tell that gateway to keep it to itself (RFC 3325 §7).
  const bool kept = !privacy.hidden || !privacy.header.empty();
  if (kept) {
    add_identity(out.headers, sip::HeaderId::kPAssertedIdentity, to.pai, asserted,
                 asserted_number(caller, asserted, to), host);
  }
  if (privacy.hidden && out.headers.size() == before) {
    out.withheld.insert(out.withheld.end(), kNetworksWord.begin(), kNetworksWord.end());
  }
  if (!kept) return out;
  add_identity(out.headers, sip::HeaderId::kPPreferredIdentity, to.ppi, caller.preferred,
               caller.number, host);
  return out;
}

IdentityRules identity_rules_of(const config::Gateway* gateway,
                                const config::Parameters& parameters) {
  IdentityRules out{.global_privacy = parameters.SS_SIP_USER_AGENT_PRIVACY,
                    .display = parameters.SS_SIP_E164_DISPLAY_FROM};
  if (gateway == nullptr) return out;
  out.privacy = gateway->privacy;
  out.pai = gateway->pai;
  out.ppi = gateway->ppi;
  return out;
}

CallerRules caller_rules_of(const config::Gateway* gateway) {
  if (gateway == nullptr) return {.support_privacy = true, .trusted = false};
  return {.support_privacy = gateway->support_privacy, .trusted = gateway->trusted};
}

}  // namespace tandem::calls
