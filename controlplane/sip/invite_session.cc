#include "controlplane/sip/invite_session.h"

#include <utility>

#include "controlplane/sip/builder.h"

namespace tandem::sip {
namespace {

// 2xx of so many forks are hung up; a peer that sends more has lost its way.
constexpr std::size_t kForksMax = 8;
// ACKs of so many re-INVITEs are kept for repeating.
constexpr std::size_t kReinviteAcksMax = 4;

}  // namespace

InviteSession::InviteSession(SessionHost& host, Path path)
    : host_(host),
      state_(State::kCalling),
      uac_(true),
      repeater_(host.env, host.servers, [this] { on_never_acknowledged(); }) {
  dialog_.path = path;
}

InviteSession::InviteSession(SessionHost& host, ServerId invite, Dialog dialog)
    : host_(host),
      state_(State::kIncoming),
      uac_(false),
      dialog_(std::move(dialog)),
      server_(invite),
      repeater_(host.env, host.servers, [this] { on_never_acknowledged(); }) {}

InviteSession::~InviteSession() = default;

void InviteSession::bind(SessionId id) {
  id_ = id;
  if (!uac_) host_.tag_in_use(dialog_.local_tag, id_);
}

std::string InviteSession::contact() const { return "<sip:" + dialog_.path.local.text() + ">"; }

// --- UAC ---------------------------------------------------------------------------------------

bool InviteSession::start(const Outgoing& outgoing) {
  auto& env = host_.env;
  client_ =
      host_.clients.begin(Method::kInvite, session_cookie(id_, Exchange::kInvite), dialog_.path);
  if (!client_) return false;
  hold_ack_ = outgoing.hold_ack;
  dialog_.call_id = "s" + std::to_string(env.shard) + "-" + env.random.token() + "@" +
                    dialog_.path.local.address.text();
  dialog_.local_tag = env.random.token();
  dialog_.local_party = std::string(outgoing.from) + ";tag=" + dialog_.local_tag;
  dialog_.remote_party = outgoing.to;
  dialog_.remote_target = outgoing.request_uri;
  dialog_.local_cseq = 1;
  Builder out(message_scratch());
  out.request("INVITE", outgoing.request_uri)
      .header(HeaderId::kVia, host_.clients.via(client_))
      .header(HeaderId::kMaxForwards, outgoing.max_forwards)
      .header(HeaderId::kFrom, dialog_.local_party)
      .header(HeaderId::kTo, dialog_.remote_party)
      .header(HeaderId::kCallId, dialog_.call_id)
      .pieces(HeaderId::kCSeq, std::uint64_t{dialog_.local_cseq}, " INVITE")
      .header(HeaderId::kContact, contact())
      .header(HeaderId::kAllow, kAllowedMethods);
  const auto text = out.finish(outgoing.content_type, outgoing.body);
  if (!host_.clients.send(client_, std::string(text.value_or(std::string_view{})))) {
    client_ = {};
    return false;
  }
  host_.tag_in_use(dialog_.local_tag, id_);
  return true;
}

void InviteSession::on_response(Exchange exchange, const Message& response) {
  const int status = response.status();
  if (exchange == Exchange::kBye) {
    if (status >= 200) over();
    return;
  }
  if (exchange == Exchange::kReinvite) {
    on_reinvite_response(response);
    return;
  }
  if (status >= 200 && status < 300) {
    on_final_2xx(response);
    return;
  }
  if (state_ != State::kCalling) return;
  if (status < 200) {
    const bool first = !std::exchange(had_provisional_, true);
    if (let_go_) {
      if (first) host_.clients.cancel(client_);
      return;
    }
    // The last early dialog heard of; a 2xx of another fork replaces it (§13.2.2.4).
    if (status > 100) dialog_.confirm(response);
    if (listener_ != nullptr) listener_->on_provisional(leg_, response);
    return;
  }
  SessionListener* listener = std::exchange(listener_, nullptr);
  over();
  if (listener != nullptr) listener->on_refused(leg_, status, &response);
}

void InviteSession::on_final_2xx(const Message& response) {
  lingers_ = true;
  if (state_ != State::kCalling) {
    if (response.to_tag() != dialog_.remote_tag) {
      hang_up_fork(response);
    } else if (!ack_.empty()) {
      send_counted(host_.env, dialog_.request_path(), ack_);
    }
    return;
  }
  if (!dialog_.confirm(response)) {
    // A 2xx that no ACK can be addressed to: the Contact is missing. The request's target is the
    // best guess for hanging up; the call fails.
    dialog_.remote_tag = response.to_tag();
    dialog_.remote_party = response.value(HeaderId::kTo);
    SessionListener* listener = std::exchange(listener_, nullptr);
    send_ack({}, {});
    send_bye({});
    if (listener != nullptr) listener->on_refused(leg_, 502, &response);
    return;
  }
  if (let_go_) {  // the late 200 after a CANCEL or a time-out
    send_ack({}, {});
    send_bye(bye_reason_);
    return;
  }
  if (hold_ack_) {
    state_ = State::kAnswered;
  } else {
    send_ack({}, {});
    state_ = State::kConfirmed;
  }
  if (listener_ != nullptr) listener_->on_answered(leg_, response);
}

// A 2xx from another branch of a fork: answered already, so that leg is acknowledged and hung up.
void InviteSession::hang_up_fork(const Message& response) {
  Dialog fork = dialog_;
  if (!fork.confirm(response)) return;
  const Path path = fork.request_path();
  for (const auto& [tag, ack] : forks_) {
    if (tag != fork.remote_tag) continue;
    send_counted(host_.env, path, ack);
    return;
  }
  if (forks_.size() == kForksMax) {
    host_.env.counters.add(wire::Counter::drop_sip_no_memory);
    return;
  }
  const std::string ack_via = fresh_via(path);
  forks_.emplace_back(fork.remote_tag,
                      fork.build({.method = Method::kAck, .cseq = 1, .via = ack_via}));
  if (forks_.back().second.empty()) return;
  send_counted(host_.env, path, forks_.back().second);
  const ClientId bye = host_.clients.begin(Method::kBye, 0, path);
  if (!bye) return;
  const std::string via = host_.clients.via(bye);
  host_.clients.send(bye, fork.build({.method = Method::kBye, .cseq = 2, .via = via}));
}

void InviteSession::ack(std::string_view content_type, std::string_view body) {
  if (state_ != State::kAnswered) return;
  send_ack(content_type, body);
  state_ = State::kConfirmed;
}

std::string InviteSession::fresh_via(const Path& path) const {
  return "SIP/2.0/UDP " + path.local.text() + ";branch=z9hG4bK" + host_.env.random.token() +
         ";rport";
}

// An ACK to a 2xx: sent, and returned for repeating. Empty (and counted): it would be too long.
std::string InviteSession::send_ack_of(std::uint32_t cseq, std::string_view content_type,
                                       std::string_view body) {
  const Path path = dialog_.request_path();
  const std::string via = fresh_via(path);
  std::string ack = dialog_.build({.method = Method::kAck,
                                   .cseq = cseq,
                                   .via = via,
                                   .contact = contact(),
                                   .content_type = content_type,
                                   .body = body});
  if (ack.empty()) {
    host_.env.counters.add(wire::Counter::drop_sip_send);
  } else {
    send_counted(host_.env, path, ack);
  }
  return ack;
}

void InviteSession::send_ack(std::string_view content_type, std::string_view body) {
  ack_ = send_ack_of(1, content_type, body);
}

void InviteSession::on_timeout(Exchange exchange) {
  if (exchange == Exchange::kReinvite) {
    if (!ours_ || ours_->answered) return;
    ours_.reset();
    if (listener_ != nullptr) listener_->on_offer_refused(leg_, 408);
    return;
  }
  if (exchange == Exchange::kBye || state_ != State::kCalling) return;
  SessionListener* listener = std::exchange(listener_, nullptr);
  if (listener != nullptr) listener->on_refused(leg_, 408, nullptr);
}

void InviteSession::on_client_end(Exchange exchange) {
  if (exchange == Exchange::kReinvite) --reinvites_live_;
  if (exchange == Exchange::kInvite) client_ = {};
  const bool unanswered = exchange == Exchange::kInvite && state_ == State::kCalling;
  if (exchange == Exchange::kBye || unanswered) over();
  go_when_done();
}

// --- UAS ---------------------------------------------------------------------------------------

void InviteSession::progress(int status, std::string_view content_type, std::string_view body) {
  if (state_ != State::kIncoming) return;
  const std::string own_contact = contact();
  const HeaderLine lines[] = {{HeaderId::kContact, own_contact},
                              {HeaderId::kAllow, kAllowedMethods}};
  const bool trying = status == 100;
  host_.servers.respond(
      server_, {.status = status,
                .to_tag = trying ? std::string_view{} : std::string_view(dialog_.local_tag),
                .headers = trying ? std::span<const HeaderLine>{} : std::span(lines),
                .content_type = content_type,
                .body = body});
}

void InviteSession::accept(std::string_view content_type, std::string_view body) {
  if (state_ != State::kIncoming) return;
  const std::string own_contact = contact();
  const HeaderLine lines[] = {{HeaderId::kContact, own_contact},
                              {HeaderId::kAllow, kAllowedMethods}};
  state_ = State::kAccepted;
  const bool sent = host_.servers.respond(server_, {.status = 200,
                                                    .to_tag = dialog_.local_tag,
                                                    .headers = lines,
                                                    .content_type = content_type,
                                                    .body = body});
  if (sent) {
    repeater_.start(server_);
    return;
  }
  SessionListener* listener = std::exchange(listener_, nullptr);  // the caller got a 500
  over();
  if (listener != nullptr) listener->on_lost(leg_);
}

void InviteSession::on_never_acknowledged() {
  SessionListener* listener = std::exchange(listener_, nullptr);
  send_bye(bye_reason_);
  if (listener != nullptr) listener->on_lost(leg_);
}

void InviteSession::on_ack(const Message& ack) {
  if (theirs_ && theirs_->answered && ack.cseq().number == theirs_->cseq) {
    repeater_.stop();
    theirs_.reset();
    if (listener_ != nullptr) listener_->on_offer_acked(leg_, ack);
    return;
  }
  if (state_ != State::kAccepted) {
    host_.env.counters.add(wire::Counter::sip_absorbed);
    return;
  }
  repeater_.stop();
  state_ = State::kConfirmed;
  if (bye_wanted_) {
    send_bye(bye_reason_);
  } else if (listener_ != nullptr) {
    listener_->on_acked(leg_, ack);
  }
}

void InviteSession::on_cancel() {
  if (state_ != State::kIncoming) return;  // too late: the final response is out (§9.2)
  host_.servers.respond(server_, {.status = 487, .to_tag = dialog_.local_tag});
  SessionListener* listener = std::exchange(listener_, nullptr);
  over();
  if (listener != nullptr) listener->on_cancelled(leg_);
}

// --- both --------------------------------------------------------------------------------------

void InviteSession::on_request(ServerId id, const Message& request) {
  if (request.cseq().number < dialog_.remote_cseq) {  // §12.2.2: out of order
    host_.servers.respond(id, {.status = 500, .to_tag = dialog_.local_tag});
    return;
  }
  dialog_.remote_cseq = request.cseq().number;
  const HeaderLine allow[] = {{HeaderId::kAllow, kAllowedMethods}};
  switch (request.method()) {
    case Method::kBye:
      on_their_bye(id);
      return;
    case Method::kInvite:
      on_reinvite(id, request);
      return;
    case Method::kOptions:
      host_.servers.respond(id, {.status = 200, .to_tag = dialog_.local_tag, .headers = allow});
      return;
    default:
      host_.servers.respond(id, {.status = request.method() == Method::kOther ? 501 : 405,
                                 .to_tag = dialog_.local_tag,
                                 .headers = allow});
      return;
  }
}

// --- re-INVITE (§14) ---------------------------------------------------------------------------

void InviteSession::on_reinvite(ServerId id, const Message& request) {
  const HeaderLine retry[] = {{HeaderId::kRetryAfter, "5"}};
  int status = 0;
  if (state_ == State::kIncoming || theirs_) status = 500;  // the former is not settled yet
  if (state_ == State::kAccepted || state_ == State::kAnswered || state_ == State::kCalling ||
      ours_) {
    status = 491;  // glare
  }
  if (state_ == State::kEnding || state_ == State::kOver || listener_ == nullptr) status = 481;
  if (status != 0) {
    host_.servers.respond(id, {.status = status,
                               .to_tag = dialog_.local_tag,
                               .headers = std::span(retry, status == 500 ? 1 : 0)});
    return;
  }
  theirs_ = Theirs{id, request.cseq().number, false};
  host_.servers.respond(id, {.status = 100});
  dialog_.refresh_target(request);
  listener_->on_offer(leg_, request);
}

void InviteSession::answer_offer(int status, std::string_view content_type, std::string_view body) {
  if (!theirs_ || theirs_->answered) return;
  const ServerId invite = theirs_->invite;
  const std::string own_contact = contact();
  const HeaderLine lines[] = {{HeaderId::kContact, own_contact},
                              {HeaderId::kAllow, kAllowedMethods}};
  const bool accepted = status < 300;
  const bool sent = host_.servers.respond(
      invite, {.status = status,
               .to_tag = dialog_.local_tag,
               .headers = accepted ? std::span(lines) : std::span<const HeaderLine>{},
               .content_type = content_type,
               .body = body});
  if (accepted && sent) {
    theirs_->answered = true;
    repeater_.start(invite);
  } else {
    theirs_.reset();
  }
}

bool InviteSession::offer(std::string_view content_type, std::string_view body) {
  if (state_ != State::kConfirmed || ours_ || theirs_) return false;
  const ClientId id = host_.clients.begin(Method::kInvite, session_cookie(id_, Exchange::kReinvite),
                                          dialog_.request_path());
  if (!id) return false;
  const std::uint32_t cseq = dialog_.next_cseq();
  const std::string via = host_.clients.via(id);
  if (!host_.clients.send(id, dialog_.build({.method = Method::kInvite,
                                             .cseq = cseq,
                                             .via = via,
                                             .contact = contact(),
                                             .content_type = content_type,
                                             .body = body}))) {
    return false;
  }
  ++reinvites_live_;
  ours_ = Ours{cseq, body.empty(), false};
  return true;
}

void InviteSession::on_reinvite_response(const Message& response) {
  const int status = response.status();
  if (status < 200) return;
  const bool current = ours_ && response.cseq().number == ours_->cseq && !ours_->answered;
  if (!current) {
    for (const auto& [cseq, ack] : reinvite_acks_) {
      if (cseq == response.cseq().number && !ack.empty()) {
        send_counted(host_.env, dialog_.request_path(), ack);
      }
    }
    return;
  }
  if (status >= 300) {
    ours_.reset();
    if (listener_ != nullptr) listener_->on_offer_refused(leg_, status);
    return;
  }
  dialog_.refresh_target(response);
  ours_->answered = true;
  if (!ours_->asks_for_offer || listener_ == nullptr) ack_reinvite({}, {});
  if (listener_ != nullptr) listener_->on_offer_answered(leg_, response);
}

void InviteSession::ack_offer(std::string_view content_type, std::string_view body) {
  if (ours_ && ours_->answered) ack_reinvite(content_type, body);
}

void InviteSession::ack_reinvite(std::string_view content_type, std::string_view body) {
  if (reinvite_acks_.size() == kReinviteAcksMax) reinvite_acks_.erase(reinvite_acks_.begin());
  reinvite_acks_.emplace_back(ours_->cseq, send_ack_of(ours_->cseq, content_type, body));
  ours_.reset();
}

// --- the end -----------------------------------------------------------------------------------

void InviteSession::on_their_bye(ServerId id) {
  host_.servers.respond(id, {.status = 200, .to_tag = dialog_.local_tag});
  SessionListener* listener = std::exchange(listener_, nullptr);
  repeater_.stop();
  bool early = false;
  switch (state_) {
    case State::kEnding:  // both hung up at once
    case State::kOver:
      return;
    case State::kIncoming:
      early = true;
      host_.servers.respond(server_, {.status = 487, .to_tag = dialog_.local_tag});
      over();
      break;
    case State::kCalling:  // out of an early dialog; its INVITE still wants an end
      let_go();
      break;
    case State::kAnswered:
      send_ack({}, {});
      over();
      break;
    case State::kAccepted:
    case State::kConfirmed:
      over();
      break;
  }
  if (listener == nullptr) return;
  if (early) {
    listener->on_cancelled(leg_);
  } else {
    listener->on_bye(leg_);
  }
}

// UAC: nobody waits for the answer any longer.
void InviteSession::let_go() {
  if (std::exchange(let_go_, true)) return;
  if (!client_) {
    over();
  } else if (had_provisional_) {
    host_.clients.cancel(client_);
  } else {
    host_.clients.stop_retransmitting(client_);
  }
}

void InviteSession::last_words() {
  if (state_ == State::kAccepted) send_bye(bye_reason_);
}

void InviteSession::finish(int status, std::string_view reason) {
  listener_ = nullptr;
  bye_reason_ = reason;
  switch (state_) {
    case State::kIncoming: {
      const HeaderLine lines[] = {{HeaderId::kReason, reason}};
      host_.servers.respond(server_, {.status = status,
                                      .to_tag = dialog_.local_tag,
                                      .headers = std::span(lines, reason.empty() ? 0 : 1)});
      over();
      return;
    }
    case State::kAccepted:
      bye_wanted_ = true;  // §15: not before the ACK or its time-out
      return;
    case State::kCalling:
      let_go();
      return;
    case State::kAnswered:
      send_ack({}, {});
      send_bye(reason);
      return;
    case State::kConfirmed:
      send_bye(reason);
      return;
    case State::kEnding:
    case State::kOver:
      return;
  }
}

void InviteSession::send_bye(std::string_view reason) {
  repeater_.stop();
  state_ = State::kEnding;
  const ClientId bye = host_.clients.begin(Method::kBye, session_cookie(id_, Exchange::kBye),
                                           dialog_.request_path());
  if (!bye) {
    over();
    return;
  }
  const std::uint32_t cseq = dialog_.next_cseq();
  const std::string via = host_.clients.via(bye);
  const bool sent = host_.clients.send(
      bye, dialog_.build({.method = Method::kBye, .cseq = cseq, .via = via, .reason = reason}));
  if (!sent) over();
}

void InviteSession::over() {
  if (std::exchange(state_, State::kOver) == State::kOver) return;
  if (theirs_ && !theirs_->answered) {
    host_.servers.respond(theirs_->invite, {.status = 487, .to_tag = dialog_.local_tag});
  }
  theirs_.reset();
  listener_ = nullptr;
  repeater_.stop();
  go_when_done();
}

// More 2xx may come while our INVITEs' transactions live: each wants an ACK, and a fork's a BYE.
void InviteSession::go_when_done() {
  const bool may_hear_more = (lingers_ && client_) || reinvites_live_ != 0;
  if (state_ != State::kOver || may_hear_more || std::exchange(gone_, true)) return;
  host_.session_over(id_);
}

}  // namespace tandem::sip
