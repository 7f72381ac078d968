#include "controlplane/sip/server_transactions.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "controlplane/sip/builder.h"
#include "controlplane/sip/parser.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kMagicCookie = "z9hG4bK";

// §17.2.3. With the magic cookie: branch, sent-by, method. Without it (RFC 2543 peers): what their
// rules compare.
std::string key_of(const Message& request, std::string_view method) {
  const Via& via = request.top_via();
  std::string key;
  key.reserve(128);
  // The bare cookie is no branch (RFC 4475 §3.2.1): all such peers' requests would be one.
  if (via.branch.starts_with(kMagicCookie) && via.branch.size() > kMagicCookie.size()) {
    key.append(via.branch);
  } else {
    key.append(request.request_uri()).append("|").append(request.call_id());
    key.append("|").append(request.from_tag());
    key.append("|").append(std::to_string(request.cseq().number));
    key.append("|").append(via.branch);
  }
  key.append("|").append(via.host).append(":").append(std::to_string(via.port));
  key.append("|").append(method);
  return key;
}

// §18.2.2 and RFC 3581 §4: to the source address; to its port when rport was asked for, else to the
// port of sent-by.
base::Endpoint response_target(const Message& request, const base::Endpoint& source) {
  base::Endpoint target = source;
  const Via& via = request.top_via();
  if (!via.rport) target.port = via.port != 0 ? via.port : 5060;
  return target;
}

TransactionEvent event_of(int status) {
  if (status < 200) return TransactionEvent::k1xx;
  return status < 300 ? TransactionEvent::k2xx : TransactionEvent::k3xxTo6xx;
}

std::optional<std::string> build(const Message& request, const base::Endpoint& source,
                                 const Reply& reply) {
  const auto reason = reply.reason.empty() ? reason_phrase(reply.status) : reply.reason;
  Builder out = start_response(message_scratch(), request, source.address.text(), source.port,
                               reply.status, reason, reply.to_tag);
  // §12.1.1: what makes a dialog copies Record-Route.
  const bool makes_dialog =
      request.method() == Method::kInvite && reply.status > 100 && reply.status < 300;
  if (makes_dialog) out.copy(request, HeaderId::kRecordRoute);
  for (const HeaderLine& line : reply.headers) out.header(line.id, line.value);
  const auto text = out.finish(reply.content_type, reply.body);
  if (!text) return std::nullopt;
  return std::string(*text);
}

// Of what identifies a request, so that repeating it brings the same tag.
std::string stateless_tag(const Message& request) {
  const auto hash = std::hash<std::string>{}(key_of(request, request.method_name()) +
                                             std::string(request.call_id()));
  char digits[17];
  const auto end = std::to_chars(digits, digits + sizeof digits, hash, 16).ptr;
  return std::string(digits, end);
}

}  // namespace

ServerTransactions::ServerTransactions(Environment& env, ServerUser& user)
    : env_(env), user_(user), slab_(env.limits.transactions) {
  retransmit_door_.owner = this;
  retransmit_door_.event = TransactionEvent::kRetransmitTimer;
  life_door_.owner = this;
  life_door_.event = TransactionEvent::kLifeTimer;
}

void ServerTransactions::receive(const Message& request, std::string_view bytes, const Path& path) {
  const bool is_ack = request.method() == Method::kAck;
  auto key = key_of(request, is_ack ? "INVITE" : request.method_name());
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const ServerId id{found->second};
    Transaction* t = slab_.find(id.handle);
    const bool passes_ack = is_ack && t->state == TransactionState::kAccepted;
    apply(id, is_ack ? TransactionEvent::kAck : TransactionEvent::kRequestAgain, nullptr);
    if (passes_ack) user_.on_ack(request, path);
    return;
  }
  if (is_ack) {
    user_.on_ack(request, path);
    return;
  }
  if (const int status = user_.refuse_at_the_door(request, path)) {
    respond_stateless(request, path, {.status = status});
    return;
  }
  const auto kind = request.method() == Method::kInvite ? TransactionKind::kInviteServer
                                                        : TransactionKind::kServer;
  auto [handle, t] =
      slab_.make(Transaction{.kind = kind,
                             .state = first_state(kind),
                             .path = {path.local, response_target(request, path.remote)},
                             .source = path.remote,
                             .key = std::move(key),
                             .request = std::string(bytes)});
  if (t == nullptr) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    respond_stateless(request, path, {.status = 503});
    return;
  }
  by_key_[t->key] = handle;
  if (request.method() == Method::kCancel)
    receive_cancel(request, {handle});
  else
    user_.on_request({handle}, request, path);
}

void ServerTransactions::receive_cancel(const Message& cancel, ServerId own) {
  const auto invite = by_key_.find(key_of(cancel, "INVITE"));
  if (invite != by_key_.end()) {
    user_.on_cancel({invite->second}, own);
    return;
  }
  respond(own, {.status = 481, .to_tag = stateless_tag(cancel)});
}

bool ServerTransactions::respond(ServerId id, const Reply& reply) {
  std::string bytes;
  Message request;
  if (!this->request(id, bytes, request)) return true;
  auto text = build(request, slab_.find(id.handle)->source, reply);
  const bool built = text.has_value();
  int status = reply.status;
  if (!built) {  // too long for a datagram, or an injection attempt in a value we relay
    env_.counters.add(wire::Counter::drop_sip_send);
    if (status < 200) return false;
    status = 500;
    text = build(request, slab_.find(id.handle)->source, {.status = 500, .to_tag = reply.to_tag});
    if (!text) return false;
  }
  if (status >= 400) env_.counters.add(wire::Counter::sip_refused);
  apply(id, event_of(status), &*text);
  return built;
}

bool ServerTransactions::resend(ServerId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr || t->response.empty()) return false;
  env_.counters.add(wire::Counter::sip_retransmitted);
  send_counted(env_, t->path, t->response);
  return true;
}

bool ServerTransactions::request(ServerId id, std::string& bytes, Message& message) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return false;
  bytes = t->request;
  return Parser::parse({bytes.data(), bytes.size()}, message).verdict == ParseVerdict::kOk;
}

void ServerTransactions::respond_stateless(const Message& request, const Path& path,
                                           const Reply& reply) {
  if (request.method() == Method::kAck) return;  // §8.2.7: never answered
  const auto tag = stateless_tag(request);
  Reply tagged = reply;
  tagged.to_tag = tag;
  const auto text = build(request, path.remote, tagged);
  if (!text) {
    env_.counters.add(wire::Counter::drop_sip_malformed);
    return;
  }
  env_.counters.add(wire::Counter::sip_refused);
  send_counted(env_, {path.local, response_target(request, path.remote)}, *text);
}

void ServerTransactions::fire(ServerId id, TransactionEvent event) {
  env_.counters.add(wire::Counter::timer_fired);
  apply(id, event, nullptr);
}

void ServerTransactions::apply(ServerId id, TransactionEvent event, std::string* response) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  const Transition* to = transition(t->kind, t->state, event);
  if (to == nullptr) return;
  t->state = to->next;
  const Actions actions = to->actions;
  if (actions & kCountAbsorbed) env_.counters.add(wire::Counter::sip_absorbed);
  if (actions & kSend) {
    t->response = std::move(*response);
    send_counted(env_, t->path, t->response);
  }
  if ((actions & kResend) && !t->response.empty()) {
    env_.counters.add(wire::Counter::sip_retransmitted);
    send_counted(env_, t->path, t->response);
  }
  if (actions & kStopRetransmit) env_.wheel.cancel(t->retransmit);
  if (actions & kArmRetransmit) arm_retransmit(id, *t);
  if (actions & kArmLife64T1) arm_life(id, *t, env_.timers.life());
  if (actions & kArmLifeT4) arm_life(id, *t, env_.timers.t4);
  if (to->next == TransactionState::kTerminated) end(id);
}

// Timer G (§17.2.1): T1, doubling up to T2.
void ServerTransactions::arm_retransmit(ServerId id, Transaction& t) {
  t.gap = t.gap == Nanos{} ? env_.timers.t1 : std::min(2 * t.gap, env_.timers.t2);
  t.retransmit = env_.wheel.arm(env_.wheel.now() + t.gap, retransmit_door_, id.handle.raw);
}

void ServerTransactions::arm_life(ServerId id, Transaction& t, Nanos after) {
  env_.wheel.cancel(t.life);
  t.life = env_.wheel.arm(env_.wheel.now() + after, life_door_, id.handle.raw);
}

void ServerTransactions::end(ServerId id) {
  Transaction* t = slab_.find(id.handle);
  env_.wheel.cancel(t->retransmit);
  env_.wheel.cancel(t->life);
  by_key_.erase(t->key);
  slab_.drop(id.handle);
}

}  // namespace tandem::sip
