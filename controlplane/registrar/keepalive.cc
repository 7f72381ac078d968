#include "controlplane/registrar/keepalive.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/base/log.h"

namespace tandem::registrar {

using base::Nanos;
using base::Seconds;
using wire::Counter;

Keepalive::Keepalive(const Setup& setup)
    : setup_(setup),
      pacer_(setup.parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME,
             setup.parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_INTERVAL, setup.env.wheel.now()),
      round_(setup.bindings, BindingRound::Whom::kBehindNat, setup.env.shard, setup.shards) {}

void Keepalive::tend() {
  if (setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_MESSAGE.empty() || setup_.bindings.restoring()) {
    return;
  }
  const Nanos now = setup_.env.wheel.now();
  if (!begun_) {
    begun_ = true;
    round_.begin_anew();
    period_ends_ = now + setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD;
  }
  if (now >= look_at_) look(now);
  if (now >= period_ends_ && (resting_ || now >= period_ends_ + kGrace)) begin_period(now);
  for (std::uint32_t n = 0; n < kPerTurn && !resting_; ++n) {
    token_ = token_ || pacer_.draw(now);
    if (!token_) return;
    if (!again_ && !find_next(now)) {
      resting_ = true;
      return;
    }
    if (!way_.lost() && !send()) return;
  }
}

void Keepalive::look(Nanos now) {
  look_at_ = now + kLook;
  const std::size_t all = setup_.bindings.behind_nat();
  const double ours = round_.size();
  pacer_.set_share(all == 0 ? 1.0 / setup_.shards : std::min(1.0, ours / static_cast<double>(all)));
  const Nanos period = setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD;
  const bool crowded = pacer_.time_for(all) > period;
  if (crowded && !crowded_ && setup_.env.shard == 0) {
    LOG(kWarning, "registrar",
        "{} phones behind NAT are more than SS_SIP_NAT_KEEP_ALIVE_PERIOD of {} s has room for{}",
        all, period / Seconds{1}, advice(all));
  }
  crowded_ = crowded;
}

void Keepalive::begin_period(Nanos now) {
  const std::uint32_t missed = resting_ ? 0 : round_.left() + (again_ ? 1 : 0);
  if (missed != 0) {
    setup_.env.counters.add(Counter::keepalives_missed, missed);
    LOG(kWarning, "registrar",
        "shard {}: {} phones behind NAT got no keepalive within SS_SIP_NAT_KEEP_ALIVE_PERIOD of "
        "{} s{}",
        setup_.env.shard, missed, setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD.count(),
        advice(setup_.bindings.behind_nat()));
  }
  if (setup_.parameters.TD_KEEPALIVE_ORDER == config::Parameters::KeepaliveOrder::restart)
    round_.begin_anew();
  else
    round_.go_on();
  resting_ = false;
  const Nanos period = setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_PERIOD;
  period_ends_ += period;
  if (period_ends_ <= now) period_ends_ = now + period;
}

std::string Keepalive::advice(std::size_t phones) const {
  const config::Parameters& parameters = setup_.parameters;
  const auto needed = (pacer_.time_for(phones) + Seconds{1} - Nanos{1}) / Seconds{1};
  const bool fits = needed < parameters.SS_ENDPOINT_NAT_EXPIRE.count();
  return fmt::format(": at {} in {} ms the shortest that fits {} of them is {} s{}",
                     parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME,
                     parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_INTERVAL.count(), phones, needed,
                     fits ? "" : ", which is not below SS_ENDPOINT_NAT_EXPIRE: the rate must rise");
}

bool Keepalive::find_next(Nanos now) {
  return round_.next(now, [this](const auto&, const sip::Binding& binding, const BindingId&) {
    way_ = binding.way;
    way_.own_flow_only = true;
  });
}

bool Keepalive::send() {
  const bool stream = sip::is_reliable(way_.protocol);
  const std::string_view text =
      stream ? "\r\n" : std::string_view(setup_.parameters.SS_SIP_NAT_KEEP_ALIVE_MESSAGE);
  const bool sent = setup_.env.transport.send(way_, text);
  // The ring down was full: once more next turn. After that, or where its connection is gone, it is
  // this phone's own way that is out of order, and the others shall not wait for it.
  again_ = !sent && !stream && !again_;
  if (again_) return false;
  setup_.env.counters.add(sent ? Counter::keepalives_sent : Counter::keepalives_unsent);
  token_ = false;
  return true;
}

}  // namespace tandem::registrar
