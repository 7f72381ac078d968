// The crypto suites of SRTP that we speak, by the names of SDES (RFC 4568 §6.2, RFC 6188 §4,
// RFC 7714 §14.1), with their lengths in octets. Nothing here needs IPsec-MB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem::crypto {

enum class SrtpSuite : std::uint8_t {
  kNone,  // no key yet
  kAesCm128HmacSha1_80,
  kAesCm128HmacSha1_32,
  kAesCm256HmacSha1_80,
  kAesCm256HmacSha1_32,
  kAeadAes128Gcm,
  kAeadAes256Gcm,
};

struct SrtpSuiteFacts {
  SrtpSuite suite;
  std::string_view name;
  bool gcm;
  std::uint8_t key;       // master and session encryption key
  std::uint8_t salt;      // master and session salt
  std::uint8_t rtp_tag;   // what a packet grows by
  std::uint8_t rtcp_tag;  // the same without the word of E flag and index
};

// SRTCP keeps tags of 80 bits in the _32 suites (RFC 4568 §6.2.2).
inline constexpr std::array<SrtpSuiteFacts, 7> kSrtpSuites = {{
    {SrtpSuite::kNone, "", false, 0, 0, 0, 0},
    {SrtpSuite::kAesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", false, 16, 14, 10, 10},
    {SrtpSuite::kAesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", false, 16, 14, 4, 10},
    {SrtpSuite::kAesCm256HmacSha1_80, "AES_256_CM_HMAC_SHA1_80", false, 32, 14, 10, 10},
    {SrtpSuite::kAesCm256HmacSha1_32, "AES_256_CM_HMAC_SHA1_32", false, 32, 14, 4, 10},
    {SrtpSuite::kAeadAes128Gcm, "AEAD_AES_128_GCM", true, 16, 12, 16, 16},
    {SrtpSuite::kAeadAes256Gcm, "AEAD_AES_256_GCM", true, 32, 12, 16, 16},
}};

inline constexpr std::size_t kSrtpKeyMax = 32;
inline constexpr std::size_t kSrtpSaltMax = 14;
// The word of E flag and index that SRTCP puts behind a packet (RFC 3711 §3.4).
inline constexpr std::size_t kSrtcpIndexSize = 4;
// What a protected packet is longer by at most: room for it must be behind a packet.
inline constexpr std::size_t kSrtpGrowthMax = 16 + kSrtcpIndexSize;

constexpr const SrtpSuiteFacts& facts_of(SrtpSuite suite) {
  return kSrtpSuites[static_cast<std::size_t>(suite)];
}

// Exactly as SDES writes it: crypto-suite is a token of SDP, in which case matters.
constexpr std::optional<SrtpSuite> srtp_suite_named(std::string_view name) {
  for (const SrtpSuiteFacts& one : kSrtpSuites) {
    if (one.name == name && one.suite != SrtpSuite::kNone) return one.suite;
  }
  return std::nullopt;
}

}  // namespace tandem::crypto
