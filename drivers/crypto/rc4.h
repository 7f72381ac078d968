// RC4, which IPsec-MB doesn't have. Each octet waits for the one before it, so several packets are
// worked on at a time: four take little longer than one. Only for the legacy payload encryption.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::crypto {

struct Rc4Job {
  std::span<const std::uint8_t> key;
  std::span<std::uint8_t> data;
};

// The keystream of each one's key, after `skip` octets of it, over its data. REQUIRES: keys of 1 to
// 256 octets. No data may be another's.
void rc4(std::span<const Rc4Job> jobs, std::size_t skip);

}  // namespace tandem::crypto
