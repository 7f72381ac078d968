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

// RFC 3261 §22.2: the same request once more, with a proof. False: nobody waits for it any longer,
// or a proof is out of reach.
bool InviteSession::prove_again(Exchange exchange, ClientId id, const Message& response) {
  const auto fork = leg_.proven.fork_of(id);
  if (!fork) return false;
  const bool ending = state() == State::kEnding || state() == State::kOver;
  switch (exchange) {
    case Exchange::kInvite:
      if (state() != State::kCalling || let_go_) return false;
      break;
    case Exchange::kReinvite:
    case Exchange::kUpdate:
      if (ending || !offers_.waits_for(id)) return false;
      break;
    case Exchange::kBye:
      if (state() == State::kOver) return false;
      break;
    default:
      if (ending) return false;
  }
  if (!leg_.proven.challenged(id, response)) return false;
  Dialog& dialog = leg_.at(*fork).dialog;
  // Of an INVITE that was sent again for its session interval too.
  if (exchange == Exchange::kInvite) dialog.local_cseq = branches_.at(0).cseq;
  const std::uint32_t cseq = dialog.next_cseq();
  if (exchange == Exchange::kInvite) {
    branches_.at(0).cseq = cseq;
    branches_.at(0).heard = false;
    // What early dialogs it had made ended with it.
    for (std::size_t i = 1; i < leg_.dialogs.size(); ++i) {
      leg_.dialogs[i].over = true;
      offers_.abandon_fork(static_cast<int>(i));
    }
  } else if (exchange == Exchange::kReinvite || exchange == Exchange::kUpdate) {
    offers_.renumber(cseq);
  }
  leg_.host.env.counters.add(wire::Counter::sip_proven);
  leg_.proven.send_again(leg_.host.clients, id, cseq);
  return true;
}

// The dialog that such a request goes into; -1: there is none (yet).
int InviteSession::fork_for_request(int fork) const {
  switch (state()) {
    case State::kIncoming:
      if (!early_) return -1;
      fork = fork < 0 ? 0 : fork;
      break;
    case State::kCalling:
      if (let_go_) return -1;
      if (fork < 0) {  // the last heard of
        fork = static_cast<int>(leg_.dialogs.size()) - 1;
        while (fork > 0 && leg_.dialogs[std::size_t(fork)].over) --fork;
      }
      break;
    case State::kAccepted:
    case State::kAnswered:
    case State::kConfirmed:
      fork = leg_.fork;
      break;
    case State::kEnding:
    case State::kOver:
      return -1;
  }
  const LegDialog& in = leg_.dialogs[std::size_t(fork)];
  return in.over || in.dialog.remote_tag.empty() ? -1 : fork;
}

bool InviteSession::relay(const Message& request, ServerId asked, int fork) {
  fork = fork_for_request(fork);
  return fork >= 0 && relayed_.send(fork, request, asked);
}

bool InviteSession::inform(std::string_view content_type, std::string_view body) {
  const int fork = fork_for_request(-1);
  return fork >= 0 && relayed_.inform(fork, content_type, body);
}

}  // namespace tandem::sip
