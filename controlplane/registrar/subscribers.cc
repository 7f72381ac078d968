#include "controlplane/registrar/subscribers.h"

#include <fmt/format.h>

#include <algorithm>

namespace tandem::registrar {

using wire::Counter;

namespace {

constexpr std::string_view kAnonymous = "anonymous";

}  // namespace

std::optional<sip::DoorAnswer> Subscribers::refuse(const sip::Message& invite,
                                                   const sip::Path& path, Caller& caller) {
  const std::string_view realm = setup_.door.realm_of(invite.from().uri.host);
  auto proof = setup_.door.prove(
      invite, path, realm,
      {.status = 407, .challenged = Counter::invite_challenged, .wrong = Counter::invite_wrong});
  if (proof.refusal) return std::move(proof.refusal);
  if (!proof.enabled) {
    setup_.env.counters.add(Counter::invite_forbidden);
    return sip::DoorAnswer{.status = 403};
  }
  caller = {.account = fmt::format("{}@{}", proof.user, realm), .number = number_of(invite, proof)};
  if (sip::is_reliable(path.protocol)) setup_.env.transport.trust(path);
  return std::nullopt;
}

// What its From says, if that is the account's own, or nobody's (RFC 3323 §4.1.1.3); else its user
// name.
std::string Subscribers::number_of(const sip::Message& invite,
                                   const Doorkeeper::Proof& proof) const {
  const std::string said = sip::unescape(invite.from().uri.user).value_or("");
  if (said == proof.user || said == kAnonymous) return said;
  const AccountKey* owner = setup_.accounts.find_number(setup_.accounts.key_of_number(said));
  return owner != nullptr && *owner == proof.key ? said : proof.user;
}

std::optional<Subscribers::Callee> Subscribers::find(const sip::Uri& target,
                                                     std::string_view digits,
                                                     std::string_view callers_account) const {
  const AccountTable& accounts = setup_.accounts;
  const std::string user = sip::unescape(target.user).value_or("");
  // A user name has no '@' as it stands here.
  const std::string_view home = callers_account.substr(callers_account.find('@') + 1);
  const std::string_view realm = setup_.door.realm_of(target.host, home);
  Callee out;
  AccountKey key = accounts.key_of(user, realm);
  if (!user.empty() && accounts.find(key) != nullptr) {
    out.account = fmt::format("{}@{}", user, realm);
  } else {
    const AccountKey* owner = accounts.find_number(accounts.key_of_number(user));
    if (owner == nullptr) owner = accounts.find_number(accounts.key_of_number(digits));
    if (owner == nullptr) return std::nullopt;
    key = *owner;
  }
  look_up(key, out);
  return out;
}

Subscribers::Callee Subscribers::devices_of(const std::string& account) const {
  const auto at = account.rfind('@');
  Callee out{.account = account};
  look_up(setup_.accounts.key_of(account.substr(0, at), account.substr(at + 1)), out);
  return out;
}

void Subscribers::look_up(const AccountKey& key, Callee& out) const {
  const AccountRecord* account = setup_.accounts.find(key);
  if (account == nullptr || !account->enabled) return;
  std::vector<sip::Binding> bindings;
  setup_.bindings.look(key, [&](std::string_view name, const auto& all) {
    if (out.account.empty()) out.account = name;
    bindings = all;
  });
  const base::Nanos now = setup_.env.wheel.now();
  std::erase_if(bindings, [&](const auto& binding) { return binding.expires <= now; });
  out.offline = std::erase_if(bindings, [](const auto& binding) { return binding.silent; }) != 0 &&
                bindings.empty();
  // RFC 3261 §16.6: by q; of equal ones the latest.
  std::stable_sort(bindings.begin(), bindings.end(), [](const auto& a, const auto& b) {
    return a.q != b.q ? a.q > b.q : a.registered > b.registered;
  });
  for (const sip::Binding& binding : bindings) out.contacts.push_back(contact_of(binding));
}

}  // namespace tandem::registrar
