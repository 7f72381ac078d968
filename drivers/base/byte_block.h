// 32 bytes of text at a time: which of them are this, which are that, as one bit a byte, the first
// byte lowest. Two kinds with one face: with AVX2, and plain for machines and builds without; the
// tests hold both to the same.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <array>
#include <cstdint>
#include <cstring>

namespace tandem::base {

class PlainBlock {
 public:
  static constexpr std::size_t kSize = 32;

  // REQUIRES: kSize bytes can be read.
  static PlainBlock load(const char* at) {
    PlainBlock out;
    std::memcpy(out.bytes_.data(), at, kSize);
    return out;
  }

  std::uint32_t equal(char wanted) const {
    return bits([=](char c, std::size_t) { return c == wanted; });
  }
  // Below 0x20.
  std::uint32_t controls() const {
    return bits([](char c, std::size_t) { return static_cast<unsigned char>(c) < 0x20; });
  }
  // Bytes that are those of `text` once the bits of `fold` are set in them. Both have kSize.
  std::uint32_t equal_folded(const char* text, const char* fold) const {
    return bits([=](char c, std::size_t i) { return (c | fold[i]) == text[i]; });
  }

 private:
  template <typename Test>
  std::uint32_t bits(Test&& test) const {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      out |= static_cast<std::uint32_t>(test(bytes_[i], i)) << i;
    }
    return out;
  }

  std::array<char, kSize> bytes_;
};

#ifdef __AVX2__
class Avx2Block {
 public:
  static constexpr std::size_t kSize = 32;

  static Avx2Block load(const char* at) { return Avx2Block(vector_at(at)); }

  std::uint32_t equal(char wanted) const {
    return bits(_mm256_cmpeq_epi8(bytes_, _mm256_set1_epi8(wanted)));
  }
  std::uint32_t controls() const {
    const __m256i blank = _mm256_set1_epi8(0x20);
    return ~bits(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes_, blank), bytes_));
  }
  std::uint32_t equal_folded(const char* text, const char* fold) const {
    return bits(_mm256_cmpeq_epi8(_mm256_or_si256(bytes_, vector_at(fold)), vector_at(text)));
  }

 private:
  explicit Avx2Block(__m256i bytes) : bytes_(bytes) {}
  static __m256i vector_at(const char* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
  static std::uint32_t bits(__m256i equal) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(equal));
  }

  __m256i bytes_;
};
using ByteBlock = Avx2Block;
#else
using ByteBlock = PlainBlock;
#endif

// The first `size` bytes at `at`, blanks behind them when there are fewer than a block's: nothing
// beyond them is read.
template <typename Block>
Block load_part(const char* at, std::size_t size) {
  if (size >= Block::kSize) [[likely]]
    return Block::load(at);
  std::array<char, Block::kSize> padded;
  padded.fill(' ');
  std::memcpy(padded.data(), at, size);
  return Block::load(padded.data());
}

}  // namespace tandem::base
