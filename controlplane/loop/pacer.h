// A token bucket that is drawn from as an even stream: so many tokens an interval, refilled all the
// time. What was not drawn in time (its owner was held up) is made up for, at most a fifth faster
// than the rate and never as a burst: in any 10 ms there is at most half as much again as an even
// stream has. What nobody wanted is lost. Owner: one thread.
#pragma once

#include <cstdint>

#include "drivers/base/clock.h"

namespace tandem::loop {

using base::Nanos;

class Pacer {
 public:
  // Of what its owner was held up, so much is made up for.
  static constexpr Nanos kMemory = base::Millis{250};
  // Drawn at once after a pause, at most: what the rate gives in this time.
  static constexpr Nanos kGulp = base::Millis{3};

  Pacer(std::uint64_t batch, Nanos interval, Nanos start);

  // From now on only this part of the rate, of several owners who have it between them.
  void set_share(double share) { share_ = share; }

  // Draws a token, if there is one.
  bool draw(Nanos now);

  // How long `count` tokens take at the whole rate.
  Nanos time_for(std::uint64_t count) const;

 private:
  void refill(Nanos now);

  double per_ns_;  // tokens
  double share_ = 1;
  Nanos last_;         // when it was drawn from
  double credit_ = 0;  // what the rate has brought, in tokens
  double breath_ = 0;  // what may be drawn at once
};

}  // namespace tandem::loop
