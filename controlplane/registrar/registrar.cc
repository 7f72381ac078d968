#include "controlplane/registrar/registrar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "controlplane/registrar/nat.h"
#include "drivers/base/text.h"

namespace tandem::registrar {

using sip::HeaderId;
using wire::Counter;

namespace {

void fill(std::span<std::uint8_t> octets, base::Random& random) {
  for (std::size_t i = 0; i < octets.size(); i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(octets.data() + i, &word, std::min<std::size_t>(8, octets.size() - i));
  }
}

std::span<const std::uint8_t> octets_of(const Ha1& ha1, sip::DigestAlgorithm algorithm) {
  if (algorithm == sip::DigestAlgorithm::kMd5) return ha1.md5;
  return ha1.sha256;
}

std::vector<sip::DigestAlgorithm> offered(const config::Parameters& parameters) {
  using Choice = config::Parameters::SipDigest;
  switch (parameters.TD_SIP_DIGEST) {
    case Choice::md5:
      return {sip::DigestAlgorithm::kMd5};
    case Choice::sha256:
      return {sip::DigestAlgorithm::kSha256};
    case Choice::both:
      break;
  }
  return {sip::DigestAlgorithm::kSha256, sip::DigestAlgorithm::kMd5};
}

}  // namespace

Secrets Secrets::make(base::Random& random) {
  Secrets out;
  out.hash = {random.next(), random.next()};
  fill(out.nonces, random);
  fill(out.nobody.md5, random);
  fill(out.nobody.sha256, random);
  return out;
}

Registrar::Registrar(const Setup& setup)
    : setup_(setup),
      gate_({.secret = setup.secrets.nonces,
             .shard = static_cast<std::uint8_t>(setup.env.shard),
             .answer_within = setup.parameters.SS_SIP_AUTHENTICATION_TIMEOUT,
             .life = setup.parameters.TD_SIP_NONCE_LIFE,
             .nonces = setup.nonces,
             .random = setup.env.random,
             .offered = offered(setup.parameters)}) {}

Registrar::Aor Registrar::aor_of(const sip::Message& request) const {
  const sip::Uri& to = request.to().uri;
  const auto realm = std::find_if(setup_.realms.begin(), setup_.realms.end(),
                                  [&](const auto& name) { return base::iequals(name, to.host); });
  Aor out;
  out.user = sip::unescape(to.user).value_or("");
  out.realm = realm == setup_.realms.end() ? setup_.realms.front() : *realm;
  return out;
}

sip::RegisterAnswer Registrar::challenge(std::string_view realm, bool stale) {
  const bool proxy = setup_.parameters.SS_SIP_AUTHENTICATION_CODE == 407;
  const HeaderId id = proxy ? HeaderId::kProxyAuthenticate : HeaderId::kWwwAuthenticate;
  sip::RegisterAnswer out{.status = proxy ? 407 : 401};
  for (auto& value : gate_.challenge(realm, stale, setup_.env.wheel.now())) {
    out.headers.emplace_back(id, std::move(value));
  }
  setup_.env.counters.add(Counter::register_challenged);
  return out;
}

std::optional<sip::RegisterAnswer> Registrar::refuse(const sip::Message& request,
                                                     const sip::Path&) {
  const Aor aor = aor_of(request);
  const HeaderId id = setup_.parameters.SS_SIP_AUTHENTICATION_CODE == 407
                          ? HeaderId::kProxyAuthorization
                          : HeaderId::kAuthorization;
  std::optional<sip::DigestCredentials> credentials;
  for (const sip::Header& line : request.headers()) {
    if (line.id != id || credentials) continue;
    credentials = sip::parse_credentials(line.value);
    if (credentials && credentials->realm != aor.realm) credentials.reset();
  }
  if (!credentials) return challenge(aor.realm, false);
  const AccountRecord* account =
      setup_.accounts.find(setup_.accounts.key_of(credentials->username, aor.realm));
  const Ha1& ha1 = account != nullptr ? account->ha1 : setup_.secrets.nobody;
  const auto verdict = gate_.check(*credentials, request.method_name(),
                                   octets_of(ha1, credentials->algorithm), setup_.env.wheel.now());
  if (verdict == sip::DigestVerdict::kBad || account == nullptr) {
    setup_.env.counters.add(Counter::register_wrong);
    return challenge(aor.realm, false);
  }
  if (verdict == sip::DigestVerdict::kStale) return challenge(aor.realm, true);
  // §10.3 steps 3 and 4: who it is, is known; whether it may.
  if (credentials->username != aor.user || !account->enabled) {
    setup_.env.counters.add(Counter::register_forbidden);
    return sip::RegisterAnswer{.status = 403};
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

sip::RegisterAnswer Registrar::take(const sip::Message& request, const sip::Path& path) {
  sip::RegisterWish wish;
  if (const auto fault = sip::read_register(request, setup_.secrets.hash, wish)) {
    return {.status = fault->status, .reason = fault->reason};
  }
  const Aor aor = aor_of(request);
  const AccountKey key = setup_.accounts.key_of(aor.user, aor.realm);
  const bool nat = behind_nat(request, wish, path.remote.address);
  const base::Nanos now = setup_.env.wheel.now();
  sip::RegisterAnswer out{.status = 403};
  setup_.bindings.with(key, fmt::format("{}@{}", aor.user, aor.realm), [&](auto& bindings) {
    // Looked up in here: a removed account's bindings are forgotten after it is gone.
    const AccountRecord* account = setup_.accounts.find(key);
    if (account == nullptr || !account->enabled) return;
    const auto limits = policy(account->devices, nat);
    const auto outcome = sip::apply_register(bindings, wish, limits, path, nat, now);
    setup_.env.counters.add(Counter::bindings_kicked, outcome.kicked);
    out.status = outcome.status;
    if (outcome.status == 200) out = answer(request, wish, bindings);
    if (outcome.status == 423) {
      out.headers.emplace_back(HeaderId::kMinExpires, fmt::format("{}", limits.least.count()));
    }
  });
  const bool good = out.status == 200;
  setup_.env.counters.add(good ? Counter::register_accepted : Counter::register_forbidden);
  if (good && sip::is_reliable(path.protocol)) setup_.env.transport.trust(path);
  return out;
}

sip::RegisterAnswer Registrar::answer(const sip::Message& request, const sip::RegisterWish& wish,
                                      const std::vector<sip::Binding>& bindings) const {
  sip::RegisterAnswer out;
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
