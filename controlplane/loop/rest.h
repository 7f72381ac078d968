// How a signalling thread waits when a turn found nothing. Forwarding cores must not pay for waking
// us (an eventfd costs the writer 7–22 µs), so we look ourselves, and the question is how often. A
// nap costs us as much as 20 µs of spinning where timers are virtual: what comes densely is spun
// for, the rest is gathered while we sleep. Pure arithmetic; owner: the shard's thread.
#pragma once

#include <algorithm>

#include "drivers/base/clock.h"

namespace tandem::loop {

using base::Nanos;

class Rest {
 public:
  static constexpr Nanos kDense{25'000};  // between one find and the next, on average
  static constexpr Nanos kSpin{50'000};
  static constexpr Nanos kShortNap{500'000};
  static constexpr Nanos kLongNap{1'000'000};
  static constexpr Nanos kIdleAfter = base::Millis{50};

  explicit Rest(Nanos now) : last_find_(now) {}

  // A turn at `now` found work that nothing wakes us for.
  void found(Nanos now) {
    gap_ += (std::min(now - last_find_, kLongNap) - gap_) / 8;
    last_find_ = now;
  }
  // A turn at `now` did nothing: how long to sleep; 0: look again at once.
  Nanos length(Nanos now) const {
    const Nanos idle = now - last_find_;
    if (gap_ < kDense && idle < kSpin) return Nanos{};
    return idle < kIdleAfter ? kShortNap : kLongNap;
  }

 private:
  Nanos last_find_;
  Nanos gap_ = kLongNap;  // running mean
};

}  // namespace tandem::loop
