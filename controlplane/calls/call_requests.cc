// The part of a call that carries the parties' own requests from one leg to the other.
#include "controlplane/calls/call.h"
#include "controlplane/calls/request_relay.h"
#include "controlplane/sip/end_to_end.h"

namespace tandem::calls {

void Call::on_relayed(int leg, int fork, sip::ServerId id, const sip::Message& request) {
  auto* asker = session(leg);
  if (asker == nullptr) return;
  if (leg == kReplacedLeg) {
    asker->answer_relayed(id, {.status = 491});
    return;
  }
  auto* other = session(1 - leg);
  const bool follows = parameters_->TD_SIP_REFER == config::Parameters::Refer::follow;
  if (follows && request.method() == sip::Method::kRefer) {
    refer(leg, fork, id, request);
    return;
  }
  if (take_digit(leg, id, request)) return;
  if (verdict_on(request, *parameters_) == RequestVerdict::kRefuse) {
    const auto& env = board_.env;
    const sip::HeaderLine lines[] = {{sip::HeaderId::kAllow, env.allow},
                                     {sip::HeaderId::kAllowEvents, env.allow_events}};
    const std::size_t count = env.allow_events.empty() ? 1 : 2;
    asker->answer_relayed(
        id, {.status = refusal_of(request.method(), env), .headers = std::span(lines, count)});
    return;
  }
  if (other != nullptr && other->relay(request, id, negotiation_.twin(leg, fork))) return;
  // There is no dialog beyond us yet, or it has too many such requests to answer.
  const sip::HeaderLine retry[] = {{sip::HeaderId::kRetryAfter, "1"}};
  asker->answer_relayed(id, {.status = 500, .headers = retry});
}

void Call::on_relayed_answered(int leg, sip::ServerId asked, const sip::Message* response) {
  if (leg == kReplacedLeg) return;  // whoever asked is in no call with it any longer
  if (auto* asker = asked ? session(1 - leg) : nullptr) {
    const std::string headers =
        response == nullptr ? "" : sip::passing_headers(*response, asker->withheld());
    asker->answer_relayed(asked, reply_of(response, headers));
  }
  if (response != nullptr && ends_call(*response)) {
    on_dialog_lost();
  }
}

}  // namespace tandem::calls
