#include "controlplane/sip/answer_repeater.h"

#include <algorithm>
#include <utility>

namespace tandem::sip {

void AnswerRepeater::start(ServerId invite) {
  stop();
  invite_ = invite;
  since_ = env_.wheel.now();
  gap_ = env_.timers.t1;
  arm();
}

void AnswerRepeater::stop() {
  env_.wheel.cancel(timer_);
  servers_.acknowledged(std::exchange(invite_, {}));
}

void AnswerRepeater::arm() { timer_ = env_.wheel.arm(env_.wheel.now() + gap_, *this, 0); }

void AnswerRepeater::on_timer(std::uint64_t) {
  env_.counters.add(wire::Counter::timer_fired);
  const bool in_time = env_.wheel.now() - since_ < env_.timers.life();
  if (!in_time || !servers_.resend(invite_)) {
    gave_up_();
    return;
  }
  // Not past the end: 64 T1, not the next repetition after it, is when the peer is given up.
  gap_ = std::min({2 * gap_, env_.timers.t2, since_ + env_.timers.life() - env_.wheel.now()});
  arm();
}

}  // namespace tandem::sip
