// Digest authentication as a server does it (RFC 3261 §22, RFC 7616, RFC 8760): challenges, and
// whether what came back proves a password. Nonces need no memory until they are used: a nonce is
// its time, a random number, a mark of whom it was given to, and an HMAC of all. Owner: the shard's
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/digest_hash.h"
#include "controlplane/sip/nonce_window.h"
#include "drivers/base/clock.h"
#include "drivers/base/endpoint.h"
#include "drivers/base/keyed_hash.h"
#include "drivers/base/random.h"

namespace tandem::sip {

using base::Nanos;

// What an Authorization or Proxy-Authorization says; views into its value.
struct DigestCredentials {
  std::string username;  // without quotes and escapes
  std::string_view realm;
  std::string_view nonce;
  std::string_view uri;
  std::string_view response;
  std::string_view cnonce;
  std::string_view count;  // nc, as it was written
  DigestAlgorithm algorithm = DigestAlgorithm::kMd5;
  bool qop = false;  // auth; else as RFC 2069 had it
};

// No value: another scheme, broken, or something that we have not offered (auth-int, -sess).
std::optional<DigestCredentials> parse_credentials(std::string_view value);

enum class DigestVerdict : std::uint8_t {
  kGood,
  kStale,  // the password is right, but the nonce is too old, used up, or of a former life of ours
  kBad,
};

// Whose nonce the credentials have. Who can't see what we send to an address that isn't his own
// can't have the nonce that went there.
enum class NonceOrigin : std::uint8_t {
  kOthers,     // not of our making, or of a former life of ours
  kElsewhere,  // ours, given to another address
  kHere,       // ours, given to this very address
};

struct DigestCheck {
  DigestVerdict verdict;
  NonceOrigin origin;
};

class DigestGate {
 public:
  struct Setup {
    Hmac::Key secret;        // the same for all shards
    std::uint8_t shard = 0;  // nonces of others are stale here: each shard counts its own
    Nanos answer_within;     // a fresh nonce must be used, or it is too old
    Nanos life;              // of a nonce that was
    std::uint32_t nonces;    // in use at a time
    base::Random& random;
    // The one to be preferred first (RFC 8760 §2.3); others are as good as wrong.
    std::vector<DigestAlgorithm> offered{DigestAlgorithm::kSha256, DigestAlgorithm::kMd5};
  };
  explicit DigestGate(const Setup& setup);

  // `ha1` in the credentials' algorithm. What is done doesn't depend on whether it is right.
  // `from`: where they came from.
  DigestCheck check(const DigestCredentials& credentials, std::string_view method,
                    std::span<const std::uint8_t> ha1, const base::IpAddress& from, Nanos now);

  // The values of the challenge headers, one for each algorithm, for whoever is at that address.
  std::vector<std::string> challenge(std::string_view realm, bool stale, const base::IpAddress& to,
                                     Nanos now);

 private:
  struct Nonce;

  bool usable(const DigestCredentials& credentials, const Nonce& nonce, Nanos now);
  std::uint32_t mark_of(std::uint64_t serial, const base::IpAddress& address) const;

  Setup setup_;
  Hmac hmac_;
  base::KeyedHash::Key mark_key_;  // made of the secret, so that shards know each other's marks
  NonceWindow window_;
};

}  // namespace tandem::sip
