// Packets, keys and hexadecimal for the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/crypto/ipsec_mb.h"
#include "drivers/crypto/octets.h"
#include "drivers/crypto/srtp_batch.h"
#include "drivers/crypto/srtp_context.h"
#include "drivers/crypto/srtp_key.h"

namespace tandem::crypto {

using Octets = std::vector<std::uint8_t>;

inline Octets hex(std::string_view text) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  };
  Octets out;
  unsigned high = 16;
  for (const char c : text) {
    if (c == ' ') continue;
    if (high == 16) {
      high = digit(c);
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | digit(c)));
      high = 16;
    }
  }
  return out;
}

inline const IpsecMb& best() {
  static const IpsecMb crypto = [] {
    auto opened = IpsecMb::open();
    EXPECT_TRUE(opened.ok());
    return std::move(*opened);
  }();
  return crypto;
}

// For tests that try every instruction set; those that the machine lacks are skipped.
inline constexpr std::array kIsas = {IpsecMb::Isa::kBest, IpsecMb::Isa::kSse, IpsecMb::Isa::kAvx,
                                     IpsecMb::Isa::kAvx2, IpsecMb::Isa::kAvx512};
inline std::string isa_name(const testing::TestParamInfo<IpsecMb::Isa>& info) {
  constexpr const char* kNames[] = {"Best", "Sse", "Avx", "Avx2", "Avx512"};
  return kNames[static_cast<std::size_t>(info.param)];
}

inline constexpr std::array kSuites = {
    SrtpSuite::kAesCm128HmacSha1_80, SrtpSuite::kAesCm128HmacSha1_32,
    SrtpSuite::kAesCm256HmacSha1_80, SrtpSuite::kAesCm256HmacSha1_32,
    SrtpSuite::kAeadAes128Gcm,       SrtpSuite::kAeadAes256Gcm};

template <typename Bytes>
void fill(Bytes& out, std::mt19937_64& random) {
  for (auto& octet : out) octet = static_cast<std::uint8_t>(random());
}

inline SrtpMaster random_master(SrtpSuite suite, std::mt19937_64& random) {
  SrtpMaster out;
  out.suite = suite;
  fill(out.key, random);
  fill(out.salt, random);
  return out;
}

inline SrtpMaster master_of(SrtpSuite suite, std::string_view key, std::string_view salt) {
  SrtpMaster out;
  out.suite = suite;
  const Octets k = hex(key);
  const Octets s = hex(salt);
  std::copy(k.begin(), k.end(), out.key.begin());
  std::copy(s.begin(), s.end(), out.salt.begin());
  return out;
}

struct RtpShape {
  std::uint32_t ssrc = 0xcafebabe;
  std::uint16_t sequence = 0;
  std::size_t payload = 160;
  unsigned csrcs = 0;
  int extension_words = -1;  // no extension
  std::uint32_t timestamp = 0x01020304;
};

inline Octets rtp(const RtpShape& shape) {
  Octets out = {static_cast<std::uint8_t>(0x80 | shape.csrcs), 0};
  out.resize(12 + 4 * shape.csrcs, 0x11);
  out[2] = static_cast<std::uint8_t>(shape.sequence >> 8);
  out[3] = static_cast<std::uint8_t>(shape.sequence);
  store32(&out[4], shape.timestamp);
  store32(&out[8], shape.ssrc);
  if (shape.extension_words >= 0) {
    out[0] |= 0x10;
    const auto words = static_cast<std::size_t>(shape.extension_words);
    out.insert(out.end(), {0xbe, 0xde, static_cast<std::uint8_t>(words >> 8),
                           static_cast<std::uint8_t>(words)});
    out.resize(out.size() + 4 * words, 0x22);
  }
  for (std::size_t i = 0; i < shape.payload; ++i) {
    out.push_back(static_cast<std::uint8_t>(i * 7 + shape.sequence));
  }
  return out;
}

inline Octets rtcp(std::uint32_t ssrc, std::size_t behind) {
  Octets out = {0x80, 200, 0, 0};
  out.resize(8);
  store32(&out[4], ssrc);
  for (std::size_t i = 0; i < behind; ++i) out.push_back(static_cast<std::uint8_t>(i * 5));
  return out;
}

// Runs one packet; it has its new size afterwards.
inline SrtpVerdict run(SrtpBatch& batch, SrtpContext& context, Octets& packet,
                       SrtpKind kind = SrtpKind::kRtp) {
  const std::size_t size = packet.size();
  packet.resize(size + kSrtpGrowthMax);
  SrtpJob job{{packet.data(), size}, kSrtpGrowthMax, &context, kind, {}};
  batch.run({&job, 1});
  packet.resize(job.packet.size());
  return job.verdict;
}

}  // namespace tandem::crypto
