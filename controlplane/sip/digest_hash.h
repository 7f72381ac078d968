// The hashes of SIP's digest authentication (RFC 7616 §3.2, RFC 8760): MD5 and SHA-256 of texts in
// pieces, as octets or as the lower-case hexadecimal that goes on the wire; HMAC for what only we
// must be able to make. Wraps OpenSSL; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace tandem::sip {

enum class DigestAlgorithm : std::uint8_t { kMd5, kSha256 };

// As an algorithm parameter has it.
std::string_view algorithm_name(DigestAlgorithm algorithm);

class Digest {
 public:
  static constexpr std::size_t kMost = 32;

  Digest() = default;
  explicit Digest(std::span<const std::uint8_t> octets);

  std::span<const std::uint8_t> octets() const { return {octets_.data(), size_}; }

 private:
  friend Digest digest_of(DigestAlgorithm, std::initializer_list<std::string_view>);

  std::array<std::uint8_t, kMost> octets_{};
  std::size_t size_ = 0;
};

// Of all pieces, one after another.
Digest digest_of(DigestAlgorithm algorithm, std::initializer_list<std::string_view> pieces);

// Octets in lower-case hexadecimal.
class Hex {
 public:
  explicit Hex(std::span<const std::uint8_t> octets);
  explicit Hex(const Digest& digest) : Hex(digest.octets()) {}
  operator std::string_view() const { return {text_.data(), size_}; }  // NOLINT implicit on purpose

 private:
  std::array<char, 2 * Digest::kMost> text_{};
  std::size_t size_;
};

// Hexadecimal of either case into octets; false: it's something else, or of another length.
bool parse_hex(std::string_view text, std::span<std::uint8_t> octets);

// user:realm:password, all that an account needs to keep of its password (RFC 7616 §3.4.2).
Digest ha1_of(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
              std::string_view password);

// HMAC-SHA-256 (RFC 2104).
class Hmac {
 public:
  using Key = std::array<std::uint8_t, 32>;
  explicit Hmac(const Key& key);

  Digest of(std::initializer_list<std::string_view> pieces) const;

 private:
  static constexpr std::size_t kBlock = 64;
  std::array<char, kBlock> inner_{};
  std::array<char, kBlock> outer_{};
};

// Whether both are equal, in a time that says nothing about where they differ.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace tandem::sip
