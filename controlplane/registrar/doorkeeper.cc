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

sip::DoorAnswer Doorkeeper::challenge(const Claim& claim, bool stale) {
  const bool proxy = claim.question.status == 407;
  const HeaderId id = proxy ? HeaderId::kProxyAuthenticate : HeaderId::kWwwAuthenticate;
  sip::DoorAnswer out{.status = claim.question.status};
  for (auto& value : gate_.challenge(claim.realm, stale, claim.source, setup_.env.wheel.now())) {
    out.headers.emplace_back(id, std::move(value));
  }
  setup_.env.counters.add(claim.question.challenged);
  return out;
}

Doorkeeper::Proof Doorkeeper::ask(const Claim& claim, bool stale) {
  if (setup_.lockout != nullptr) setup_.lockout->challenged(claim.source, turn());
  return {.refusal = challenge(claim, stale), .asks = true};
}

bool Doorkeeper::is_refused(const Claim& claim) {
  return !claim.user.empty() && setup_.lockout != nullptr &&
         setup_.lockout->refuses(claim.source, claim.key, setup_.env.wheel.now());
}

Doorkeeper::Proof Doorkeeper::prove(const sip::Message& request, const sip::Path& path,
                                    std::string_view realm, const Question& question) {
  const HeaderId id =
      question.status == 407 ? HeaderId::kProxyAuthorization : HeaderId::kAuthorization;
  std::optional<sip::DigestCredentials> credentials;
  for (const sip::Header& line : request.headers()) {
    if (line.id != id || credentials) continue;
    credentials = sip::parse_credentials(line.value);
    if (credentials && credentials->realm != realm) credentials.reset();
  }
  Claim claim{.source = path.remote.address, .realm = realm, .question = question};
  claim.user = credentials ? credentials->username : question.registers.value_or("");
  claim.key = setup_.accounts.key_of(claim.user, realm);
  // Whether there is such an account isn't looked at before: nobody learns it from this.
  if (is_refused(claim)) {
    setup_.env.counters.add(wire::Counter::account_suspended);
    return {.refusal = sip::DoorAnswer{.status = 403, .reason = "Too Many Failures"}};
  }
  if (!credentials) return ask(claim, false);
  const AccountRecord* account = setup_.accounts.find(claim.key);
  const Ha1& ha1 = account != nullptr ? account->ha1 : setup_.secrets.nobody;
  const auto found =
      gate_.check(*credentials, request.method_name(), octets_of(ha1, credentials->algorithm),
                  claim.source, setup_.env.wheel.now());
  const bool right = found.verdict != sip::DigestVerdict::kBad && account != nullptr;
  Proof out = judge(claim, *credentials, found, right);
  if (out.refusal) return out;
  // A customer of former days proves nothing that others should be spared for.
  if (setup_.lockout != nullptr && account->enabled)
    setup_.lockout->succeeded(claim.source, claim.key);
  else if (setup_.lockout != nullptr)
    setup_.lockout->answered(claim.source, turn());
  return {.user = std::move(credentials->username), .key = claim.key, .enabled = account->enabled};
}

Doorkeeper::Proof Doorkeeper::judge(const Claim& claim, const sip::DigestCredentials& credentials,
                                    const sip::DigestCheck& found, bool right) {
  // With a nonce of somebody else's nobody learns whether a password is right: so there is nothing
  // to guess but with nonces that were seen, at the address where they were, and who forges a
  // source address fails for nobody. Whoever has moved is asked once more.
  if (found.origin != sip::NonceOrigin::kHere) return ask(claim, true);
  if (!right) {
    setup_.env.counters.add(claim.question.wrong);
    note_failure(claim, credentials);
    return {.refusal = challenge(claim, false)};
  }
  if (found.verdict == sip::DigestVerdict::kStale) {
    if (setup_.lockout != nullptr) setup_.lockout->answered(claim.source, turn());
    return ask(claim, true);
  }
  return {};
}

void Doorkeeper::note_failure(const Claim& claim, const sip::DigestCredentials& credentials) {
  if (setup_.lockout == nullptr) return;
  base::KeyedHash said(setup_.secrets.hash);
  said << credentials.nonce << credentials.response << credentials.count;
  const std::string name = std::string(claim.user).append("@").append(claim.realm);
  setup_.lockout->failed(claim.source,
                         {.account = claim.key, .name = name, .said = said.digest().low}, turn());
}

}  // namespace tandem::registrar
