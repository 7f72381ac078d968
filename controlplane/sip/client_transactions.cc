#include "controlplane/sip/client_transactions.h"

#include "controlplane/sip/builder.h"
#include "controlplane/sip/parser.h"

namespace tandem::sip {
namespace {

std::string key_of(std::string_view branch, std::string_view method) {
  std::string key(branch);
  key += '|';
  key += method;
  return key;
}

TransactionEvent event_of(int status) {
  if (status < 200) return TransactionEvent::k1xx;
  return status < 300 ? TransactionEvent::k2xx : TransactionEvent::k3xxTo6xx;
}

// ACK to a 300–699 (§17.1.1.3) and CANCEL (§9.1) alike: the INVITE's Request-URI, top Via, From,
// Call-ID, CSeq number and Route; only the To differs.
std::optional<std::string> follow_up(const std::string& invite_bytes, Method method,
                                     std::string_view to) {
  std::string bytes = invite_bytes;
  Message invite;
  if (Parser::parse({bytes.data(), bytes.size()}, invite).verdict != ParseVerdict::kOk) {
    return std::nullopt;
  }
  Builder out(message_scratch());
  std::string_view vias = invite.value(HeaderId::kVia);
  out.request(method_name(method), invite.request_uri())
      .header(HeaderId::kVia, next_value(vias))
      .copy(invite, HeaderId::kRoute)
      .header(HeaderId::kMaxForwards, 70)
      .header(HeaderId::kFrom, invite.value(HeaderId::kFrom))
      .header(HeaderId::kTo, to.empty() ? invite.value(HeaderId::kTo) : to)
      .header(HeaderId::kCallId, invite.call_id())
      .pieces(HeaderId::kCSeq, std::uint64_t{invite.cseq().number}, ' ', method_name(method));
  const auto text = out.finish();
  if (!text) return std::nullopt;
  return std::string(*text);
}

}  // namespace

ClientTransactions::ClientTransactions(Environment& env, ClientUser& user)
    : env_(env), user_(user), slab_(env.limits.transactions + env.limits.transactions / 4) {
  retransmit_door_.owner = this;
  retransmit_door_.event = TransactionEvent::kRetransmitTimer;
  life_door_.owner = this;
  life_door_.event = TransactionEvent::kLifeTimer;
}

ClientId ClientTransactions::make(TransactionKind kind, std::string branch, std::string_view method,
                                  std::uint64_t cookie, const Path& path) {
  auto key = key_of(branch, method);
  auto [handle, t] = slab_.make(Transaction{.kind = kind,
                                            .state = first_state(kind),
                                            .cookie = cookie,
                                            .path = path,
                                            .branch = std::move(branch),
                                            .key = std::move(key),
                                            .request = {}});
  if (t == nullptr) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    return {};
  }
  by_key_[t->key] = handle;
  return {handle};
}

ClientId ClientTransactions::begin(Method method, std::uint64_t cookie, const Path& path) {
  // The last fifth of the room is for ending what has begun: BYE and CANCEL.
  if (method == Method::kInvite && slab_.live() >= env_.limits.transactions) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    return {};
  }
  const auto kind =
      method == Method::kInvite ? TransactionKind::kInviteClient : TransactionKind::kClient;
  // The magic cookie of §8.1.1.7, the shard's mark, and enough randomness not to be guessed.
  return make(kind, "z9hG4bKs" + std::to_string(env_.shard) + "-" + env_.random.token(),
              method_name(method), cookie, path);
}

std::string ClientTransactions::via(ClientId id) const {
  auto* t = const_cast<ClientTransactions*>(this)->slab_.find(id.handle);
  CHECK(t != nullptr);
  return "SIP/2.0/UDP " + t->path.local.text() + ";branch=" + t->branch + ";rport";
}

bool ClientTransactions::send(ClientId id, std::string request) {
  Transaction* t = slab_.find(id.handle);
  CHECK(t != nullptr && t->request.empty());
  if (request.empty()) {
    env_.counters.add(wire::Counter::drop_sip_send);
    t->cookie = 0;
    end(id);
    return false;
  }
  t->request = std::move(request);
  send_counted(env_, t->path, t->request);
  arm_retransmit(id, *t);
  arm_life(id, *t, env_.timers.life());
  return true;
}

void ClientTransactions::cancel(ClientId invite) {
  Transaction* t = slab_.find(invite.handle);
  if (t == nullptr || t->state != TransactionState::kProceeding) return;
  arm_life(invite, *t, env_.timers.life());
  auto bytes = follow_up(t->request, Method::kCancel, {});
  if (!bytes) {
    env_.counters.add(wire::Counter::drop_sip_send);
    return;
  }
  const Path path = t->path;
  const ClientId id = make(TransactionKind::kClient, t->branch, "CANCEL", 0, path);
  if (id) send(id, *std::move(bytes));
}

void ClientTransactions::stop_retransmitting(ClientId id) {
  if (Transaction* t = slab_.find(id.handle)) env_.wheel.cancel(t->retransmit);
}

bool ClientTransactions::receive(const Message& response, const Path& path) {
  const auto found = by_key_.find(key_of(response.top_via().branch, response.cseq().method_name));
  if (found == by_key_.end()) return false;
  apply({found->second}, event_of(response.status()), &response, &path);
  return true;
}

void ClientTransactions::fire(ClientId id, TransactionEvent event) {
  env_.counters.add(wire::Counter::timer_fired);
  apply(id, event, nullptr, nullptr);
}

void ClientTransactions::apply(ClientId id, TransactionEvent event, const Message* response,
                               const Path* path) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  const Transition* to = transition(t->kind, t->state, event);
  if (to == nullptr) return;
  t->state = to->next;
  const Actions actions = to->actions;
  if (actions & kCountAbsorbed) env_.counters.add(wire::Counter::sip_absorbed);
  if (actions & kSendAck) send_ack(*t, *response);
  if (actions & kResend) {
    env_.counters.add(wire::Counter::sip_retransmitted);
    send_counted(env_, t->path, t->request);
  }
  if (actions & kStopRetransmit) env_.wheel.cancel(t->retransmit);
  if (actions & kArmRetransmit) arm_retransmit(id, *t);
  if (actions & kStopLife) env_.wheel.cancel(t->life);
  if (actions & kArmLife64T1) arm_life(id, *t, env_.timers.life());
  if (actions & kArmLifeD) arm_life(id, *t, env_.timers.d);
  if (actions & kArmLifeT4) arm_life(id, *t, env_.timers.t4);
  const std::uint64_t cookie = t->cookie;
  const bool over = to->next == TransactionState::kTerminated;
  if (cookie != 0 && (actions & kPass)) user_.on_response(cookie, *response, *path);
  if (cookie != 0 && (actions & kTellTimeout)) user_.on_timeout(cookie);
  if (over) end(id);
}

void ClientTransactions::arm_retransmit(ClientId id, Transaction& t) {
  const auto& gaps = env_.timers.resend_gaps;
  if (t.resends >= gaps.size()) return;
  // §17.1.2.2: a non-INVITE request that has a provisional response is retransmitted each T2.
  const bool proceeding = t.state == TransactionState::kProceeding;
  const Nanos gap = proceeding ? env_.timers.t2 : gaps[t.resends];
  ++t.resends;
  t.retransmit = env_.wheel.arm(env_.wheel.now() + gap, retransmit_door_, id.handle.raw);
}

void ClientTransactions::arm_life(ClientId id, Transaction& t, Nanos after) {
  env_.wheel.cancel(t.life);
  t.life = env_.wheel.arm(env_.wheel.now() + after, life_door_, id.handle.raw);
}

void ClientTransactions::send_ack(const Transaction& t, const Message& response) {
  if (const auto bytes = follow_up(t.request, Method::kAck, response.value(HeaderId::kTo))) {
    send_counted(env_, t.path, *bytes);
  } else {
    env_.counters.add(wire::Counter::drop_sip_send);
  }
}

void ClientTransactions::end(ClientId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  env_.wheel.cancel(t->retransmit);
  env_.wheel.cancel(t->life);
  const std::uint64_t cookie = t->cookie;
  by_key_.erase(t->key);
  slab_.drop(id.handle);
  if (cookie != 0) user_.on_client_end(cookie);
}

}  // namespace tandem::sip
