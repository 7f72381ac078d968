#include "controlplane/sip/digest_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/sip/digest_params.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

// What we say ourselves, between quotes.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

// It can be said again between quotes as it stands, a token or not: what a stranger has sent must
// not end the line that we make of it, or another value.
bool stands_in_quotes(std::string_view text) {
  bool escaped = false;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if ((octet < 0x20 && c != '\t') || octet == 0x7f || (c == '"' && !escaped)) return false;
    escaped = c == '\\' && !escaped;
  }
  return !escaped;
}

// "auth" among them.
bool offers_auth(std::string_view options) {
  while (!options.empty()) {
    if (base::iequals(base::trim(base::split_first(options, ',')), "auth")) return true;
  }
  return false;
}

}  // namespace

std::optional<DigestChallenge> parse_challenge(std::string_view value) {
  const auto params = digest_params(value);
  if (!params) return std::nullopt;
  std::string_view realm;
  std::string_view nonce;
  std::string_view opaque;
  std::string_view algorithm;
  std::string_view qop;
  std::string_view stale;
  const std::pair<std::string_view, std::string_view*> fields[] = {
      {"realm", &realm},         {"nonce", &nonce}, {"opaque", &opaque},
      {"algorithm", &algorithm}, {"qop", &qop},     {"stale", &stale},
  };
  for (std::string_view rest = *params; !rest.empty();) {
    const auto param = next_digest_param(rest);
    if (!param) return std::nullopt;
    for (const auto& [name, field] : fields) {
      if (!base::iequals(name, param->name)) continue;
      if (field->data() != nullptr) return std::nullopt;  // twice
      *field = param->value;
    }
  }
  if (realm.data() == nullptr || nonce.empty()) return std::nullopt;
  for (const auto said : {realm, nonce, opaque}) {
    if (!stands_in_quotes(said)) return std::nullopt;
  }
  DigestChallenge out{.realm = std::string(realm), .nonce = std::string(nonce)};
  if (opaque.data() != nullptr) out.opaque.emplace(opaque);
  if (algorithm.data() != nullptr) {
    out.algorithm = algorithm_named(algorithm);
    if (!out.algorithm) return std::nullopt;
  }
  out.qop = offers_auth(qop);
  if (qop.data() != nullptr && !out.qop) return std::nullopt;
  out.stale = base::iequals(stale, "true");
  return out;
}

std::string digest_answer(const DigestChallenge& challenge, const DigestProof& proof) {
  const DigestAlgorithm algorithm = challenge.algorithm.value_or(DigestAlgorithm::kMd5);
  const Hex ha1(ha1_of(algorithm, proof.user, challenge.realm, proof.password));
  const Hex ha2(digest_of(algorithm, {proof.method, ":", proof.uri}));
  const std::string count = fmt::format("{:08x}", proof.count);
  const Hex response(challenge.qop ? digest_of(algorithm, {ha1, ":", challenge.nonce, ":", count,
                                                           ":", proof.cnonce, ":auth:", ha2})
                                   : digest_of(algorithm, {ha1, ":", challenge.nonce, ":", ha2}));
  std::string out = fmt::format(
      "Digest username={}, realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\"",
      quoted(proof.user), challenge.realm, challenge.nonce, proof.uri, std::string_view(response));
  if (challenge.algorithm) out.append(", algorithm=").append(algorithm_name(algorithm));
  if (challenge.opaque) out.append(", opaque=\"").append(*challenge.opaque).append("\"");
  if (challenge.qop) {
    out += fmt::format(", qop=auth, nc={}, cnonce=\"{}\"", count, proof.cnonce);
  }
  return out;
}

void DigestClient::become(Identity identity) {
  if (identity == identity_) return;
  identity_ = std::move(identity);
  realms_.clear();
}

std::uint32_t DigestClient::learn(bool proxy, DigestChallenge challenge) {
  auto found = std::find_if(realms_.begin(), realms_.end(), [&](const Realm& known) {
    return known.proxy == proxy && known.challenge.realm == challenge.realm;
  });
  if (found == realms_.end()) {
    // Nobody has so many: whoever makes up a new one each time starts over.
    if (realms_.size() == kRealmsMax) realms_.clear();
    found = realms_.insert(realms_.end(), {.proxy = proxy, .challenge = {}});
  }
  *found = {.proxy = proxy, .challenge = std::move(challenge)};
  return 1u << (found - realms_.begin());
}

DigestClient::Verdict DigestClient::take(const Message& response, DigestExchange& exchange) {
  if (exchange.challenges >= most_) return Verdict::kTooOften;
  std::uint32_t asked = 0;
  bool wrong = false;
  for (const bool proxy : {false, true}) {
    const HeaderId id = proxy ? HeaderId::kProxyAuthenticate : HeaderId::kWwwAuthenticate;
    // Of one realm the first that we can do is the best one (RFC 8760 §2.4).
    std::vector<std::string> seen;
    for (const Header& header : response.headers()) {
      if (header.id != id) continue;
      auto challenge = parse_challenge(header.value);
      if (!challenge) continue;
      if (std::find(seen.begin(), seen.end(), challenge->realm) != seen.end()) continue;
      seen.push_back(challenge->realm);
      const bool stale = challenge->stale;
      const std::uint32_t bit = learn(proxy, *std::move(challenge));
      // A nonce that was kept from an earlier exchange may be too old though nobody says so.
      wrong = wrong || ((exchange.proven & bit) != 0 && !stale);
      asked |= bit;
    }
  }
  if (asked == 0) return Verdict::kImpossible;
  if (wrong) {
    realms_.clear();  // it is of no use to whoever comes next
    return Verdict::kWrong;
  }
  ++exchange.challenges;
  exchange.proven |= asked;
  return Verdict::kAgain;
}

std::string DigestClient::lines(std::string_view method, std::string_view uri) {
  std::string out;
  for (Realm& realm : realms_) {
    // Without a qop there is no count, and the nonce is good for as long as its server likes.
    const std::string cnonce = realm.challenge.qop ? random_.token() : std::string();
    out.append(realm.proxy ? "Proxy-Authorization: " : "Authorization: ");
    out.append(digest_answer(realm.challenge, {.user = identity_.user,
                                               .password = identity_.password,
                                               .method = method,
                                               .uri = uri,
                                               .cnonce = cnonce,
                                               .count = ++realm.used}));
    out.append("\r\n");
  }
  return out;
}

}  // namespace tandem::sip
