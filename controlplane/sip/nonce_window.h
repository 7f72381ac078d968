// Which counts of which nonces have been used (RFC 7616 §3.4.5's nc), so that nobody can send what
// somebody else has sent again. Of fixed size: when there is no room, the oldest nonce is forgotten
// and counts as used up from then on, with all that are older, so a flood makes clients ask for
// fresh nonces and never lets a repetition pass. Owner: one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "drivers/base/check.h"

namespace tandem::sip {

class NonceWindow {
 public:
  // A count may come this much later than a higher one of the same nonce.
  static constexpr std::uint32_t kLate = 32;

  // Room for about so many nonces at a time, 26 octets each, touched as they are used.
  explicit NonceWindow(std::uint32_t nonces)
      : mask_(std::bit_ceil(std::uint64_t{nonces} / kWays + 1) - 1),
        sets_(static_cast<Set*>(std::calloc(mask_ + 1, sizeof(Set)))) {
    CHECK(sets_ != nullptr);
  }

  // Uses up a count. False: it is used up already, or nobody can tell. `serial` is a nonce's own
  // random number (never 0), `issued` the time when it was made, rising; a nonce that wasn't used
  // yet is taken only while it is `young`.
  bool take(std::uint64_t serial, std::uint64_t issued, std::uint32_t count, bool young) {
    Set& set = sets_[serial & mask_];
    Entry* oldest = &set.entries[0];
    for (Entry& entry : set.entries) {
      if (entry.serial == serial) return take(entry, count);
      if (entry.issued < oldest->issued) oldest = &entry;  // a free one has 0
    }
    if (!young || count == 0 || issued <= set.forgotten) return false;
    if (oldest->issued > issued) return false;  // else it would be forgotten at once
    if (oldest->issued > set.forgotten) set.forgotten = oldest->issued;
    *oldest = {.serial = serial, .issued = issued, .highest = count, .seen = 1};
    return true;
  }

 private:
  static constexpr std::size_t kWays = 4;

  struct Entry {
    std::uint64_t serial;
    std::uint64_t issued;
    std::uint32_t highest;
    std::uint32_t seen;  // bit n: highest - n
  };
  struct Set {
    std::uint64_t forgotten;  // when the youngest of those that had no room was issued
    Entry entries[kWays];
  };
  struct Free {
    void operator()(Set* sets) const { std::free(sets); }
  };

  static bool take(Entry& entry, std::uint32_t count) {
    if (count > entry.highest) {
      const std::uint32_t ahead = count - entry.highest;
      entry.seen = ahead < kLate ? entry.seen << ahead | 1 : 1;
      entry.highest = count;
      return true;
    }
    const std::uint32_t behind = entry.highest - count;
    if (count == 0 || behind >= kLate || (entry.seen >> behind & 1) != 0) return false;
    entry.seen |= std::uint32_t{1} << behind;
    return true;
  }

  std::uint64_t mask_;
  std::unique_ptr<Set[], Free> sets_;
};

}  // namespace tandem::sip
