#include "drivers/base/random.h"

#include <sys/random.h>

#include "drivers/base/check.h"

namespace tandem::base {

std::string Random::token() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::uint64_t number = next();
  std::string out(16, '0');
  for (auto& digit : out) {
    digit = kDigits[number & 15];
    number >>= 4;
  }
  return out;
}

std::uint64_t KernelRandom::next() {
  if (left_ == 0) {
    auto* raw = reinterpret_cast<char*>(pool_.data());
    std::size_t have = 0;
    while (have < sizeof pool_) {
      const ssize_t got = getrandom(raw + have, sizeof pool_ - have, 0);
      CHECK(got > 0);
      have += static_cast<std::size_t>(got);
    }
    left_ = pool_.size();
  }
  return pool_[--left_];
}

std::uint64_t SeededRandom::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace tandem::base
