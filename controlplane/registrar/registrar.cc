#include "controlplane/registrar/registrar.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/registrar/nat.h"

namespace tandem::registrar {

using sip::HeaderId;
using wire::Counter;

Registrar::Aor Registrar::aor_of(const sip::Message& request) const {
  const sip::Uri& to = request.to().uri;
  Aor out;
  out.user = sip::unescape(to.user).value_or("");
  out.realm = setup_.door.realm_of(to.host);
  return out;
}

// A refresh is known by where it comes from: whether an account is registered is nobody's to learn.
bool Registrar::is_turned_away(const sip::Message& request, const sip::Path& path) const {
  const bool tells_password = request.find(HeaderId::kAuthorization) != nullptr ||
                              request.find(HeaderId::kProxyAuthorization) != nullptr;
  if (tells_password) return false;
  return setup_.env.backlog >= kVeryBusy || !setup_.door.knows(path.remote.address);
}

std::optional<sip::DoorAnswer> Registrar::refuse(const sip::Message& request,
                                                 const sip::Path& path) {
  // RFC 3261 §10.3 step 5 knows no others; asking for a password would lead nowhere.
  const sip::Scheme scheme = request.to().uri.scheme;
  if (scheme != sip::Scheme::kSip && scheme != sip::Scheme::kSips) {
    return sip::DoorAnswer{.status = 400, .reason = "To Is No SIP URI"};
  }
  const Aor aor = aor_of(request);
  if (setup_.env.backlog >= kBusy && is_turned_away(request, path)) {
    setup_.env.counters.add(Counter::register_turned_away);
    // At random, or they would all be back at once.
    const auto& [low, high] = setup_.parameters.TD_REGISTER_RETRY_AFTER;
    const auto spread = static_cast<std::uint64_t>((high - low).count()) + 1;
    const auto pause = static_cast<std::uint64_t>(low.count()) + setup_.env.random.next() % spread;
    return sip::DoorAnswer{.status = 503,
                           .headers = {{HeaderId::kRetryAfter, std::to_string(pause)}}};
  }
  auto proof = setup_.door.prove(request, path, aor.realm,
                                 {.status = setup_.parameters.SS_SIP_AUTHENTICATION_CODE,
                                  .challenged = Counter::register_challenged,
                                  .wrong = Counter::register_wrong,
                                  .registers = aor.user});
  // Who has said nothing is asked all the same, or nobody could ever register.
  const bool silent =
      setup_.parameters.SS_REPLY_UNAUTHORIZED == config::Parameters::ReplyUnauthorized::off;
  if (proof.refusal && silent && !proof.asks) return sip::DoorAnswer{.status = sip::kSilence};
  if (proof.refusal) return std::move(proof.refusal);
  // §10.3 steps 3 and 4: who it is, is known; whether it may.
  if (proof.user != aor.user || !proof.enabled) {
    setup_.env.counters.add(Counter::register_forbidden);
    return sip::DoorAnswer{.status = silent ? sip::kSilence : 403};
  }
  return std::nullopt;
}

sip::RegistrationPolicy Registrar::policy(std::uint32_t devices, bool behind_nat) const {
  const config::Parameters& parameters = setup_.parameters;
  sip::RegistrationPolicy out{.least = parameters.SS_ENDPOINT_EXPIRE.low,
                              .most = parameters.SS_ENDPOINT_EXPIRE.high,
                              .devices = devices};
  if (behind_nat) out.most = std::min(out.most, parameters.SS_ENDPOINT_NAT_EXPIRE);
  out.least = std::min(out.least, out.most);
  out.replace = parameters.SS_ENDPOINT_REGISTER_REPLACE == config::Parameters::RegisterReplace::on;
  return out;
}

sip::DoorAnswer Registrar::take(const sip::Message& request, const sip::Path& path) {
  sip::RegisterWish wish;
  if (const auto fault = sip::read_register(request, setup_.secrets.hash, wish)) {
    return {.status = fault->status, .reason = fault->reason};
  }
  const Aor aor = aor_of(request);
  const AccountKey key = setup_.accounts.key_of(aor.user, aor.realm);
  const bool nat = behind_nat(request, wish, path.remote.address);
  const base::Nanos now = setup_.env.wheel.now();
  sip::DoorAnswer out{.status = 403};
  const std::string name = fmt::format("{}@{}", aor.user, aor.realm);
  std::vector<sip::Binding> kicked;
  setup_.bindings.with(key, name, [&](auto& bindings) {
    // Looked up in here: a removed account's bindings are forgotten after it is gone.
    const AccountRecord* account = setup_.accounts.find(key);
    if (account == nullptr || !account->enabled) return false;
    const auto limits = policy(account->devices, nat);
    auto outcome = sip::apply_register(bindings, wish, limits, path, nat, now);
    kicked = std::move(outcome.kicked);
    out.status = outcome.status;
    if (outcome.status == 200) out = answer(request, wish, bindings);
    if (outcome.status == 423) {
      out.headers.emplace_back(HeaderId::kMinExpires, fmt::format("{}", limits.least.count()));
    }
    return outcome.status == 200 && !(wish.contacts.empty() && !wish.remove_all);
  });
  setup_.env.counters.add(Counter::bindings_kicked, kicked.size());
  if (setup_.kicked) {
    for (const sip::Binding& contact : kicked) setup_.kicked(name, contact);
  }
  const bool good = out.status == 200;
  setup_.env.counters.add(good ? Counter::register_accepted : Counter::register_forbidden);
  if (good && sip::is_reliable(path.protocol)) setup_.env.transport.trust(path);
  return out;
}

sip::DoorAnswer Registrar::answer(const sip::Message& request, const sip::RegisterWish& wish,
                                  const std::vector<sip::Binding>& bindings) const {
  sip::DoorAnswer out;
  for (const sip::Binding& binding : bindings) {
    out.headers.emplace_back(HeaderId::kContact,
                             sip::contact_value(binding, setup_.env.wheel.now()));
  }
  // RFC 3327 §5.3: to those who know what it is.
  if (!wish.path.empty() && sip::lists_token(request, HeaderId::kSupported, "path")) {
    out.headers.emplace_back(HeaderId::kPath, wish.path);
  }
  return out;
}

void Registrar::tend() {
  const base::Nanos now = setup_.env.wheel.now();
  const std::uint32_t ours = (BindingTable::kStripes + setup_.shards - 1) / setup_.shards;
  const base::Nanos gap = kSweep / ours;
  // After a long turn some at once, to keep the pace.
  next_sweep_ = std::max(next_sweep_, now - kStripesPerTurn * gap);
  for (; next_sweep_ < now; next_sweep_ += gap) {
    const std::uint32_t stripe = swept_++ % ours * setup_.shards + setup_.env.shard;
    setup_.env.counters.add(Counter::bindings_expired, setup_.bindings.tend(stripe, now));
  }
}

}  // namespace tandem::registrar
