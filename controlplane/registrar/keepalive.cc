#include "controlplane/registrar/keepalive.h"

#include "drivers/base/log.h"

namespace tandem::registrar {

using wire::Counter;

Keepalive::Keepalive(const Setup& setup)
    : setup_(setup),
      round_(setup.bindings, BindingRound::Whom::kBehindNat, setup.env.shard, setup.shards),
      period_ends_(setup.env.wheel.now() + setup.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD) {
  round_.begin_anew();
}

void Keepalive::tend() {
  if (setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_MESSAGE.empty()) return;
  const base::Nanos now = setup_.env.wheel.now();
  if (now >= period_ends_ && (resting_ || now >= period_ends_ + kGrace)) begin_period(now);
  if (resting_) return;
  for (std::uint32_t n = setup_.pacer.draw(now, kPerTurn); n != 0; --n) {
    if (!send_next(now)) break;
  }
}

void Keepalive::begin_period(base::Nanos now) {
  if (!resting_) tell_missed(round_.left() + (again_ ? 1 : 0));
  if (setup_.parameters.TD_KEEPALIVE_ORDER == config::Parameters::KeepaliveOrder::restart)
    round_.begin_anew();
  else
    round_.go_on();
  resting_ = false;
  const base::Nanos period = setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD;
  period_ends_ += period;
  if (period_ends_ <= now) period_ends_ = now + period;
}

void Keepalive::tell_missed(std::uint32_t missed) {
  if (missed == 0) return;
  setup_.env.counters.add(Counter::keepalives_missed, missed);
  const std::size_t all = setup_.bindings.behind_nat();
  const base::Nanos needed = setup_.pacer.time_for(all);
  const auto rounded_up = (needed + base::Seconds{1} - base::Nanos{1}) / base::Seconds{1};
  LOG(kWarning, "registrar",
      "shard {}: {} of {} phones behind NAT got no keepalive within SS_SIP_NAT_KEEP_ALIVE_PERIOD "
      "of {} s; at {} in {} ms the shortest period that fits is {} s",
      setup_.env.shard, missed, all, setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD.count(),
      setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME,
      setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_INTERVAL.count(), rounded_up);
}

bool Keepalive::send_next(base::Nanos now) {
  if (!again_) {
    const bool found = round_.next(now, [this](std::string_view, const sip::Binding& binding,
                                               const BindingId&) { way_ = binding.way; });
    way_.own_flow_only = true;
    if (!found) {
      resting_ = true;
      return false;
    }
  }
  const bool stream = sip::is_reliable(way_.protocol);
  const std::string_view text =
      stream ? "\r\n" : std::string_view(setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_MESSAGE);
  const bool sent = setup_.env.transport.send(way_, text);
  if (sent) setup_.env.counters.add(Counter::keepalives_sent);
  // The ring down was full: once more next turn. After that it is this phone's own way that is out
  // of order, and the others shall not wait for it.
  else if (again_)
    setup_.env.counters.add(Counter::keepalives_unsent);
  again_ = !sent && !again_;
  return !again_;
}

}  // namespace tandem::registrar
