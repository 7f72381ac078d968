#include "dataplane/flood_guard.h"

#include <algorithm>

#include "drivers/wire/plan.h"

namespace tandem::dataplane {

std::uint32_t FloodGuard::home(std::uint32_t address) const {
  std::uint64_t word = (address + seed_) * 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 32)) * seed_;
  return static_cast<std::uint32_t>(word >> 40) % kPlaces;
}

std::uint32_t FloodGuard::find(std::uint32_t address) const {
  std::uint32_t place = home(address);
  while (places_[place].address != 0 && places_[place].address != address) place = next(place);
  return place;
}

bool FloodGuard::looked_up(std::uint32_t address, base::Nanos now) const {
  const Place& place = places_[find(address)];
  return place.address != 0 && place.until_ns > now.count();
}

bool FloodGuard::passes(std::span<const std::byte> payload, base::Nanos now) {
  if (!wire::belongs_to_begun(payload)) return false;
  if (now - second_ >= base::Seconds{1}) {
    second_ = now;
    passed_ = 0;
  }
  return passed_ < kPassedMost && ++passed_ != 0;
}

bool FloodGuard::suspend(std::uint32_t address, base::Nanos until, base::Nanos now) {
  tidy(now, kTidiedPerCommand);
  Place& place = places_[find(address)];
  if (place.address == 0) {
    if (count_ == kMost) return false;
    ++count_;
  }
  place = {address, until.count()};
  return true;
}

void FloodGuard::lift(std::uint32_t address) {
  const std::uint32_t place = find(address);
  if (places_[place].address != 0) erase(place);
}

void FloodGuard::lift_all() {
  if (count_ == 0) return;
  std::fill(places_.begin(), places_.end(), Place{});
  count_ = 0;
}

// Those behind it that have their home at it or before move up, so that no chain breaks.
void FloodGuard::erase(std::uint32_t place) {
  std::uint32_t hole = place;
  for (std::uint32_t p = next(hole); places_[p].address != 0; p = next(p)) {
    const std::uint32_t way = (p - home(places_[p].address)) % kPlaces;
    if (way < (p - hole) % kPlaces) continue;
    places_[hole] = places_[p];
    hole = p;
  }
  places_[hole] = {};
  --count_;
}

void FloodGuard::tidy(base::Nanos now, std::uint32_t places) {
  for (std::uint32_t i = 0; i < places; ++i) {
    const Place& place = places_[cursor_];
    // Another may have moved up here: it is looked at next time.
    if (place.address != 0 && place.until_ns <= now.count()) erase(cursor_);
    cursor_ = next(cursor_);
  }
}

}  // namespace tandem::dataplane
