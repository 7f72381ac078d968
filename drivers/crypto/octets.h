// Integers in network order, and memory that held a key.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace tandem::crypto {

static_assert(std::endian::native == std::endian::little);

inline std::uint16_t load16(const std::uint8_t* at) {
  std::uint16_t out;
  std::memcpy(&out, at, sizeof out);
  return __builtin_bswap16(out);
}
inline std::uint32_t load32(const std::uint8_t* at) {
  std::uint32_t out;
  std::memcpy(&out, at, sizeof out);
  return __builtin_bswap32(out);
}
inline void store32(std::uint8_t* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
}

// Not left out by the compiler when nobody reads the memory again.
inline void wipe(void* at, std::size_t size) { explicit_bzero(at, size); }

// In the same time wherever they differ: no forger learns how much of a tag was right.
inline bool same_tag(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) {
  unsigned differ = 0;
  for (std::size_t i = 0; i < size; ++i) differ |= static_cast<unsigned>(a[i] ^ b[i]);
  return differ == 0;
}

}  // namespace tandem::crypto
