// The part of a session that takes and sends the parties' own requests (INFO, MESSAGE, NOTIFY …).
#include "controlplane/sip/invite_session.h"
#include "drivers/base/text.h"

namespace tandem::sip {

void InviteSession::on_relayed_request(ServerId id, int fork, const Message& request) {
  if (leg_.listener == nullptr) {
    leg_.refuse(id, fork, 481);
  } else if (!relayed_.take(id, fork, request.method())) {
    const HeaderLine retry[] = {{HeaderId::kRetryAfter, "1"}};
    leg_.refuse(id, fork, 500, retry);
  } else {
    if (moves_target(request.method())) leg_.at(fork).dialog.refresh_target(request);
    leg_.listener->on_relayed(leg_.number, fork, id, request);
  }
}

void InviteSession::on_relayed_end(ClientId id, const Message* response) {
  const auto asked = relayed_.take_back(id);
  if (asked && leg_.listener != nullptr) {
    leg_.listener->on_relayed_answered(leg_.number, *asked, response);
  }
}

bool InviteSession::accept_refer(ServerId id, int fork, const Message& refer) {
  if (referral_.open()) {
    relayed_.answer(id, {.status = 491});
    return false;
  }
  // RFC 4488: without a subscription, if that is what it asks for.
  const bool silent = base::iequals(refer.value(HeaderId::kReferSub), "false");
  relayed_.answer(id, {.status = 202, .passed = silent ? "Refer-Sub: false\r\n" : ""});
  referral_.begin(fork, refer.cseq().number, !silent);
  return true;
}

bool InviteSession::relay(const Message& request, ServerId asked, int fork) {
  switch (state()) {
    case State::kIncoming:
      if (!early_) return false;
      fork = fork < 0 ? 0 : fork;
      break;
    case State::kCalling:
      if (let_go_) return false;
      if (fork < 0) {  // the last heard of
        fork = static_cast<int>(leg_.dialogs.size()) - 1;
        while (fork > 0 && leg_.at(fork).over) --fork;
      }
      break;
    case State::kAccepted:
    case State::kAnswered:
    case State::kConfirmed:
      fork = leg_.fork;
      break;
    case State::kEnding:
    case State::kOver:
      return false;
  }
  const LegDialog& in = leg_.at(fork);
  if (in.over || in.dialog.remote_tag.empty()) return false;
  return relayed_.send(fork, request, asked);
}

}  // namespace tandem::sip
