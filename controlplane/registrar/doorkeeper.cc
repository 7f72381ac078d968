#include "controlplane/registrar/doorkeeper.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "drivers/base/text.h"

namespace tandem::registrar {

using sip::HeaderId;

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

Doorkeeper::Doorkeeper(const Setup& setup)
    : setup_(setup),
      gate_({.secret = setup.secrets.nonces,
             .shard = static_cast<std::uint8_t>(setup.env.shard),
             .answer_within = setup.parameters.SS_SIP_AUTHENTICATION_TIMEOUT,
             .life = setup.parameters.TD_SIP_NONCE_LIFE,
             .nonces = setup.nonces,
             .random = setup.env.random,
             .offered = offered(setup.parameters)}) {}

std::string_view Doorkeeper::realm_of(std::string_view host, std::string_view home) const {
  const auto realm = std::find_if(setup_.realms.begin(), setup_.realms.end(),
                                  [&](const auto& name) { return base::iequals(name, host); });
  if (realm != setup_.realms.end()) return *realm;
  return home.empty() ? std::string_view(setup_.realms.front()) : home;
}

sip::DoorAnswer Doorkeeper::challenge(std::string_view realm, bool stale,
                                      const Question& question) {
  const HeaderId id =
      question.status == 407 ? HeaderId::kProxyAuthenticate : HeaderId::kWwwAuthenticate;
  sip::DoorAnswer out{.status = question.status};
  for (auto& value : gate_.challenge(realm, stale, setup_.env.wheel.now())) {
    out.headers.emplace_back(id, std::move(value));
  }
  setup_.env.counters.add(question.challenged);
  return out;
}

Doorkeeper::Proof Doorkeeper::prove(const sip::Message& request, std::string_view realm,
                                    const Question& question) {
  const HeaderId id =
      question.status == 407 ? HeaderId::kProxyAuthorization : HeaderId::kAuthorization;
  std::optional<sip::DigestCredentials> credentials;
  for (const sip::Header& line : request.headers()) {
    if (line.id != id || credentials) continue;
    credentials = sip::parse_credentials(line.value);
    if (credentials && credentials->realm != realm) credentials.reset();
  }
  if (!credentials) return {.refusal = challenge(realm, false, question)};
  const AccountKey key = setup_.accounts.key_of(credentials->username, realm);
  const AccountRecord* account = setup_.accounts.find(key);
  const Ha1& ha1 = account != nullptr ? account->ha1 : setup_.secrets.nobody;
  const auto verdict = gate_.check(*credentials, request.method_name(),
                                   octets_of(ha1, credentials->algorithm), setup_.env.wheel.now());
  if (verdict == sip::DigestVerdict::kBad || account == nullptr) {
    setup_.env.counters.add(question.wrong);
    return {.refusal = challenge(realm, false, question)};
  }
  if (verdict == sip::DigestVerdict::kStale) return {.refusal = challenge(realm, true, question)};
  return {.user = std::move(credentials->username), .key = key, .enabled = account->enabled};
}

}  // namespace tandem::registrar
