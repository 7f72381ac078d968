// a=fingerprint (RFC 8122 §5): which certificate a party shows in its DTLS handshake. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sdp {

// Weakest first. Those that we believe; SHA-1 and MD5 are none any more.
enum class HashName : std::uint8_t { kSha256, kSha384, kSha512 };

struct Fingerprint {
  HashName hash = HashName::kSha256;
  std::vector<std::uint8_t> octets;  // as many as the hash has

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// "sha-256 4A:AD:…", in any case. Nothing: another hash, or not one at all.
std::optional<Fingerprint> read_fingerprint(std::string_view value);
std::string write_fingerprint(const Fingerprint& fingerprint);

// Of a description's lines those that count: all by the strongest hash that we know (§5.1), in the
// order in which they stand. The certificate has one of them.
std::vector<Fingerprint> strongest_fingerprints(std::span<const std::string_view> values);

}  // namespace tandem::sdp
