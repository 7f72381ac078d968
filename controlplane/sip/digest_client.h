// Digest authentication as a client does it (RFC 3261 §22, RFC 7616, RFC 8760): reads challenges,
// proves that we know the password, and keeps the nonces, so that the next request has its proof
// with it at once. MD5 and SHA-256, qop "auth" or none (RFC 2069).
// Owner: one thread, for all requests of one user to one peer. The password never leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/sip/digest_hash.h"
#include "controlplane/sip/message.h"
#include "drivers/base/random.h"

namespace tandem::sip {

// One WWW-Authenticate or Proxy-Authenticate.
struct DigestChallenge {
  std::string realm;  // as it was written, like the others
  std::string nonce;
  std::optional<std::string> opaque{};
  std::optional<DigestAlgorithm> algorithm{};  // none: not said, which is MD5
  bool qop = false;                            // "auth" is offered; else none is
  bool stale = false;
};

// No value: another scheme, broken, or something that we can't do (auth-int alone, -sess …).
std::optional<DigestChallenge> parse_challenge(std::string_view value);

// What is said to the challenge of a realm; the count is 1 with a nonce's first use.
struct DigestProof {
  std::string_view user;
  std::string_view password;
  std::string_view method;
  std::string_view uri;
  std::string_view cnonce{};
  std::uint32_t count = 1;
};
// The value of Authorization or Proxy-Authorization.
std::string digest_answer(const DigestChallenge& challenge, const DigestProof& proof);

// A request's way through its challenges, as often as it is sent. Belongs to whoever sends it.
struct DigestExchange {
  std::uint64_t challenges = 0;  // that were answered
  std::uint32_t proven = 0;      // for which realms (a bit each) with a fresh nonce
};

class DigestClient {
 public:
  struct Identity {
    std::string user;
    std::string password;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  // `most`: challenges that are answered in one exchange. `random` outlives this.
  DigestClient(Identity identity, std::uint64_t most, base::Random& random)
      : identity_(std::move(identity)), most_(most), random_(random) {}

  const Identity& identity() const { return identity_; }
  // Another password is proven from now on; what was learnt with the former one is forgotten.
  void become(Identity identity);

  enum class Verdict : std::uint8_t {
    kAgain,      // worth sending again, with lines()
    kWrong,      // a fresh nonce didn't help: user or password are wrong
    kTooOften,   // the exchange's challenges are used up
    kImpossible  // no challenge that we can answer
  };
  // A 401 or 407.
  Verdict take(const Message& response, DigestExchange& exchange);

  // The header lines for a request, each with its CRLF; a nonce's count goes on with it. Empty: no
  // challenge came yet.
  std::string lines(std::string_view method, std::string_view uri);

 private:
  // Realms of servers and of proxies on the way are apart (§22.3).
  static constexpr std::size_t kRealmsMax = 8;

  struct Realm {
    bool proxy;
    DigestChallenge challenge;
    std::uint32_t used = 0;
  };

  // Its bit in an exchange.
  std::uint32_t learn(bool proxy, DigestChallenge challenge);

  Identity identity_;
  std::uint64_t most_;
  base::Random& random_;
  std::vector<Realm> realms_;
};

}  // namespace tandem::sip
