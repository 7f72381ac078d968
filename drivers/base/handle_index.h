// Finds a slab's objects by a hash: open addressing in a table of fixed size, so that it never
// grows in the middle of a call. Entries are (hash, handle); what a hash stands for is compared by
// the caller. Memory is touched as it is used. Owner: one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "drivers/base/check.h"
#include "drivers/base/slab.h"

namespace tandem::base {

class HandleIndex {
 public:
  // Room for `limit` entries (16 to 32 octets for each).
  explicit HandleIndex(std::uint32_t limit)
      : limit_(limit),
        mask_(std::bit_ceil(std::uint64_t{limit} * 2 + 1) - 1),
        slots_(static_cast<Slot*>(std::calloc(mask_ + 1, sizeof(Slot)))) {
    CHECK(slots_ != nullptr);
  }

  // REQUIRES: fewer than `limit` entries, and a live handle.
  void insert(std::uint64_t hash, Handle handle) {
    CHECK(size_ < limit_ && handle);
    std::uint64_t at = hash & mask_;
    while (slots_[at].handle) at = (at + 1) & mask_;
    slots_[at] = {hash, handle};
    ++size_;
  }

  // The first entry with this hash that `same(handle)` agrees to; {0}: none.
  template <typename Same>
  Handle find(std::uint64_t hash, Same&& same) const {
    for (std::uint64_t at = hash & mask_; slots_[at].handle; at = (at + 1) & mask_) {
      if (slots_[at].hash == hash && same(slots_[at].handle)) return slots_[at].handle;
    }
    return {};
  }

  // Nothing happens when there is no such entry.
  void erase(std::uint64_t hash, Handle handle) {
    std::uint64_t hole = hash & mask_;
    while (slots_[hole].handle && !(slots_[hole].handle == handle)) hole = (hole + 1) & mask_;
    if (!slots_[hole].handle) return;
    --size_;
    // What stands behind and would no longer be reached over the hole moves into it.
    for (std::uint64_t at = (hole + 1) & mask_; slots_[at].handle; at = (at + 1) & mask_) {
      const std::uint64_t from_home = (at - slots_[at].hash) & mask_;
      const std::uint64_t from_hole = (at - hole) & mask_;
      if (from_home < from_hole) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
  }

  std::uint32_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    Handle handle;
  };
  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };

  std::uint32_t limit_;
  std::uint32_t size_ = 0;
  std::uint64_t mask_;
  std::unique_ptr<Slot[], Free> slots_;
};

}  // namespace tandem::base
