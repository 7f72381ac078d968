#include "controlplane/sip/server_transactions.h"

#include <algorithm>
#include <optional>

#include "controlplane/sip/builder.h"
#include "controlplane/sip/ticket.h"

namespace tandem::sip {
namespace {

// §18.2.2 and RFC 3581 §4: to the source address; to its port when rport was asked for, else to the
// port of sent-by. Over a stream: on the connection that the request came on, else on a new one to
// the port of sent-by.
Path response_path(const Message& request, const Path& path) {
  Path out = path;
  const Via& via = request.top_via();
  if (is_reliable(path.protocol) || !via.rport) {
    out.remote.port = via.port != 0 ? via.port : default_port(path.protocol);
  }
  return out;
}

TransactionEvent event_of(int status) {
  if (status < 200) return TransactionEvent::k1xx;
  return status < 300 ? TransactionEvent::k2xx : TransactionEvent::k3xxTo6xx;
}

}  // namespace

ServerTransactions::ServerTransactions(Environment& env, ServerUser& user)
    : env_(env),
      user_(user),
      slab_(env.limits.transactions),
      secret_{env.random.next(), env.random.next()},
      by_key_(env.limits.transactions) {}

base::KeyedHash::Digest ServerTransactions::key_of(const Message& request,
                                                   std::string_view method) const {
  const Via& via = request.top_via();
  base::KeyedHash hash(secret_);
  hash << via.branch;
  // Without the magic cookie (RFC 2543 peers): what their rules compare. The bare cookie is no
  // branch (RFC 4475 §3.2.1): all such peers' requests would be one.
  const bool is_2543 =
      !via.branch.starts_with(kMagicCookie) || via.branch.size() == kMagicCookie.size();
  if (is_2543) {
    hash << request.request_uri() << request.call_id() << request.from_tag()
         << std::uint64_t{request.cseq().number};
  }
  hash << via.host << std::uint64_t{via.port} << method;
  return hash.digest();
}

ServerId ServerTransactions::find(const base::KeyedHash::Digest& key) {
  return {by_key_.find(key.low, [&](base::Handle handle) {
    const Transaction* t = slab_.find(handle);
    return t != nullptr && t->key == key;
  })};
}

// Of what identifies a request, so that repeating it brings the same tag.
std::string ServerTransactions::stateless_tag(const Message& request) const {
  const auto key = key_of(request, request.method_name());
  base::KeyedHash hash(secret_);
  hash << key.low << key.high << request.call_id();
  return Ticket{{}, hash.digest().low}.text();
}

void ServerTransactions::receive(const Message& request, const Path& path) {
  const bool is_ack = request.method() == Method::kAck;
  const auto key = key_of(request, is_ack ? "INVITE" : request.method_name());
  if (const ServerId known = find(key)) {
    receive_again(known, request, path);
    return;
  }
  if (is_ack) {
    user_.on_ack(request, path);
    return;
  }
  if (const int status = user_.refuse_at_the_door(request, path)) {
    if (status != kAnsweredAtTheDoor) respond_stateless(request, path, {.status = status});
    return;
  }
  auto head = ResponseHead::of(request, path.remote);
  if (!head) {  // nothing could be answered to it
    env_.counters.add(wire::Counter::drop_sip_malformed);
    return;
  }
  const auto kind = request.method() == Method::kInvite ? TransactionKind::kInviteServer
                                                        : TransactionKind::kServer;
  auto [handle, t] = slab_.make(Transaction{.kind = kind,
                                            .state = first_state(kind),
                                            .path = response_path(request, path),
                                            .key = key,
                                            .head = *std::move(head)});
  if (t == nullptr) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    respond_stateless(request, path, {.status = 503});
    return;
  }
  by_key_.insert(key.low, handle);
  if (request.method() == Method::kCancel)
    user_.on_cancel(find(key_of(request, "INVITE")), {handle}, request, path);
  else
    user_.on_request({handle}, request, path);
}

void ServerTransactions::receive_again(ServerId id, const Message& request, const Path& path) {
  if (request.method() != Method::kAck) {
    // Its sender's connection was lost, and this is the one it waits on now.
    if (is_reliable(path.protocol)) slab_.find(id.handle)->path = response_path(request, path);
    apply(id, TransactionEvent::kRequestAgain, {});
    return;
  }
  const bool passes = slab_.find(id.handle)->state == TransactionState::kAccepted;
  apply(id, TransactionEvent::kAck, {});
  if (passes) user_.on_ack(request, path);
}

bool ServerTransactions::respond(ServerId id, const Reply& reply) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr || t->head.empty()) return true;
  auto text = t->head.build(reply);
  const bool built = text.has_value();
  int status = reply.status;
  if (!built) {  // too long for a datagram, or an injection attempt in a value we relay
    env_.counters.add(wire::Counter::drop_sip_send);
    if (status < 200) return false;
    status = 500;
    text = t->head.build({.status = 500, .to_tag = reply.to_tag});
    if (!text) return false;
  }
  if (status >= 400) env_.counters.add(wire::Counter::sip_refused);
  apply(id, event_of(status), *text);
  return built;
}

bool ServerTransactions::resend(ServerId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr || t->response.empty()) return false;
  env_.counters.add(wire::Counter::sip_retransmitted);
  send_counted(env_, t->path, t->response);
  return true;
}

void ServerTransactions::acknowledged(ServerId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr || t->state != TransactionState::kAccepted) return;
  t->head.clear();
  std::string().swap(t->response);
}

void ServerTransactions::tie(ServerId id, std::uint64_t cookie) {
  if (Transaction* t = slab_.find(id.handle)) t->cookie = cookie;
}

std::uint64_t ServerTransactions::cookie(ServerId id) {
  const Transaction* t = slab_.find(id.handle);
  return t != nullptr ? t->cookie : 0;
}

void ServerTransactions::respond_stateless(const Message& request, const Path& path,
                                           const Reply& reply) {
  if (request.method() == Method::kAck) return;  // §8.2.7: never answered
  const auto tag = stateless_tag(request);
  Reply tagged = reply;
  tagged.to_tag = tag;
  const auto head = ResponseHead::of(request, path.remote);
  const auto text = head ? head->build(tagged) : std::nullopt;
  if (!text) {
    env_.counters.add(wire::Counter::drop_sip_malformed);
    return;
  }
  env_.counters.add(wire::Counter::sip_refused);
  send_counted(env_, response_path(request, path), *text);
}

void ServerTransactions::fire(ServerId id, TransactionEvent event) {
  env_.counters.add(wire::Counter::timer_fired);
  apply(id, event, {});
}

void ServerTransactions::apply(ServerId id, TransactionEvent event, std::string_view response) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  const Transition* to = transition(t->kind, t->state, event);
  if (to == nullptr) return;
  t->state = to->next;
  const Actions actions = to->actions;
  if (actions & kCountAbsorbed) env_.counters.add(wire::Counter::sip_absorbed);
  if (actions & kSend) send(*t, response);
  if ((actions & kResend) && !t->response.empty()) {
    env_.counters.add(wire::Counter::sip_retransmitted);
    send_counted(env_, t->path, t->response);
  }
  if (actions & kStopRetransmit) env_.wheel.cancel(t->retransmit);
  const bool reliable = is_reliable(t->path.protocol);
  if ((actions & kArmRetransmit) && !reliable) arm_retransmit(id, *t);
  if (actions & kArmLife64T1) arm_life(id, *t, env_.timers.life());
  if (actions & kArmLifeT4) arm_life(id, *t, env_.timers.t4);
  if (to->next == TransactionState::kConfirmed) std::string().swap(t->response);
  // §17.2.1, §17.2.2: timers I and J are zero where nothing is repeated.
  const bool answered =
      to->next == TransactionState::kConfirmed ||
      (t->kind == TransactionKind::kServer && to->next == TransactionState::kCompleted);
  if (to->next == TransactionState::kTerminated || (reliable && answered)) end(id);
}

void ServerTransactions::send(Transaction& t, std::string_view response) {
  // Room for just this: a response that stays longest comes last.
  std::string(response).swap(t.response);
  send_counted(env_, t.path, t.response);
  if (t.state == TransactionState::kCompleted) t.head.clear();
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
  by_key_.erase(t->key.low, id.handle);
  slab_.drop(id.handle);
}

}  // namespace tandem::sip
