// Which of our addresses and UDP ports are signalling: a bit each, so that the question costs one
// load however many are bound. Owner: the worker.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

namespace tandem::dataplane {

class SignalPorts {
 public:
  explicit SignalPorts(std::uint32_t addresses) : bound_(addresses) {}

  // REQUIRES: address below the count given at the start.
  void bind(std::uint32_t address, std::uint16_t port) { bound_[address].set(port); }
  bool has(std::uint32_t address, std::uint16_t port) const { return bound_[address].test(port); }

 private:
  std::vector<std::bitset<65536>> bound_;
};

}  // namespace tandem::dataplane
