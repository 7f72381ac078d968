// A hash under a key that only this process knows: SipHash-2-4 with 128 bits of result (Aumasson
// and Bernstein). Nobody can choose texts that meet in a table; and since all 128 bits meet by
// accident never, a digest may stand for its text.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tandem::base {

class KeyedHash {
 public:
  struct Key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  struct Digest {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const Digest&, const Digest&) = default;
  };

  explicit KeyedHash(const Key& key)
      : v0_(key.low ^ 0x736f6d6570736575),
        v1_(key.high ^ 0x646f72616e646f6d ^ 0xee),
        v2_(key.low ^ 0x6c7967656e657261),
        v3_(key.high ^ 0x7465646279746573) {}

  KeyedHash& operator<<(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
    bytes_ += 8;
    return *this;
  }
  // Its length comes first: no two sequences of pieces are the same words.
  KeyedHash& operator<<(std::string_view piece) {
    *this << static_cast<std::uint64_t>(piece.size());
    for (; piece.size() >= 8; piece.remove_prefix(8)) *this << load(piece.data(), 8);
    return piece.empty() ? *this : *this << load(piece.data(), piece.size());
  }

  Digest digest() {
    *this << (bytes_ << 56);
    v2_ ^= 0xee;
    for (int i = 0; i < 4; ++i) round();
    Digest out;
    out.low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xdd;
    for (int i = 0; i < 4; ++i) round();
    out.high = v0_ ^ v1_ ^ v2_ ^ v3_;
    return out;
  }

 private:
  static std::uint64_t load(const char* from, std::size_t length) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, length);
    return word;
  }
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_;
  std::uint64_t v1_;
  std::uint64_t v2_;
  std::uint64_t v3_;
  std::uint64_t bytes_ = 0;
};

}  // namespace tandem::base
