#include "drivers/crypto/rc4.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "drivers/crypto/octets.h"

namespace tandem::crypto {
namespace {

constexpr std::size_t kRc4State = 256;
constexpr std::size_t kRc4Lanes = 4;

template <std::size_t kLanes>
void run(std::span<const Rc4Job> jobs, std::size_t skip) {
  std::array<std::array<std::uint8_t, kRc4State>, kLanes> states;
  std::array<std::array<std::uint8_t, kRc4State>, kLanes> keys;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const auto key = jobs[lane].key;
    for (std::size_t at = 0; at < kRc4State; at += key.size()) {
      std::copy_n(key.begin(), std::min(key.size(), kRc4State - at), keys[lane].begin() + at);
    }
    std::iota(states[lane].begin(), states[lane].end(), std::uint8_t{0});
  }
  // Apart from the states, whose address is given away below: these stay in registers.
  std::array<std::uint8_t, kLanes> js{};
  for (std::size_t i = 0; i < kRc4State; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      auto& state = states[lane];
      const std::uint8_t a = state[i];
      const auto j = static_cast<std::uint8_t>(js[lane] + a + keys[lane][i]);
      js[lane] = j;
      state[i] = state[j];
      state[j] = a;
    }
  }
  js.fill(0);
  const auto next = [&states, &js](std::size_t lane, std::uint8_t i) {
    auto& state = states[lane];
    const std::uint8_t a = state[i];
    const auto j = static_cast<std::uint8_t>(js[lane] + a);
    js[lane] = j;
    const std::uint8_t b = state[j];
    state[i] = b;
    state[j] = a;
    return state[static_cast<std::uint8_t>(a + b)];
  };
  std::uint8_t i = 0;
  for (; skip > 0; --skip) {
    ++i;
    for (std::size_t lane = 0; lane < kLanes; ++lane) next(lane, i);
  }
  std::size_t all = jobs[0].data.size();
  std::array<std::uint8_t*, kLanes> data;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    all = std::min(all, jobs[lane].data.size());
    data[lane] = jobs[lane].data.data();
  }
  for (std::size_t at = 0; at < all; ++at) {
    ++i;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      data[lane][at] = static_cast<std::uint8_t>(data[lane][at] ^ next(lane, i));
    }
  }
  // What is longer than the shortest.
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint8_t own = i;
    for (std::uint8_t& octet : jobs[lane].data.subspan(all)) {
      octet = static_cast<std::uint8_t>(octet ^ next(lane, ++own));
    }
  }
  wipe(keys.data(), sizeof keys);
  wipe(states.data(), sizeof states);
}

}  // namespace

void rc4(std::span<const Rc4Job> jobs, std::size_t skip) {
  for (; jobs.size() >= kRc4Lanes; jobs = jobs.subspan(kRc4Lanes)) {
    run<kRc4Lanes>(jobs, skip);
  }
  for (; !jobs.empty(); jobs = jobs.subspan(1)) run<1>(jobs, skip);
}

}  // namespace tandem::crypto
