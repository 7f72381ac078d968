// A token bucket that several shards draw from: so many tokens an interval, refilled all the time,
// and drawn as an even stream. What was not drawn in time (a shard was held up) is made up for, at
// most a fifth faster than the rate and never as a burst: in any 10 ms there is at most half as
// much again as an even stream has. What nobody wanted is lost.
//
// Any thread; a lock, held for nanoseconds.
#pragma once

#include <cstdint>
#include <mutex>

#include "drivers/base/clock.h"

namespace tandem::loop {

using base::Nanos;

class Pacer {
 public:
  // Of what a shard was held up, so much is made up for.
  static constexpr Nanos kMemory = base::Millis{250};
  // Drawn at once after a pause, at most: what the rate gives in this time.
  static constexpr Nanos kGulp = base::Millis{3};

  // REQUIRES: 1 <= batch <= 1,000,000; interval <= 60 s.
  Pacer(std::uint64_t batch, Nanos interval, Nanos start);

  // Draws up to `most` tokens at `now`; returns how many there were.
  std::uint32_t draw(Nanos now, std::uint32_t most);

  // How long `count` tokens take.
  Nanos time_for(std::uint64_t count) const;

 private:
  std::uint64_t batch_;
  std::uint64_t price_;  // of a token; a nanosecond brings `batch_`
  std::mutex door_;
  Nanos last_;                // when it was drawn from
  std::uint64_t credit_ = 0;  // what the rate has brought
  std::uint64_t breath_ = 0;  // what may be drawn at once
};

}  // namespace tandem::loop
