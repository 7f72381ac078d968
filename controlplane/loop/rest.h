// How a signalling thread waits when a turn found nothing. Forwarding cores must not pay for waking
// us (an eventfd costs the writer 7–22 µs), so we look ourselves, and the question is how often. A
// nap costs as much as 20 µs of spinning where timers are virtual, and more than that in caches
// that others used meanwhile: what comes very densely is spun for, the rest is gathered while we
// sleep, for no longer than a millisecond. Sockets could end a nap; once messages flow they don't,
// as one turn for several of them is cheaper than a turn for each.
// Pure arithmetic; owner: the shard's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drivers/base/clock.h"

namespace tandem::loop {

using base::Nanos;

class Rest {
 public:
  static constexpr Nanos kDense{25'000};  // between one find and the next, on average
  static constexpr Nanos kSpin{50'000};
  static constexpr Nanos kNap = base::Millis{1};
  // Messages flow when so many came in a window: two a nap.
  static constexpr Nanos kWindow = base::Millis{10};
  static constexpr std::uint32_t kFlow = 20;

  explicit Rest(Nanos now) : last_find_(now), window_(now) {}

  // A turn at `now` found work that nothing wakes us for.
  void found(Nanos now) {
    gap_ += (std::min(now - last_find_, kNap) - gap_) / 8;
    last_find_ = now;
  }
  // A turn at `now` brought so many messages, whatever carried them; none is worth telling too.
  void brought(Nanos now, std::uint32_t messages) {
    messages_ += messages;
    if (now - window_ < kWindow) return;
    flowing_ = messages_ >= kFlow && now - window_ < 2 * kWindow;
    messages_ = 0;
    window_ = now;
  }
  // A turn at `now` did nothing: how long to sleep; 0: look again at once.
  Nanos length(Nanos now) const {
    return gap_ < kDense && now - last_find_ < kSpin ? Nanos{} : kNap;
  }
  // Sockets end the nap.
  bool light() const { return !flowing_; }

 private:
  Nanos last_find_;
  Nanos gap_ = kNap;  // running mean
  Nanos window_;      // its begin
  std::uint32_t messages_ = 0;
  bool flowing_ = false;
};

}  // namespace tandem::loop
