#include "controlplane/sip/user_agent.h"

#include <algorithm>
#include <array>

#include "controlplane/sip/body.h"
#include "controlplane/sip/loop_mark.h"
#include "controlplane/sip/parser.h"
#include "controlplane/sip/ticket.h"
#include "drivers/base/text.h"

namespace tandem::sip {

using wire::Counter;

namespace {

// The methods that we take outside a dialog.
constexpr std::string_view kAllowedOutside = "INVITE, ACK, CANCEL, BYE, OPTIONS";
constexpr std::string_view kAllowedWithRegister = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER";
constexpr std::string_view kAcceptedTypes = "application/sdp, multipart/mixed";

bool supports(const Environment& env, std::string_view option) {
  for (std::string_view rest = env.supported; !rest.empty();) {
    if (base::iequals(next_value(rest), option)) return true;
  }
  return false;
}

// RFC 3327, which a registrar knows.
constexpr std::string_view kPathOption = "path";

// An answer's headers, as long as it is there.
std::vector<HeaderLine> lines_of(const DoorAnswer& answer) {
  std::vector<HeaderLine> out;
  for (const auto& [id, value] : answer.headers) out.push_back({id, value});
  return out;
}

// Whether the answer to an INVITE may be a session description (§20.1): without an Accept it may.
bool takes_sdp(const Message& invite) {
  bool said = false;
  bool takes = false;
  for (const Header& line : invite.headers()) {
    if (line.id != HeaderId::kAccept) continue;
    said = true;
    for (std::string_view rest = line.value; !rest.empty();) {
      std::string_view range = next_value(rest);
      range = base::trim(range.substr(0, range.find(';')));
      for (const char* fit : {"application/sdp", "application/*", "*/*", "multipart/mixed"}) {
        takes = takes || base::iequals(range, fit);
      }
    }
  }
  return takes || !said;
}

bool may_offer(Method method) {
  return method == Method::kInvite || method == Method::kUpdate || method == Method::kPrack;
}

// A response to us has one Via value, ours; more mean that it was misrouted (§8.1.3.3).
bool is_ours(const Message& response) {
  int vias = 0;
  each_value(response, HeaderId::kVia, [&](std::string_view) { ++vias; });
  return vias == 1;
}

}  // namespace

UserAgent::UserAgent(Environment& environment, CallHandler& handler)
    : SessionHost(environment, client_transactions_, server_transactions_),
      env_(environment),
      handler_(handler),
      client_transactions_(environment, *this),
      server_transactions_(environment, *this),
      sessions_(environment.limits.sessions),
      secret_{environment.random.next(), environment.random.next()},
      by_origin_(environment.limits.sessions) {
  if (env_.loop_key.low == 0) env_.loop_key = {env_.random.next() | 1, env_.random.next()};
}

void UserAgent::on_datagram(const Path& path, std::span<char> bytes) {
  Message message;
  const ParseOutcome outcome = Parser::parse(bytes, message);
  switch (outcome.verdict) {
    case ParseVerdict::kKeepalive:
      env_.counters.add(Counter::sip_keepalive);
      return;
    case ParseVerdict::kGarbage:
      env_.counters.add(Counter::drop_sip_malformed);
      return;
    case ParseVerdict::kBadRequest:
      env_.counters.add(Counter::sip_received);
      refuse_unread(message, path, {.status = outcome.status, .reason = outcome.reason});
      return;
    case ParseVerdict::kOk:
      break;
  }
  env_.counters.add(Counter::sip_received);
  if (message.is_request()) {
    server_transactions_.receive(message, path);
    return;
  }
  const bool taken = is_ours(message) &&
                     (client_transactions_.receive(message) ||
                      std::any_of(others_.begin(), others_.end(), [&](ClientTransactions* others) {
                        return others->receive(message);
                      }));
  if (!taken) env_.counters.add(Counter::drop_sip_response_stray);
}

void UserAgent::on_unframed(const Path& path, std::span<char> head, int status,
                            std::string_view reason) {
  Message message;
  const ParseVerdict verdict = Parser::parse(head, message).verdict;
  const bool usable = verdict == ParseVerdict::kOk || verdict == ParseVerdict::kBadRequest;
  if (!usable || !message.is_request()) return;
  env_.counters.add(Counter::sip_received);
  refuse_unread(message, path, {.status = status, .reason = reason});
}

void UserAgent::refuse_unread(const Message& request, const Path& path, const Reply& reply) {
  if (handler_.hides_from(path))
    env_.counters.add(Counter::drop_sip_unanswered);
  else
    server_transactions_.respond_stateless(request, path, reply);
}

void UserAgent::on_connection_lost(const Path& path, bool was_open) {
  client_transactions_.connection_lost(path, was_open);
  for (ClientTransactions* others : others_) others->connection_lost(path, was_open);
}

std::pair<SessionId, InviteSession*> UserAgent::make_session(const Path& path) {
  auto [handle, session] = sessions_.make(static_cast<SessionHost&>(*this), path);
  if (session == nullptr) {
    env_.counters.add(Counter::drop_sip_no_memory);
    return {{}, nullptr};
  }
  session->bind({handle});
  return {{handle}, session};
}

std::uint32_t UserAgent::open_sessions() {
  std::uint32_t open = 0;
  sessions_.each([&](base::Handle, const InviteSession& session) {
    open += session.state() != InviteSession::State::kOver ? 1 : 0;
  });
  return open;
}

void UserAgent::last_words() {
  sessions_.each([](base::Handle, InviteSession& session) { session.last_words(); });
}

void UserAgent::tidy() {
  // A dropped session may end others' timers but makes none over: one pass is enough.
  for (const SessionId id : over_) {
    InviteSession* session = find(id);
    if (session == nullptr) continue;
    if (session->invite_transaction()) by_origin_.erase(session->origin().low, id.handle);
    sessions_.drop(id.handle);
  }
  over_.clear();
}

void UserAgent::on_response(ClientId id, std::uint64_t cookie, const Message& response) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_response(cookie_exchange(cookie), id, response);
  }
}

void UserAgent::on_timeout(ClientId id, std::uint64_t cookie) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_timeout(cookie_exchange(cookie), id, 408);
  }
}

void UserAgent::on_failure(ClientId id, std::uint64_t cookie) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_timeout(cookie_exchange(cookie), id, 503);
  }
}

void UserAgent::on_client_end(ClientId id, std::uint64_t cookie) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_client_end(cookie_exchange(cookie), id);
  }
}

void UserAgent::session_over(SessionId id) { over_.push_back(id); }

InviteSession* UserAgent::find_dialog(const Message& request) {
  const auto ticket = Ticket::parse(request.to_tag());
  InviteSession* session = ticket ? find({ticket->handle}) : nullptr;
  return session != nullptr && session->owns(request) ? session : nullptr;
}

InviteSession* UserAgent::find_replaced(const Replaces& replaces) {
  const auto ticket = Ticket::parse(replaces.to_tag);
  InviteSession* session = ticket ? find({ticket->handle}) : nullptr;
  const bool meant = session != nullptr &&
                     session->has_dialog(replaces.call_id, replaces.to_tag, replaces.from_tag);
  return meant ? session : nullptr;
}

bool UserAgent::refuse(ServerId id, const Message& request) {
  if (request.method() != Method::kOptions && request.max_forwards() == 0u) {
    server_transactions_.respond(id, {.status = 483, .to_tag = env_.random.token()});
    return true;
  }
  // §8.2.2.3. Proxy-Require is for proxies.
  std::string unsupported;
  each_value(request, HeaderId::kRequire, [&](std::string_view option) {
    if (supports(env_, option)) return;
    if (request.method() == Method::kRegister && base::iequals(option, kPathOption)) return;
    if (!unsupported.empty()) unsupported += ", ";
    unsupported += option;
  });
  if (!unsupported.empty()) {
    const HeaderLine lines[] = {{HeaderId::kUnsupported, unsupported}};
    server_transactions_.respond(id,
                                 {.status = 420, .to_tag = env_.random.token(), .headers = lines});
    return true;
  }
  if (request.method() == Method::kInvite && !takes_sdp(request)) {  // §21.4.7
    server_transactions_.respond(id, {.status = 406, .to_tag = env_.random.token()});
    return true;
  }
  if (!may_offer(request.method()) || request.body().empty()) return false;
  const auto encoding = request.value(HeaderId::kContentEncoding);
  const bool plain = encoding.empty() || base::iequals(encoding, "identity");
  if (plain && carries_sdp(request.value(HeaderId::kContentType), request.body())) return false;
  const HeaderLine lines[] = {{HeaderId::kAccept, kAcceptedTypes},
                              {HeaderId::kAcceptEncoding, "identity"}};
  server_transactions_.respond(id,
                               {.status = 415, .to_tag = env_.random.token(), .headers = lines});
  return true;
}

// It is for an INVITE that has been let in. Whoever sent that has proven who it is, and there are
// no credentials for a CANCEL (RFC 3261 §22.1).
bool UserAgent::cancels(const Message& request) {
  if (request.method() != Method::kCancel) return false;
  return server_transactions_.invite_of(request) || find_origin(origin_of(request)) != nullptr;
}

int UserAgent::refuse_at_the_door(const Message& request, const Path& path) {
  std::optional<DoorAnswer> answer;
  if (request.method() == Method::kRegister && registers_ != nullptr) {
    answer = registers_->refuse(request, path);
  } else if (!request.to_tag().empty()) {
    if (find_dialog(request) != nullptr) return 0;
    answer.emplace(DoorAnswer{.status = handler_.hides_from(path) ? kSilence : 481});
  } else if (!handler_.knows(path) && !cancels(request)) {
    if (handler_.hides_from(path))
      answer.emplace(DoorAnswer{.status = kSilence});
    else
      answer = handler_.refuse_stranger(request, path);
  }
  if (!answer) return 0;
  if (answer->status == kSilence) {
    env_.counters.add(Counter::drop_sip_unanswered);
    return kAnsweredAtTheDoor;
  }
  const auto lines = lines_of(*answer);
  server_transactions_.respond_stateless(
      request, path, {.status = answer->status, .reason = answer->reason, .headers = lines});
  return kAnsweredAtTheDoor;
}

void UserAgent::on_request(ServerId id, const Message& request, const Path& path) {
  if (InviteSession* session = request.to_tag().empty() ? nullptr : find_dialog(request)) {
    const bool checked = may_offer(request.method()) || is_relayed(request.method());
    if (!checked || !refuse(id, request)) session->on_request(id, request);
    return;
  }
  if (refuse(id, request)) return;
  if (request.method() == Method::kInvite) {
    on_new_invite(id, request, path);
    return;
  }
  if (request.method() == Method::kRegister && registers_ != nullptr) {
    answer_register(id, request, path);
    return;
  }
  answer_outside(id, request);
}

void UserAgent::answer_register(ServerId id, const Message& request, const Path& path) {
  const auto answer = registers_->take(request, path);
  const auto lines = lines_of(answer);
  server_transactions_.respond(id, {.status = answer.status,
                                    .reason = answer.reason,
                                    .to_tag = env_.random.token(),
                                    .headers = lines});
}

// What reaches us outside a dialog and is no call.
void UserAgent::answer_outside(ServerId id, const Message& request) {
  const auto tag = env_.random.token();
  const HeaderLine abilities[] = {
      {HeaderId::kAllow, env_.allow},          {HeaderId::kAccept, kAcceptedTypes},
      {HeaderId::kAcceptEncoding, "identity"}, {HeaderId::kAcceptLanguage, "en"},
      {HeaderId::kSupported, env_.supported},  {HeaderId::kAllowEvents, env_.allow_events}};
  const HeaderLine outside[] = {
      {HeaderId::kAllow, registers_ != nullptr ? kAllowedWithRegister : kAllowedOutside}};
  Reply reply{.status = 405, .to_tag = tag, .headers = outside};
  switch (request.method()) {
    case Method::kOptions:  // §11.2
      reply.status = 200;
      reply.headers = std::span(abilities, env_.allow_events.empty() ? 5 : 6);
      break;
    // Of a dialog by their nature, and there is none.
    case Method::kBye:
    case Method::kPrack:
    case Method::kUpdate:
    case Method::kInfo:    // RFC 6086 §4.2.2
    case Method::kNotify:  // RFC 6665 §4.1.3
      reply.status = 481;
      reply.headers = {};
      break;
    case Method::kOther:
      reply.status = 501;
      break;
    default:
      break;
  }
  server_transactions_.respond(id, reply);
}

base::KeyedHash::Digest UserAgent::origin_of(const Message& request) const {
  base::KeyedHash hash(secret_);
  hash << request.call_id() << request.from_tag() << std::uint64_t{request.cseq().number};
  return hash.digest();
}

InviteSession* UserAgent::find_origin(const base::KeyedHash::Digest& origin) {
  const base::Handle found = by_origin_.find(origin.low, [&](base::Handle handle) {
    InviteSession* session = sessions_.find(handle);
    return session != nullptr && session->origin() == origin &&
           server_transactions_.live(session->invite_transaction());
  });
  return sessions_.find(found);
}

void UserAgent::on_new_invite(ServerId id, const Message& invite, const Path& path) {
  const auto tag = Ticket{sessions_.next(), env_.random.next()}.text();
  const auto origin = origin_of(invite);
  // §8.2.2.2: a copy that took another way; or our own call that has come back.
  if (find_origin(origin) != nullptr || is_looped(env_, invite)) {
    server_transactions_.respond(id, {.status = 482, .to_tag = tag});
    return;
  }
  auto dialog = Dialog::from_invite(invite, tag, path);
  if (!dialog) {
    server_transactions_.respond(
        id, {.status = 400, .reason = "Bad or Missing Contact", .to_tag = tag});
    return;
  }
  auto [handle, session] =
      sessions_.make(static_cast<SessionHost&>(*this), id, invite, *std::move(dialog));
  if (session == nullptr) {
    env_.counters.add(Counter::drop_sip_no_memory);
    server_transactions_.respond(id, {.status = 503, .to_tag = tag});
    return;
  }
  session->bind({handle});
  session->set_origin(origin);
  by_origin_.insert(origin.low, handle);
  server_transactions_.tie(id, handle.raw);
  handler_.on_invite({handle}, *session, invite, path);
}

void UserAgent::on_cancel(ServerId invite, ServerId cancel, const Message& request,
                          const Path& path) {
  InviteSession* session = nullptr;
  if (invite) {
    session = find({base::Handle{server_transactions_.cookie(invite)}});
  } else {
    // Peers that make up another branch, or another Via, for their CANCEL: the rest says which
    // INVITE they mean, and only whoever sent that may take it back.
    session = find_origin(origin_of(request));
    const bool theirs =
        session != nullptr && session->dialog().path.remote.address == path.remote.address;
    if (!theirs || session->state() != InviteSession::State::kIncoming) {
      server_transactions_.respond(cancel, {.status = 481, .to_tag = env_.random.token()});
      return;
    }
    invite = session->invite_transaction();
  }
  if (session == nullptr) {
    server_transactions_.respond(cancel, {.status = 200, .to_tag = env_.random.token()});
    return;
  }
  server_transactions_.respond(cancel, {.status = 200, .to_tag = session->dialog().local_tag});
  session->on_cancel(invite, request);
}

void UserAgent::on_ack(const Message& ack, const Path&) {
  if (InviteSession* session = find_dialog(ack))
    session->on_ack(ack);
  else
    env_.counters.add(Counter::drop_sip_ack_stray);
}

}  // namespace tandem::sip
