// The part of a session that asks several places at once (RFC 3261 §16.7): one that fails, and what
// becomes of the others.
#include <utility>

#include "controlplane/sip/invite_session.h"
#include "controlplane/sip/parser.h"

namespace tandem::sip {
namespace {

// RFC 3326 §3: so that a phone doesn't show it as a missed call.
constexpr std::string_view kElsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";

}  // namespace

// Why a branch is cancelled after another one has won, or all were let go.
std::string_view InviteSession::late_reason() const {
  if (let_go_) return bye_reason_;
  return state() == State::kCalling ? std::string_view{} : kElsewhere;
}

// The others go on; when none is left, the best of all is the answer.
void InviteSession::on_branch_failed(int branch, int status, const Message* response) {
  if (branches_.at(branch).status != 0) return;
  branches_.fail(branch, status, response);
  if (status >= 600) branches_.decline(branch);
  if (branches_.hopeful()) {
    branches_.let_go(branch, {});
    for (std::size_t i = 1; i < leg_.dialogs.size(); ++i) {
      if (leg_.dialogs[i].branch != branch || leg_.dialogs[i].over) continue;
      leg_.dialogs[i].over = true;
      offers_.abandon_fork(static_cast<int>(i));
    }
    return;
  }
  SessionListener* listener = std::exchange(leg_.listener, nullptr);
  let_go();
  if (listener == nullptr) return;
  if (!branches_.several()) {
    listener->on_refused(leg_.number, status, response);
    return;
  }
  Message best;
  std::string& bytes = branches_.best_response();
  const bool answered =
      Parser::parse({bytes.data(), bytes.size()}, best).verdict == ParseVerdict::kOk;
  listener->on_refused(leg_.number, branches_.best_status(), answered ? &best : nullptr);
}

void InviteSession::drop(int branch) {
  if (state() == State::kCalling && !let_go_) on_branch_failed(branch, 408, nullptr);
}

void InviteSession::drop_silent() {
  for (int i = 0; i < branches_.count(); ++i) {
    if (!branches_.at(i).heard) drop(i);
  }
}

bool InviteSession::drop_declined() {
  if (!branches_.declined() || state() != State::kCalling || let_go_) return false;
  for (int i = 0; i < branches_.count(); ++i) drop(i);
  return true;
}

// A peer ends one of its early dialogs. True: the INVITE isn't at its end with it, or, of several,
// that has been told as the refusal of all.
bool InviteSession::leaves_others(int fork) {
  const int branch = leg_.at(fork).branch;
  if (!branches_.several() && !other_early_dialogs(fork)) return false;
  leg_.at(fork).over = true;
  offers_.abandon_fork(fork);
  if (branches_.several() && !branches_.has_dialog(branch)) {
    on_branch_failed(branch, 480, nullptr);
  }
  return true;
}

}  // namespace tandem::sip
