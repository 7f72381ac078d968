// Whose signalling is dropped before it costs anybody anything: a table of IPv4 addresses, each
// with the time when it is over. Of fixed size (2 MiB, taken at the start); nothing to ask costs
// one comparison while it is empty. Owner: the worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drivers/base/clock.h"

namespace tandem::dataplane {

class FloodGuard {
 public:
  static constexpr std::uint32_t kMost = 65'536;  // addresses; half of the places

  // `seed`: unguessable, so that nobody can choose addresses that crowd together.
  explicit FloodGuard(std::uint64_t seed) : seed_(seed | 1), places_(kPlaces) {}

  // Addresses in network order, never 0. False: the table is full.
  bool suspend(std::uint32_t address, base::Nanos until, base::Nanos now);
  void lift(std::uint32_t address);
  void lift_all();

  bool drops(std::uint32_t address, base::Nanos now) const {
    return count_ != 0 && looked_up(address, now);
  }
  // Whether a datagram of a suspended address goes up all the same (wire::belongs_to_begun): so
  // many a second of all addresses together.
  static constexpr std::uint32_t kPassedMost = 500;
  bool passes(std::span<const std::byte> payload, base::Nanos now);
  // Once a turn: takes out what is over, a place or two at a time.
  void tend(base::Nanos now) {
    if (count_ != 0) tidy(now, 1);
  }
  std::uint32_t count() const { return count_; }  // those that are over but not yet tidied too

 private:
  static constexpr std::uint32_t kPlaces = 2 * kMost;
  static constexpr std::uint32_t kTidiedPerCommand = 8;

  struct Place {
    std::uint32_t address = 0;  // 0: free
    std::int64_t until_ns = 0;
  };

  std::uint32_t home(std::uint32_t address) const;
  static std::uint32_t next(std::uint32_t place) { return (place + 1) % kPlaces; }
  // Where it is, or the free place where it would be: there always is one.
  std::uint32_t find(std::uint32_t address) const;
  bool looked_up(std::uint32_t address, base::Nanos now) const;
  void erase(std::uint32_t place);
  void tidy(base::Nanos now, std::uint32_t places);

  std::uint64_t seed_;
  std::vector<Place> places_;  // linear probing
  std::uint32_t count_ = 0;
  std::uint32_t cursor_ = 0;  // of tidy()
  base::Nanos second_{};      // the begin of the present one …
  std::uint32_t passed_ = 0;  // … and how many have passed in it
};

}  // namespace tandem::dataplane
