// a=crypto: how media are protected, by SDES (RFC 4568). What we speak of it: the suites of
// drivers/crypto, one master key, no MKI, key derivation rate 0, everything encrypted and
// authenticated. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/crypto/srtp_suite.h"

namespace tandem::sdp {

struct Crypto {
  std::uint32_t tag = 0;
  crypto::SrtpSuite suite = crypto::SrtpSuite::kNone;
  // Master key and behind it the salt, as long as the suite has them.
  std::vector<std::uint8_t> key_and_salt;
};

// The value of an attribute, behind "crypto:". Without a value `why` says what is wrong with it, or
// what of it we don't speak: the attribute is passed over then, as §5.1.2 has it.
std::optional<Crypto> read_crypto(std::string_view value, std::string& why);
std::string write_crypto(const Crypto& crypto);

}  // namespace tandem::sdp
