// The part of a call that carries digits between parties that speak of them differently: INFO on
// one leg, telephone events (RFC 4733) on the other.
#include "controlplane/calls/call.h"
#include "controlplane/calls/dtmf.h"

namespace tandem::calls {

using config::Parameters;

Parameters::Dtmf Call::dtmf(int leg) const {
  if (leg == kCalleeLeg) {
    return at_endpoint() ? board_.site.parameters.TD_DTMF : vendor_parameters().TD_DTMF;
  }
  return customer_ && customer_->parameters ? customer_->parameters->TD_DTMF : parameters_->TD_DTMF;
}

bool Call::take_digit(int leg, sip::ServerId id, const sip::Message& request) {
  const int other = 1 - leg;
  if (request.method() != sip::Method::kInfo || dtmf(other) != Parameters::Dtmf::rfc4733) {
    return false;
  }
  const auto digit = read_digit(request.value(sip::HeaderId::kContentType), request.body());
  const auto type = negotiation_.wanted_events(other);
  if (!digit || !type || state_ != State::kAnswered || !media_ || media_->direct()) return false;
  media_->send_digit(static_cast<media::Side>(other), digit->event, digit->duration_ms, *type);
  session(leg)->answer_relayed(id, {.status = 200});
  return true;
}

void Call::on_digit_heard(const wire::DigitHeard& event) {
  const auto side = media_ ? media_->side_of(event.key) : std::nullopt;
  if (!side) return;
  auto* other = session(1 - static_cast<int>(*side));
  const auto body = dtmf_relay_body({event.event, event.duration_ms});
  if (other == nullptr || !body || !other->inform(kDtmfRelay, *body)) {
    board_.env.counters.add(wire::Counter::drop_digit_unsent);
  }
}

}  // namespace tandem::calls
