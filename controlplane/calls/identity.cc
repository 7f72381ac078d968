#include "controlplane/calls/identity.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

using Global = config::Parameters::UserAgentPrivacy;
using Display = config::Parameters::E164DisplayFrom;

// RFC 3323 §4.1.1.3.
constexpr std::string_view kAnonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
constexpr std::string_view kNobody = "anonymous";

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
    const sip::Uri& uri = identity->uri;
    if (!uri.user.empty() && !base::iequals(uri.user, kNobody)) return uri.user;
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
    if (!out.hidden) out.header.clear();  // "none" from the caller doesn't matter here
    if (!has_privacy(out.header, "id")) out.header += out.header.empty() ? "id" : ";id";
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
  } else if (rule == IdentityRule::kCaller && !number.empty() && !base::iequals(number, kNobody)) {
    add(lines, id, "<sip:" + std::string(number) + "@" + std::string(host) + ">");
  }
}

}  // namespace

CallerIdentity read_identity(const sip::Message& invite, std::string_view number, bool phone) {
  const sip::NameAddr& from = invite.from();
  CallerIdentity out{.display = from.display,
                     .number = number.empty() ? from.uri.user : number,
                     .original = number.empty() ? from.uri.user : number};
  if (phone && std::any_of(from.display.begin(), from.display.end(), base::is_digit)) {
    out.display = {};
  }
  for (const std::string_view value : values_of(invite, sip::HeaderId::kPrivacy)) {
    if (!out.privacy.empty()) out.privacy += ';';
    out.privacy += value;
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
  out.from = privacy.hidden ? std::string(kAnonymous) : from_of(caller, to.display, host);
  if (!privacy.header.empty()) add(out.headers, sip::HeaderId::kPrivacy, privacy.header);
  // Nothing would tell that gateway to keep it to itself (RFC 3325 §7).
  if (privacy.hidden && privacy.header.empty()) return out;
  // Whoever calls without a number may still have one that its network vouches for.
  std::string_view number = to.pai_number;
  if (number.empty()) number = number_in(asserted);
  if (number.empty()) number = caller.number;
  add_identity(out.headers, sip::HeaderId::kPAssertedIdentity, to.pai, asserted, number, host);
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
