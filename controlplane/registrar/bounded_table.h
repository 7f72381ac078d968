// Records by key in memory that is taken once, shared by threads: sets of sixteen places, a lock
// for some sets together, held for the time of one look. A full set forgets the record that was
// touched longest ago, of those that may go. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "drivers/base/clock.h"
#include "drivers/base/keyed_hash.h"

namespace tandem::registrar {

// A Record has `touched`, when it was last made or asked for by make(). A key is the keyed hash of
// what it stands for, so that nobody can choose whom he meets; {0, 0} means a free place.
template <typename Record>
class BoundedTable {
 public:
  using Key = base::KeyedHash::Digest;
  static constexpr std::uint32_t kWays = 16;
  enum class Place : std::uint8_t {
    kFound,
    kNew,
    kReplaced,  // in the place of one that may go
    kNone,      // none of its set may go
  };

  // Room for so many, rounded up to a power of two.
  explicit BoundedTable(std::uint32_t records)
      : sets_(std::bit_ceil((records + kWays - 1) / kWays)),
        doors_(std::make_unique<std::array<Door, kDoors>>()) {}

  std::uint32_t sets() const { return static_cast<std::uint32_t>(sets_.size()); }
  std::uint32_t used() const { return used_.load(std::memory_order_relaxed); }

  // All calls below run act(key, record) under the lock; when it says false the record is freed.

  // Of the one with this key, if there is one.
  template <typename Act>
  void find(const Key& key, Act&& act) {
    if (used() == 0) return;
    const std::uint32_t number = set_of(key);
    const std::lock_guard lock(door_of(number));
    Set& set = sets_[number];
    for (std::uint32_t way = 0; way < kWays; ++way) {
      if (set.keys[way] != key) continue;
      if (!act(key, set.records[way])) free(set, way);
      return;
    }
  }

  // Of the one with this key, which is a fresh one if need be; may_go(record): whether an old one
  // may be forgotten for it.
  template <typename MayGo, typename Act>
  Place make(const Key& key, base::Nanos now, MayGo&& may_go, Act&& act) {
    const std::uint32_t number = set_of(key);
    const std::lock_guard lock(door_of(number));
    Set& set = sets_[number];
    const auto [place, way] = choose(set, key, may_go);
    if (place == Place::kNone) return place;
    if (place != Place::kFound) set.records[way] = {};
    if (place == Place::kNew) used_.fetch_add(1, std::memory_order_relaxed);
    set.keys[way] = key;
    set.records[way].touched = now;
    if (!act(key, set.records[way])) free(set, way);
    return place;
  }

  // Of all of one set.
  template <typename Act>
  void each_of(std::uint32_t number, Act&& act) {
    const std::lock_guard lock(door_of(number));
    Set& set = sets_[number];
    for (std::uint32_t way = 0; way < kWays; ++way) {
      if (set.keys[way] != Key{} && !act(set.keys[way], set.records[way])) free(set, way);
    }
  }
  template <typename Act>
  void each(Act&& act) {
    for (std::uint32_t number = 0; number < sets(); ++number) each_of(number, act);
  }

 private:
  static constexpr std::uint32_t kDoors = 256;
  struct Set {
    std::array<Key, kWays> keys{};
    std::array<Record, kWays> records{};
  };
  struct alignas(64) Door {
    std::mutex mutex;
  };

  template <typename MayGo>
  std::pair<Place, std::uint32_t> choose(const Set& set, const Key& key, MayGo&& may_go) const {
    std::pair<Place, std::uint32_t> out{Place::kNone, 0};
    for (std::uint32_t way = 0; way < kWays; ++way) {
      if (set.keys[way] == key) return {Place::kFound, way};
      if (out.first == Place::kNew) continue;
      const Record& record = set.records[way];
      if (set.keys[way] == Key{}) {
        out = {Place::kNew, way};
      } else if (may_go(record) &&
                 (out.first == Place::kNone || record.touched < set.records[out.second].touched)) {
        out = {Place::kReplaced, way};
      }
    }
    return out;
  }
  void free(Set& set, std::uint32_t way) {
    set.keys[way] = {};
    set.records[way] = {};
    used_.fetch_sub(1, std::memory_order_relaxed);
  }
  std::uint32_t set_of(const Key& key) const {
    return static_cast<std::uint32_t>(key.low & (sets_.size() - 1));
  }
  std::mutex& door_of(std::uint32_t number) { return (*doors_)[number % kDoors].mutex; }

  std::vector<Set> sets_;
  std::unique_ptr<std::array<Door, kDoors>> doors_;
  std::atomic<std::uint32_t> used_{0};
};

}  // namespace tandem::registrar
