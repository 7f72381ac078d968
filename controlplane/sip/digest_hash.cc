#include "controlplane/sip/digest_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>

#include "drivers/base/check.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

struct Free {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Fetched once: finding an algorithm by its name costs more than using it.
const EVP_MD* method_of(DigestAlgorithm algorithm) {
  static const EVP_MD* const kMd5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const EVP_MD* const method = algorithm == DigestAlgorithm::kMd5 ? kMd5 : kSha256;
  CHECK(method != nullptr);
  return method;
}

// Open for further pieces on this thread.
EVP_MD_CTX* begin(DigestAlgorithm algorithm) {
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  CHECK(EVP_DigestInit_ex2(context.get(), method_of(algorithm), nullptr) == 1);
  return context.get();
}

std::string_view view(std::span<const std::uint8_t> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

int hex_digit(char c) {
  if (base::is_digit(c)) return c - '0';
  const char lower = base::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string_view algorithm_name(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::kMd5 ? "MD5" : "SHA-256";
}

Digest::Digest(std::span<const std::uint8_t> octets) : size_(octets.size()) {
  CHECK(octets.size() <= kMost);
  std::copy(octets.begin(), octets.end(), octets_.begin());
}

Digest digest_of(DigestAlgorithm algorithm, std::initializer_list<std::string_view> pieces) {
  EVP_MD_CTX* const context = begin(algorithm);
  for (const std::string_view piece : pieces) {
    CHECK(EVP_DigestUpdate(context, piece.data(), piece.size()) == 1);
  }
  Digest out;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context, out.octets_.data(), &size) == 1);
  out.size_ = size;
  return out;
}

Hex::Hex(std::span<const std::uint8_t> octets) : size_(octets.size() * 2) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  CHECK(octets.size() <= Digest::kMost);
  char* to = text_.data();
  for (const std::uint8_t octet : octets) {
    *to++ = kDigits[octet >> 4];
    *to++ = kDigits[octet & 15];
  }
}

bool parse_hex(std::string_view text, std::span<std::uint8_t> octets) {
  if (text.size() != 2 * octets.size()) return false;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    octets[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

Digest ha1_of(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
              std::string_view password) {
  return digest_of(algorithm, {user, ":", realm, ":", password});
}

Hmac::Hmac(const Key& key) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::uint8_t octet = i < key.size() ? key[i] : 0;
    inner_[i] = static_cast<char>(octet ^ 0x36);
    outer_[i] = static_cast<char>(octet ^ 0x5c);
  }
}

Digest Hmac::of(std::initializer_list<std::string_view> pieces) const {
  EVP_MD_CTX* const context = begin(DigestAlgorithm::kSha256);
  CHECK(EVP_DigestUpdate(context, inner_.data(), inner_.size()) == 1);
  for (const std::string_view piece : pieces) {
    CHECK(EVP_DigestUpdate(context, piece.data(), piece.size()) == 1);
  }
  std::array<std::uint8_t, Digest::kMost> inner{};
  CHECK(EVP_DigestFinal_ex(context, inner.data(), nullptr) == 1);
  return digest_of(DigestAlgorithm::kSha256, {{outer_.data(), outer_.size()}, view(inner)});
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tandem::sip
