// The part of a call that keeps its sessions: each leg's session timer (RFC 4028), the limit of
// calls with a party that has none, and of those whose media have fallen silent.
#include <algorithm>

#include "controlplane/calls/call.h"

namespace tandem::calls {

std::string Call::description(int leg) {
  // Whoever is about to have another party is told of that one.
  return takeover_ || leg == kReplacedLeg ? std::string() : negotiation_.standing(leg);
}

void Call::on_refreshed(int leg, const sip::Message& response) {
  if (!takeover_ && leg != kReplacedLeg) negotiation_.on_refreshed(leg, response);
}

void Call::on_expired(int leg, int status) {
  if (status == 481 && leg != kReplacedLeg) {  // its BYE may be on its way
    on_dialog_lost();
    return;
  }
  const auto cause = status == 0 ? ReleaseCause::SessionTimeout : ReleaseCause::DialogLost;
  if (auto* lost = session(leg)) lost->finish(0, reason_value(cause));
  if (!left_before_its_time(leg)) release(cause, Direction::kSwitch);
}

base::Seconds Call::session_interval(int leg) const {
  const auto* party = board_.agent->find(leg == kCallerLeg ? caller_ : callee_);
  return party == nullptr ? base::Seconds{} : party->session_interval();
}

const sip::Path* Call::path(int leg) const {
  const auto* party = board_.agent->find(leg == kCallerLeg ? caller_ : callee_);
  return party == nullptr ? nullptr : &party->dialog().path;
}

// SS_SIP_NO_TIMER_REINVITE_INTERVAL.
bool Call::has_untimed_party() const {
  const auto untimed = [this](const sip::SessionId& id) {
    const auto* party = board_.agent->find(id);
    return party != nullptr && party->session_interval() == base::Seconds{};
  };
  if (state_ == State::kTransferred) {  // its party is there
    const Call* host = board_.call(host_);
    return host == nullptr || host->has_untimed_party();
  }
  return untimed(caller_) || untimed(callee_);
}

// The shorter limit of its gateways; 0: neither has one.
base::Nanos Call::longest() const {
  Nanos out{};
  for (const auto* gateway : {customer_.get(), vendor_.get()}) {
    if (gateway == nullptr || gateway->settings.max_duration == base::Seconds{0}) continue;
    const Nanos its = gateway->settings.max_duration;
    out = out == Nanos{} ? its : std::min(out, its);
  }
  return out;
}

void Call::arm_duration() {
  Nanos next = now() + vendor_parameters().SS_SIP_NO_TIMER_REINVITE_INTERVAL;
  if (longest() != Nanos{}) next = std::min(next, answered_at_ + longest());
  duration_timer_ = board_.env.wheel.arm(next, *this, kDurationClock);
}

// TD_MEDIA_TIMEOUT, the shorter of both gateways' own; 0: none.
base::Nanos Call::media_limit() const {
  const auto of = [this](const routing::GatewayRef& gateway) -> Nanos {
    return (gateway && gateway->parameters ? *gateway->parameters : *parameters_).TD_MEDIA_TIMEOUT;
  };
  const Nanos one = of(customer_);
  const Nanos other = of(vendor_);
  if (one == Nanos{} || other == Nanos{}) return std::max(one, other);
  return std::min(one, other);
}

void Call::arm_media() {
  const Nanos limit = media_limit();
  if (limit == Nanos{}) return;
  const Nanos look = std::max<Nanos>(limit / 4, base::Seconds{1});
  media_timer_ = board_.env.wheel.arm(now() + look, *this, kMediaClock);
}

void Call::on_media_clock() {
  bool one_silent = false;
  bool all_silent = true;
  for (const int leg : {kCallerLeg, kCalleeLeg}) {
    Nanos& heard_at = media_heard_at_[static_cast<std::size_t>(leg)];
    const Nanos last = media_ ? media_->last_heard(static_cast<media::Side>(leg)) : Nanos{};
    const bool excused = state_ != State::kAnswered || last == Nanos{} || !negotiation_.sends(leg);
    heard_at = excused ? now() : std::max(heard_at, last);
    if (excused) continue;
    const bool silent = now() - heard_at >= media_limit();
    one_silent |= silent;
    all_silent &= silent;
  }
  const bool either =
      parameters_->TD_MEDIA_TIMEOUT_MODE == config::Parameters::MediaTimeoutMode::any;
  if (one_silent && (all_silent || either)) {
    release(ReleaseCause::MediaTimeout, Direction::kSwitch);
  } else {
    arm_media();
  }
}

// Another party, without one, may come later.
void Call::on_duration_reached() {
  const bool over = longest() != Nanos{} && now() - answered_at_ >= longest();
  if (over || has_untimed_party()) {
    release(ReleaseCause::MaximumDuration, Direction::kSwitch);
  } else {
    arm_duration();
  }
}

}  // namespace tandem::calls
