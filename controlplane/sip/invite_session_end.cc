// The part of a session that ends it: BYE either way, CANCEL, refusal, and letting go.
#include <utility>

#include "controlplane/sip/end_to_end.h"
#include "controlplane/sip/invite_session.h"

namespace tandem::sip {
namespace {

// What a party said about why (RFC 3326), all of it; empty: nothing.
std::string reason_of(const Message& message) {
  std::string out;
  for (const Header& header : message.headers()) {
    if (header.id != HeaderId::kReason) continue;
    if (!out.empty()) out += ", ";
    out += header.value;
  }
  return out;
}

}  // namespace

bool InviteSession::other_early_dialogs(int fork) const {
  for (std::size_t i = 1; i < leg_.dialogs.size(); ++i) {
    if (!leg_.dialogs[i].over && static_cast<int>(i) != fork) return true;
  }
  return false;
}

void InviteSession::on_their_bye(ServerId id, int fork, const Message& bye) {
  const auto obey = [&] {
    leg_.host.servers.respond(id, {.status = 200, .to_tag = leg_.at(fork).dialog.local_tag});
  };
  const State was = state();
  const bool crossed = was == State::kEnding || was == State::kOver;  // both hung up at once
  if (crossed || (was == State::kCalling && leaves_others(fork))) {
    obey();
    return;
  }
  SessionListener* listener = std::exchange(leg_.listener, nullptr);
  repeater_.stop();
  refresh_.stop();
  offers_.abandon();
  relayed_.abandon();
  referral_.abandon();
  if (was == State::kAnswered) send_ack({}, {});
  if (was == State::kCalling) {
    let_go();  // out of an early dialog; its INVITE still wants an end
  } else {
    over();
  }
  const bool early = was == State::kIncoming;
  if (listener != nullptr && early) listener->on_cancelled(leg_.number, bye);
  if (listener != nullptr && !early) listener->on_bye(leg_.number, bye);
  obey();
  if (early) leg_.refuse(server_, fork, 487);
}

// UAC: nobody waits for the answer any longer.
void InviteSession::let_go() {
  if (std::exchange(let_go_, true)) return;
  branches_.let_go_all(bye_reason_);
  if (!branches_.open()) over();
}

void InviteSession::last_words() {
  if (state() == State::kAccepted) send_bye(bye_reason_);
}

void InviteSession::refuse_invite(int status, std::string_view reason, const Message* passed,
                                  std::uint32_t retry_after) {
  const std::string pause = std::to_string(retry_after);
  const std::string least = status == 422 ? refresh_.min_se() : std::string();
  std::vector<HeaderLine> lines;
  if (!least.empty()) lines.push_back({HeaderId::kMinSe, least});
  if (!reason.empty()) lines.push_back({HeaderId::kReason, reason});
  if (retry_after != 0) lines.push_back({HeaderId::kRetryAfter, pause});
  leg_.refuse(server_, 0, status, lines, passed);
  over();
}

void InviteSession::finish(int status, std::string_view reason, const Message* passed,
                           std::uint32_t retry_after) {
  leg_.listener = nullptr;
  bye_reason_ = passed == nullptr ? std::string() : reason_of(*passed);
  // What passes on its own needs no word of ours.
  const std::string_view own = bye_reason_.empty() ? reason : std::string_view{};
  if (bye_reason_.empty()) bye_reason_ = reason;
  refresh_.stop();
  offers_.abandon();
  relayed_.abandon();
  referral_.abandon();
  switch (state()) {
    case State::kIncoming:
      refuse_invite(status, own, passed, retry_after);
      return;
    case State::kAccepted:
      bye_wanted_ = true;  // §15: not before the ACK or its time-out
      return;
    case State::kCalling:
      let_go();
      return;
    case State::kAnswered:
      send_ack({}, {});
      send_bye(own, passed);
      return;
    case State::kConfirmed:
      send_bye(own, passed);
      return;
    case State::kEnding:
    case State::kOver:
      return;
  }
}

void InviteSession::send_bye(std::string_view reason, const Message* passed) {
  repeater_.stop();
  refresh_.stop();
  offers_.abandon();
  relayed_.abandon();
  referral_.abandon();
  leg_.state = State::kEnding;
  const HeaderLine lines[] = {{HeaderId::kReason, reason}};
  Dialog::Request bye{.headers = std::span(lines, reason.empty() ? 0 : 1)};
  std::string headers;
  if (passed != nullptr) {
    headers = passing_headers(*passed, leg_.withheld);
    bye.passed = headers;
  }
  if (passed != nullptr && passed->method() == Method::kBye) {
    bye.content_type = passed->value(HeaderId::kContentType);
    bye.body = passed->body();
  }
  if (!leg_.send(Exchange::kBye, leg_.fork, bye)) over();
}

void InviteSession::over() {
  if (std::exchange(leg_.state, State::kOver) == State::kOver) return;
  leg_.listener = nullptr;
  repeater_.stop();
  reliable_.stop();
  waiting_2xx_.reset();
  refresh_.stop();
  offers_.abandon();
  relayed_.abandon();
  referral_.abandon();
  go_when_done();
}

// More 2xx may come while our INVITEs' transactions live: each wants an ACK, and a fork's a BYE.
void InviteSession::go_when_done() {
  const bool may_hear_more = (lingers_ && branches_.live()) || offers_.may_hear_more();
  if (state() != State::kOver || may_hear_more || std::exchange(gone_, true)) return;
  leg_.host.session_over(leg_.id);
}

}  // namespace tandem::sip
