// AES in counter mode on one piece of memory, and key schedules. For what isn't worth a burst: keys
// are derived by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct IMB_MGR;

namespace tandem::crypto {

inline constexpr std::size_t kAesBlock = 16;
// Round keys: 11 blocks for AES-128, 15 for AES-256.
inline constexpr std::size_t kAesScheduleMax = 15 * kAesBlock;

// REQUIRES: a key of 16 or 32 octets; `schedule` has kAesScheduleMax, aligned to 16.
void expand_aes_key(IMB_MGR* manager, std::span<const std::uint8_t> key, std::uint8_t* schedule);

// REQUIRES: `key_size` 16 or 32. `counter` is the first block's, kAesBlock octets.
void aes_ctr(IMB_MGR* manager, const std::uint8_t* schedule, std::size_t key_size,
             const std::uint8_t* counter, std::span<std::uint8_t> data);

}  // namespace tandem::crypto
