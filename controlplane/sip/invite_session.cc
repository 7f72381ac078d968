#include "controlplane/sip/invite_session.h"

#include <utility>

#include "controlplane/sip/body.h"
#include "controlplane/sip/builder.h"
#include "controlplane/sip/loop_mark.h"
#include "controlplane/sip/ticket.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

LegDialog first_dialog(Dialog dialog) {
  LegDialog first;
  first.dialog = std::move(dialog);
  return first;
}

}  // namespace

InviteSession::InviteSession(SessionHost& host, Path path)
    : leg_{.host = host, .state = State::kCalling, .uac = true},
      branches_(leg_),
      repeater_(host.env, host.servers, [this] { on_never_acknowledged(); }),
      forks_(leg_, branches_),
      reliable_(leg_, [this] { on_never_pracked(); }),
      refresh_(leg_, offers_),
      offers_(leg_, refresh_, [this] { on_never_acknowledged(); }) {
  leg_.dialogs.push_back(first_dialog({}));
  Dialog& first = leg_.dialog();
  first.path = path;
  first.call_id = "s" + std::to_string(host.env.shard) + "-" + host.env.random.token() + "@" +
                  path.local.address.text();
}

InviteSession::InviteSession(SessionHost& host, ServerId id, const Message& invite, Dialog dialog)
    : leg_{.host = host, .state = State::kIncoming, .uac = false},
      branches_(leg_),
      server_(id),
      repeater_(host.env, host.servers, [this] { on_never_acknowledged(); }),
      forks_(leg_, branches_),
      reliable_(leg_, [this] { on_never_pracked(); }),
      refresh_(leg_, offers_),
      offers_(leg_, refresh_, [this] { on_never_acknowledged(); }) {
  leg_.dialogs.push_back(first_dialog(std::move(dialog)));
  leg_.at(0).agreement = sdp_of(invite).empty() ? Agreement::kNone : Agreement::kTheirs;
  leg_.note_allow(0, invite);
  reliable_.begin(id, invite);
}

InviteSession::~InviteSession() = default;

void InviteSession::bind(SessionId id) { leg_.id = id; }

bool InviteSession::has_dialog(std::string_view call_id, std::string_view local_tag,
                               std::string_view remote_tag) const {
  return state() != State::kOver && dialog().call_id == call_id &&
         leg_.fork_by_tags(local_tag, remote_tag) >= 0;
}

bool InviteSession::owns(const Message& request) const {
  return has_dialog(request.call_id(), request.to_tag(), request.from_tag());
}

// --- UAC ---------------------------------------------------------------------------------------

bool InviteSession::start(const Outgoing& outgoing) {
  Dialog& first = leg_.dialog();
  hold_ack_ = outgoing.hold_ack;
  offers_reliable_ = outgoing.reliable;
  leg_.at(0).agreement = outgoing.body.empty() ? Agreement::kNone : Agreement::kOurs;
  if (outgoing.timer) refresh_.configure(*outgoing.timer);
  first.local_tag = Ticket{leg_.id.handle, leg_.host.env.random.next()}.text();
  first.local_party = std::string(outgoing.from) + ";tag=" + first.local_tag;
  first.remote_party = outgoing.to;
  first.remote_target = outgoing.request_uri;
  first.secure = Dialog::asks_for_sips(outgoing.request_uri, outgoing.route);
  first.local_cseq = 1;
  leg_.contact_user = outgoing.contact_user;
  leg_.withheld.assign(outgoing.withheld.begin(), outgoing.withheld.end());
  if (outgoing.others.empty()) leg_.proven.use(outgoing.credentials);
  branches_.add(outgoing.others);
  bool sent = send_invite(0, {first.path, outgoing.request_uri, outgoing.route}, outgoing);
  for (int i = 1; i < branches_.count(); ++i) {
    sent = send_invite(i, outgoing.others[static_cast<std::size_t>(i) - 1], outgoing) || sent;
  }
  return sent;
}

// False: it couldn't be sent, as good as silence.
bool InviteSession::send_invite(int branch, const InviteTarget& to, const Outgoing& outgoing) {
  auto& env = leg_.host.env;
  auto& clients = leg_.host.clients;
  Branch& own = branches_.at(branch);
  own.client = clients.begin(Method::kInvite, session_cookie(leg_.id, Exchange::kInvite), to.path);
  if (!own.client) {
    branches_.fail(branch, 408, nullptr);
    return false;
  }
  const Dialog& first = leg_.dialog();
  const bool secure = branch == 0 ? first.secure : Dialog::asks_for_sips(to.uri, to.route);
  Builder out(message_scratch());
  out.request("INVITE", to.uri)
      .pieces(HeaderId::kVia, clients.via(own.client), loop_mark(env, to.uri));
  if (!to.route.empty()) out.header(HeaderId::kRoute, to.route);
  out.header(HeaderId::kMaxForwards, outgoing.max_forwards)
      .header(HeaderId::kFrom, first.local_party)
      .header(HeaderId::kTo, first.remote_party)
      .header(HeaderId::kCallId, first.call_id)
      .pieces(HeaderId::kCSeq, std::uint64_t{first.local_cseq}, " INVITE")
      .header(HeaderId::kContact, Leg::contact(to.path, secure, leg_.contact_user))
      .header(HeaderId::kAllow, env.allow)
      .written(outgoing.passed);
  // "100rel" is the first of them (kReliableOption).
  std::string_view supported = env.supported;
  if (!offers_reliable_) next_value(supported);
  if (!supported.empty()) out.header(HeaderId::kSupported, base::trim(supported));
  out.written(refresh_.ask_first());
  const auto text = out.finish(outgoing.content_type, outgoing.body);
  std::string request(text.value_or(std::string_view{}));
  if (refresh_.configured()) own.invite = request;
  if (clients.send(own.client, leg_.proven.prove(own.client, 0, std::move(request)))) return true;
  own.client = {};
  branches_.fail(branch, 408, nullptr);
  return false;
}

void InviteSession::on_response(Exchange exchange, ClientId id, const Message& response) {
  const int status = response.status();
  if ((status == 401 || status == 407) && prove_again(exchange, id, response)) return;
  switch (exchange) {
    case Exchange::kBye:
      if (status >= 200) over();
      return;
    case Exchange::kReinvite:
    case Exchange::kUpdate:
      offers_.on_response(exchange, id, response);
      return;
    case Exchange::kPrack:
      if (status >= 300) on_prack_end(id, status, &response);
      return;
    case Exchange::kRelayed:
      // RFC 4320: a provisional one says nothing that could be passed on.
      if (status >= 200) on_relayed_end(id, &response);
      return;
    case Exchange::kNotify:
      if (status >= 200) referral_.on_end(id, status);
      return;
    case Exchange::kRefresh:
      refresh_.on_response(id, response);
      return;
    case Exchange::kInvite:
      if (const int branch = branches_.find(id); branch >= 0) on_invite_response(branch, response);
      return;
  }
}

void InviteSession::on_invite_response(int branch, const Message& response) {
  const int status = response.status();
  if (status < 200) {
    on_1xx(branch, response);
    return;
  }
  if (status == 422 && ask_longer(branch, response)) return;
  branches_.at(branch).ended = true;
  if (status < 300) {
    on_final_2xx(branch, response);
  } else if (state() != State::kCalling) {
    return;
  } else if (!let_go_) {
    on_branch_failed(branch, status, &response);
  } else if (!branches_.open()) {
    over();
  }
}

void InviteSession::on_1xx(int branch, const Message& response) {
  Branch& own = branches_.at(branch);
  const bool first = !std::exchange(own.heard, true);
  if (own.let_go) {
    if (first) leg_.host.clients.cancel(own.client, late_reason());
    return;
  }
  if (state() != State::kCalling) return;
  const int fork = response.status() > 100 ? forks_.early_dialog(branch, response) : 0;
  if (fork < 0 || leg_.at(fork).over) return;
  // What one of several says isn't said of the dialogs that the others begin.
  if (fork != 0 || !branches_.several()) leg_.note_allow(fork, response);
  if (offers_reliable_ && reliable_number(response) && !forks_.take_reliable(fork, response))
    return;
  if (leg_.listener != nullptr) leg_.listener->on_provisional(leg_.number, fork, response);
}

void InviteSession::prack(int fork, std::string_view content_type, std::string_view body) {
  LegDialog& in = leg_.at(fork);
  if (in.agreement != Agreement::kTheirs || in.rseq == 0) return;
  in.agreement = Agreement::kSettled;
  forks_.send_prack(fork, content_type, body);
  // A peer that answered without waiting for its PRACK.
  if (state() == State::kAnswered && fork == leg_.fork) ack({}, {});
}

// A PRACK that was refused or never answered. Without a description it only concerns the peer, who
// ends the INVITE if it minds (§3); one that carried the answer leaves us without an agreement,
// unless that early dialog is gone (481).
void InviteSession::on_prack_end(ClientId id, int status, const Message* response) {
  if (state() != State::kCalling || let_go_ || status == 481) return;
  const int fork = forks_.answered_by(id);
  if (fork >= 0) on_branch_failed(leg_.at(fork).branch, status, response);
}

void InviteSession::on_final_2xx(int branch, const Message& response) {
  lingers_ = true;
  const bool given_up = branches_.at(branch).status != 0 && !let_go_;
  if (state() != State::kCalling || given_up) {
    const LegDialog& winner = leg_.at(leg_.fork);
    if (response.to_tag() != winner.dialog.remote_tag || branch != winner.branch) {
      forks_.hang_up(branch, response);
    } else if (!ack_.empty()) {
      send_counted(leg_.host.env, leg_.way(), ack_);
    }
    return;
  }
  int fork = leg_.fork_by_remote_tag(response.to_tag(), branch);
  if (fork < 0) {
    leg_.dialogs.push_back(branches_.first_dialog(branch));
    fork = static_cast<int>(leg_.dialogs.size()) - 1;
  }
  leg_.fork = fork;
  leg_.note_allow(fork, response);
  if (!leg_.dialog().confirm(response)) {
    on_2xx_without_contact(response);
    return;
  }
  for (LegDialog& in : leg_.dialogs) in.over = &in != &leg_.at(fork);
  if (let_go_) {  // the late 200 after a CANCEL or a time-out
    send_ack({}, {});
    send_bye(bye_reason_);
    return;
  }
  win(branch, fork, response);
}

void InviteSession::win(int branch, int fork, const Message& response) {
  LegDialog& in = leg_.at(fork);
  const bool owes_prack = in.agreement == Agreement::kTheirs;
  if (owes_prack || (hold_ack_ && in.agreement != Agreement::kSettled)) {
    leg_.state = State::kAnswered;
    in.agreement = Agreement::kTheirs;
  } else {
    send_ack({}, {});
    leg_.state = State::kConfirmed;
    in.agreement = Agreement::kSettled;
  }
  branches_.let_go_all(late_reason(), branch);
  branches_.forget_invites();
  offers_.confirmed(fork);
  refresh_.answered(response);
  if (leg_.listener != nullptr) leg_.listener->on_answered(leg_.number, fork, response);
}

// A 2xx that no ACK can be addressed to. The request's target is the best guess for hanging up; the
// call fails.
void InviteSession::on_2xx_without_contact(const Message& response) {
  leg_.dialog().remote_tag = response.to_tag();
  leg_.dialog().remote_party = response.value(HeaderId::kTo);
  SessionListener* listener = std::exchange(leg_.listener, nullptr);
  let_go_ = true;  // the others aren't told that the call was completed elsewhere
  send_ack({}, {});
  send_bye({});
  branches_.let_go_all(late_reason(), leg_.at(leg_.fork).branch);
  branches_.fail(leg_.at(leg_.fork).branch, 502, &response);
  if (listener != nullptr) listener->on_refused(leg_.number, 502, &response);
}

void InviteSession::ack(std::string_view content_type, std::string_view body) {
  if (state() != State::kAnswered) return;
  send_ack(content_type, body);
  leg_.at(leg_.fork).agreement = Agreement::kSettled;
  leg_.state = State::kConfirmed;
}

void InviteSession::send_ack(std::string_view content_type, std::string_view body) {
  const std::uint32_t cseq = branches_.at(leg_.at(leg_.fork).branch).cseq;
  ack_ = leg_.send_ack(cseq, content_type, body);
}

void InviteSession::on_timeout(Exchange exchange, ClientId id, int status) {
  switch (exchange) {
    case Exchange::kReinvite:
    case Exchange::kUpdate:
      offers_.on_timeout(exchange, id);
      return;
    case Exchange::kPrack:
      on_prack_end(id, status, nullptr);
      return;
    case Exchange::kRelayed:
      on_relayed_end(id, nullptr);
      return;
    case Exchange::kNotify:
      referral_.on_end(id, status);
      return;
    case Exchange::kRefresh:
      refresh_.on_timeout(id);
      return;
    case Exchange::kBye:
      return;
    case Exchange::kInvite:
      break;
  }
  const int branch = branches_.find(id);
  if (branch < 0) return;
  branches_.at(branch).ended = true;
  if (state() != State::kCalling || let_go_) return;
  // One of several that can't be reached is one that is silent.
  on_branch_failed(branch, branches_.several() ? 408 : status, nullptr);
}

void InviteSession::on_client_end(Exchange exchange, ClientId id) {
  offers_.on_client_end(exchange);
  leg_.proven.forget(id);
  const int branch = exchange == Exchange::kInvite ? branches_.find(id) : -1;
  if (branch >= 0) branches_.at(branch).client = {};
  const bool unanswered =
      exchange == Exchange::kInvite && state() == State::kCalling && !branches_.open();
  if (exchange == Exchange::kBye || unanswered) over();
  go_when_done();
}

// --- UAS ---------------------------------------------------------------------------------------

int InviteSession::new_fork() {
  if (leg_.dialogs.size() == Leg::kDialogsMax) return 0;
  LegDialog another = leg_.at(0);
  another.dialog.local_tag = Ticket{leg_.id.handle, leg_.host.env.random.next()}.text();
  // The To of our own requests in it: theirs, with the other tag.
  auto& party = another.dialog.local_party;
  party.replace(party.rfind(";tag="), std::string::npos, ";tag=" + another.dialog.local_tag);
  another.dialog.local_cseq = 0;
  another.agreement =
      leg_.at(0).agreement == Agreement::kNone ? Agreement::kNone : Agreement::kTheirs;
  another.rseq = 0;
  leg_.dialogs.push_back(std::move(another));
  return static_cast<int>(leg_.dialogs.size()) - 1;
}

void InviteSession::progress(const Provisional& response) {
  if (state() != State::kIncoming || waiting_2xx_) return;
  early_ = early_ || response.status > 100;
  reliable_.send(response);
}

void InviteSession::accept(std::string_view content_type, std::string_view body, int fork,
                           std::string_view passed) {
  if (state() != State::kIncoming || waiting_2xx_) return;
  Waiting2xx answer{fork, std::string(content_type), std::string(body), std::string(passed)};
  if (reliable_.holds_answer_back()) {  // RFC 3262 §3
    waiting_2xx_ = std::move(answer);
  } else {
    send_2xx(answer);
  }
}

void InviteSession::send_2xx(const Waiting2xx& answer) {
  const int fork = answer.fork;
  reliable_.stop();
  LegDialog& in = leg_.at(fork);
  // What was agreed on in an 18x is not said twice.
  const bool agreed = in.agreement == Agreement::kSettled;
  const bool silent = agreed && is_sdp(answer.content_type);
  if (!agreed)
    in.agreement = in.agreement == Agreement::kNone ? Agreement::kOurs : Agreement::kSettled;
  leg_.fork = fork;
  leg_.state = State::kAccepted;
  const std::string lines = answer.passed + refresh_.answer_first();
  const bool sent = leg_.respond(server_, fork,
                                 {.status = 200,
                                  .passed = lines,
                                  .content_type = silent ? std::string() : answer.content_type,
                                  .body = silent ? std::string() : answer.body});
  if (sent) {
    for (LegDialog& each : leg_.dialogs) each.over = &each != &in;
    repeater_.start(server_);
    offers_.confirmed(fork);
    return;
  }
  SessionListener* listener = std::exchange(leg_.listener, nullptr);  // the caller got a 500
  over();
  if (listener != nullptr) listener->on_lost(leg_.number);
}

void InviteSession::on_never_acknowledged() {
  SessionListener* listener = std::exchange(leg_.listener, nullptr);
  const std::string reason = bye_reason_;
  leg_.state = State::kEnding;
  if (listener != nullptr) listener->on_lost(leg_.number);
  send_bye(reason);
}

// RFC 3262 §3: the INVITE is refused with a 5xx.
void InviteSession::on_never_pracked() {
  if (leg_.listener != nullptr) leg_.listener->on_prack_missing(leg_.number);
  finish(504);
}

void InviteSession::on_prack(ServerId id, int fork, const Message& prack) {
  bool description = false;
  const auto rack = read_rack(prack);
  if (!rack || !reliable_.acknowledge(fork, *rack, description)) {
    leg_.refuse(id, fork, 481);
    return;
  }
  LegDialog& in = leg_.at(fork);
  const bool answers = description && in.agreement == Agreement::kOurs;
  if (answers) in.agreement = Agreement::kSettled;
  if (!answers && !sdp_of(prack).empty()) {
    offers_.on_request(id, fork, prack);
  } else {
    leg_.host.servers.respond(id, {.status = 200, .to_tag = in.dialog.local_tag});
  }
  if (answers && leg_.listener != nullptr) {
    leg_.listener->on_early_answer(leg_.number, fork, prack);
  }
  if (state() != State::kIncoming) return;
  if (waiting_2xx_) {
    send_2xx(*std::exchange(waiting_2xx_, std::nullopt));
  } else {
    reliable_.send_next();
  }
}

void InviteSession::on_ack(const Message& ack) {
  if (offers_.on_ack(ack)) return;
  if (state() != State::kAccepted) {
    leg_.host.env.counters.add(wire::Counter::sip_absorbed);
    return;
  }
  repeater_.stop();
  leg_.state = State::kConfirmed;
  leg_.at(leg_.fork).agreement = Agreement::kSettled;
  if (bye_wanted_) {
    send_bye(bye_reason_);
  } else if (leg_.listener != nullptr) {
    leg_.listener->on_acked(leg_.number, ack);
  }
}

void InviteSession::on_cancel(ServerId invite, const Message& cancel) {
  if (invite != server_) {
    offers_.on_cancel(invite);
    return;
  }
  if (state() != State::kIncoming) return;  // too late: the final response is out (§9.2)
  SessionListener* listener = std::exchange(leg_.listener, nullptr);
  over();
  if (listener != nullptr) listener->on_cancelled(leg_.number, cancel);
  leg_.refuse(server_, 0, 487);
}

// --- both --------------------------------------------------------------------------------------

void InviteSession::on_request(ServerId id, const Message& request) {
  const int fork = leg_.fork_of(request);
  Dialog& in = leg_.at(fork).dialog;
  if (request.cseq().number < in.remote_cseq) {  // §12.2.2: out of order
    leg_.refuse(id, fork, 500);
    return;
  }
  in.remote_cseq = request.cseq().number;
  leg_.note_allow(fork, request);
  const HeaderLine lines[] = {{HeaderId::kAllow, leg_.host.env.allow},
                              {HeaderId::kSupported, leg_.host.env.supported}};
  switch (request.method()) {
    case Method::kBye:
      on_their_bye(id, fork, request);
      return;
    case Method::kInvite:
      offers_.on_request(id, fork, request);
      return;
    case Method::kPrack:
      on_prack(id, fork, request);
      return;
    case Method::kUpdate:
      on_update(id, fork, request);
      return;
    case Method::kOptions:
      leg_.refuse(id, fork, 200, lines);
      return;
    case Method::kInfo:
    case Method::kMessage:
    case Method::kNotify:
    case Method::kSubscribe:
    case Method::kRefer:
      on_relayed_request(id, fork, request);
      return;
    default:
      leg_.refuse(id, fork, request.method() == Method::kOther ? 501 : 405,
                  std::span(lines).first(1));
      return;
  }
}

// Without an offer it moves the peer's Contact, or refreshes the session, and is ours to answer.
void InviteSession::on_update(ServerId id, int fork, const Message& request) {
  if (!sdp_of(request).empty()) {
    offers_.on_request(id, fork, request);
    return;
  }
  const TimerWords timer = read_timer(request);
  if (refresh_.refuse(id, fork, timer)) return;
  leg_.at(fork).dialog.refresh_target(request);
  const std::string lines = refresh_.answer(timer);
  leg_.respond(id, fork, {.status = 200, .passed = lines});
}

}  // namespace tandem::sip
