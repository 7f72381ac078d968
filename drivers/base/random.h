// Unguessable numbers for tags, branches and Call-IDs (RFC 3261 §19.3 asks for cryptographic
// randomness). Owner: one thread each. Tests hand in a seeded source instead.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tandem::base {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  // 16 hexadecimal digits of a fresh next().
  std::string token();
};

// From the kernel's generator, fetched 4 KiB at a time.
class KernelRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 512> pool_{};
  std::size_t left_ = 0;
};

// Repeatable, for tests and simulation only.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace tandem::base
