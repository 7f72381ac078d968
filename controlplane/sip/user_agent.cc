#include "controlplane/sip/user_agent.h"

#include <array>

#include "controlplane/sip/parser.h"
#include "drivers/base/log.h"
#include "drivers/base/text.h"

namespace tandem::sip {

using wire::Counter;

namespace {

constexpr std::string_view kSdpType = "application/sdp";

// A Content-Type's media type without its parameters.
bool is_sdp(std::string_view content_type) {
  return base::iequals(base::trim(base::split_first(content_type, ';')), kSdpType);
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
      sessions_(environment.limits.sessions) {}

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
      server_transactions_.respond_stateless(message, path,
                                             {.status = outcome.status, .reason = outcome.reason});
      return;
    case ParseVerdict::kOk:
      break;
  }
  env_.counters.add(Counter::sip_received);
  if (message.is_request()) {
    server_transactions_.receive(message, {bytes.data(), bytes.size()}, path);
  } else if (!is_ours(message) || !client_transactions_.receive(message, path)) {
    env_.counters.add(Counter::drop_sip_response_stray);
  }
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
    const auto named = by_tag_.find(session->dialog().local_tag);
    if (named != by_tag_.end() && named->second.handle == id.handle) by_tag_.erase(named);
    by_invite_.erase(session->invite_transaction().handle.raw);
    sessions_.drop(id.handle);
  }
  over_.clear();
}

void UserAgent::on_response(std::uint64_t cookie, const Message& response, const Path&) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_response(cookie_exchange(cookie), response);
  }
}

void UserAgent::on_timeout(std::uint64_t cookie) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_timeout(cookie_exchange(cookie));
  }
}

void UserAgent::on_client_end(std::uint64_t cookie) {
  if (InviteSession* session = find(cookie_session(cookie))) {
    session->on_client_end(cookie_exchange(cookie));
  }
}

void UserAgent::session_over(SessionId id) { over_.push_back(id); }

void UserAgent::tag_in_use(const std::string& local_tag, SessionId id) { by_tag_[local_tag] = id; }

InviteSession* UserAgent::find_dialog(const Message& request) {
  const auto named = by_tag_.find(std::string(request.to_tag()));
  InviteSession* session = named == by_tag_.end() ? nullptr : find(named->second);
  if (session == nullptr || session->state() == InviteSession::State::kOver) return nullptr;
  const Dialog& dialog = session->dialog();
  const bool same = dialog.call_id == request.call_id() && dialog.remote_tag == request.from_tag();
  return same ? session : nullptr;
}

bool UserAgent::refuse(ServerId id, const Message& request) {
  const auto tag = env_.random.token();
  if (request.method() != Method::kOptions && request.max_forwards() == 0u) {
    server_transactions_.respond(id, {.status = 483, .to_tag = tag});
    return true;
  }
  // §8.2.2.3: we have no extensions that a peer could require. Proxy-Require is for proxies.
  std::string unsupported;
  each_value(request, HeaderId::kRequire, [&](std::string_view option) {
    if (!unsupported.empty()) unsupported += ", ";
    unsupported += option;
  });
  if (!unsupported.empty()) {
    const HeaderLine lines[] = {{HeaderId::kUnsupported, unsupported}};
    server_transactions_.respond(id, {.status = 420, .to_tag = tag, .headers = lines});
    return true;
  }
  if (request.method() != Method::kInvite || request.body().empty()) return false;
  const auto encoding = request.value(HeaderId::kContentEncoding);
  const bool plain = encoding.empty() || base::iequals(encoding, "identity");
  if (plain && is_sdp(request.value(HeaderId::kContentType))) return false;
  const HeaderLine lines[] = {{HeaderId::kAccept, kSdpType}};
  server_transactions_.respond(id, {.status = 415, .to_tag = tag, .headers = lines});
  return true;
}

int UserAgent::refuse_at_the_door(const Message& request, const Path& path) {
  if (!request.to_tag().empty()) return find_dialog(request) == nullptr ? 481 : 0;
  if (handler_.knows(path)) return 0;
  // A count and a line for a person, nothing else: anybody can send this.
  env_.counters.add(Counter::sip_unknown_source);
  LOG(kWarning, "sip", "{} from {}: no gateway has this address", request.method_name(),
      path.remote.text());
  return 403;
}

void UserAgent::on_request(ServerId id, const Message& request, const Path& path) {
  if (InviteSession* session = request.to_tag().empty() ? nullptr : find_dialog(request)) {
    const bool offers = request.method() == Method::kInvite;
    if (!offers || !refuse(id, request)) session->on_request(id, request);
    return;
  }
  if (refuse(id, request)) return;
  if (request.method() == Method::kInvite) {
    on_new_invite(id, request, path);
    return;
  }
  const auto tag = env_.random.token();
  const HeaderLine lines[] = {{HeaderId::kAllow, kAllowedMethods}, {HeaderId::kAccept, kSdpType}};
  int status = 405;
  if (request.method() == Method::kOptions)
    status = 200;
  else if (request.method() == Method::kBye)
    status = 481;
  else if (request.method() == Method::kOther)
    status = 501;
  server_transactions_.respond(id, {.status = status, .to_tag = tag, .headers = lines});
}

void UserAgent::on_new_invite(ServerId id, const Message& invite, const Path& path) {
  const auto tag = env_.random.token();
  auto dialog = Dialog::from_invite(invite, tag, path);
  if (!dialog) {
    server_transactions_.respond(
        id, {.status = 400, .reason = "Bad or Missing Contact", .to_tag = tag});
    return;
  }
  auto [handle, session] = sessions_.make(static_cast<SessionHost&>(*this), id, *std::move(dialog));
  if (session == nullptr) {
    env_.counters.add(Counter::drop_sip_no_memory);
    server_transactions_.respond(id, {.status = 503, .to_tag = tag});
    return;
  }
  session->bind({handle});
  by_invite_[id.handle.raw] = {handle};
  handler_.on_invite({handle}, *session, invite, path);
}

void UserAgent::on_cancel(ServerId invite, ServerId cancel) {
  const auto found = by_invite_.find(invite.handle.raw);
  InviteSession* session = found == by_invite_.end() ? nullptr : find(found->second);
  if (session == nullptr) {
    const auto tag = env_.random.token();
    server_transactions_.respond(cancel, {.status = 200, .to_tag = tag});
    return;
  }
  server_transactions_.respond(cancel, {.status = 200, .to_tag = session->dialog().local_tag});
  session->on_cancel();
}

void UserAgent::on_ack(const Message& ack, const Path&) {
  if (InviteSession* session = find_dialog(ack))
    session->on_ack(ack);
  else
    env_.counters.add(Counter::drop_sip_ack_stray);
}

}  // namespace tandem::sip
