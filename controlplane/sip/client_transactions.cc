#include "controlplane/sip/client_transactions.h"

#include <utility>
#include <vector>

#include "controlplane/sip/builder.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

// RFC 3261 §18.1.1, in bytes.
constexpr std::size_t kDatagramMax = 1300;

// How a Via of ours begins.
std::string via_begin(const Path& path) {
  return "SIP/2.0/" + std::string(protocol_name(path.protocol)) + " " + path.local.text();
}

TransactionEvent event_of(int status) {
  if (status < 200) return TransactionEvent::k1xx;
  return status < 300 ? TransactionEvent::k2xx : TransactionEvent::k3xxTo6xx;
}

// ACK to a 300–699 (§17.1.1.3) and CANCEL (§9.1) alike: the INVITE's Request-URI, top Via, From,
// Call-ID, CSeq number and Route; only the To differs. The INVITE is our own, so its lines are read
// as a Builder writes them.
std::optional<std::string> follow_up(std::string_view invite, Method method, std::string_view to,
                                     std::string_view reason = {}) {
  Builder out(message_scratch());
  std::string_view uri = base::split_first(invite, '\n');
  base::split_first(uri, ' ');
  out.request(method_name(method), uri.substr(0, uri.find(' '))).header(HeaderId::kMaxForwards, 70);
  while (!invite.starts_with('\r') && !invite.empty()) {
    std::string_view value = base::split_first(invite, '\n');
    value.remove_suffix(1);
    const std::string_view name = base::split_first(value, ':');
    value.remove_prefix(1);
    switch (const HeaderId id = header_id(name)) {
      case HeaderId::kVia:
      case HeaderId::kRoute:
      case HeaderId::kFrom:
      case HeaderId::kCallId:
        out.header(id, value);
        break;
      case HeaderId::kTo:
        out.header(id, to.empty() ? value : to);
        break;
      case HeaderId::kCSeq:
        out.pieces(id, base::split_first(value, ' '), ' ', method_name(method));
        break;
      default:
        break;
    }
  }
  if (!reason.empty()) out.header(HeaderId::kReason, reason);
  const auto text = out.finish();
  if (!text) return std::nullopt;
  return std::string(*text);
}

}  // namespace

// The magic cookie of §8.1.1.7, the shard's mark, and a ticket.
ClientTransactions::ClientTransactions(Environment& env, ClientUser& user)
    : env_(env),
      user_(user),
      slab_(env.limits.transactions + env.limits.transactions / 4),
      branch_begin_("z9hG4bKs" + std::to_string(env.shard) + "-") {}

ClientId ClientTransactions::make(Method method, const Ticket& branch, std::uint64_t cookie,
                                  const Path& path) {
  const auto kind =
      method == Method::kInvite ? TransactionKind::kInviteClient : TransactionKind::kClient;
  auto [handle, t] = slab_.make(Transaction{.kind = kind,
                                            .state = first_state(kind),
                                            .method = method,
                                            .cookie = cookie,
                                            .path = path,
                                            .branch = branch});
  if (t == nullptr) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    return {};
  }
  if (!t->branch.handle) t->branch.handle = handle;
  if (is_reliable(path.protocol)) enlist({handle}, *t);
  return {handle};
}

void ClientTransactions::enlist(ClientId id, Transaction& t) {
  on_streams_.push_back(id);
  t.stream_place = static_cast<std::uint32_t>(on_streams_.size());
}

void ClientTransactions::delist(Transaction& t) {
  if (t.stream_place == 0) return;
  const ClientId last = on_streams_.back();
  on_streams_[t.stream_place - 1] = last;
  slab_.find(last.handle)->stream_place = t.stream_place;
  on_streams_.pop_back();
  t.stream_place = 0;
}

ClientId ClientTransactions::begin(Method method, std::uint64_t cookie, const Path& path) {
  // The last fifth of the room is for ending what has begun: BYE and CANCEL.
  if (method == Method::kInvite && slab_.live() >= env_.limits.transactions) {
    env_.counters.add(wire::Counter::drop_sip_no_memory);
    return {};
  }
  return make(method, {{}, env_.random.next()}, cookie, path);
}

std::string ClientTransactions::via(ClientId id) const {
  auto* t = const_cast<ClientTransactions*>(this)->slab_.find(id.handle);
  CHECK(t != nullptr);
  std::string out;
  out.reserve(128);
  out += via_begin(t->path);
  out += ";branch=";
  out += branch_begin_;
  t->branch.append_to(out);
  out += ";rport";
  return out;
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
  take_stream_if_large(id, *t);
  transmit(id, *t);
  arm_retransmit(id, *t);
  arm_life(id, *t, env_.timers.life());
  return true;
}

// Nothing is repeated over a stream: that it won't leave is news, told when the stack is unwound,
// unless it has left by another way until then.
void ClientTransactions::transmit(ClientId id, Transaction& t) {
  env_.wheel.cancel(t.retransmit);
  if (send_counted(env_, t.path, t.request) || !is_reliable(t.path.protocol)) return;
  t.retransmit = env_.wheel.arm(env_.wheel.now(), failure_door_, id.handle.raw);
}

void ClientTransactions::take_stream_if_large(ClientId id, Transaction& t) {
  const bool large = t.request.size() > kDatagramMax && t.path.protocol == Protocol::kUdp;
  if (!large || !t.path.large_by_tcp) return;
  Path wanted = t.path;
  wanted.protocol = Protocol::kTcp;
  const Path stream = env_.transport.settle(wanted, t.path);
  if (stream.protocol != Protocol::kTcp) return;
  const std::string old_via = via_begin(t.path);
  t.request.replace(t.request.find(old_via), old_via.size(), via_begin(stream));
  t.by_datagram = std::exchange(t.path, stream);
  enlist(id, t);
}

void ClientTransactions::fall_back(ClientId id, Transaction& t) {
  const std::string old_via = via_begin(t.path);
  t.request.replace(t.request.find(old_via), old_via.size(), via_begin(*t.by_datagram));
  t.path = *std::exchange(t.by_datagram, std::nullopt);
  t.path.large_by_tcp = false;
  delist(t);
  transmit(id, t);
  arm_retransmit(id, t);
}

void ClientTransactions::connection_lost(const Path& path, bool was_open) {
  std::vector<ClientId> waiting;
  for (const ClientId id : on_streams_) {
    const Transaction& t = *slab_.find(id.handle);
    const bool same_end = t.path.local == path.local && t.path.remote == path.remote;
    // Whoever has no flow yet shares none.
    const bool same_flow = path.flow != 0 && t.path.flow == path.flow;
    const bool on_it = t.path.protocol == path.protocol && (same_end || same_flow);
    if (on_it && transition(t.kind, t.state, TransactionEvent::kTransportError) != nullptr) {
      waiting.push_back(id);
    }
  }
  for (const ClientId id : waiting) {
    Transaction* t = slab_.find(id.handle);
    if (t == nullptr) continue;  // ended with one before it
    if (was_open && !t->unwanted && !std::exchange(t->sent_again, true)) {
      t->path.flow = 0;
      transmit(id, *t);
    } else {
      apply(id, TransactionEvent::kTransportError, nullptr);
    }
  }
}

void ClientTransactions::cancel(ClientId invite, std::string_view reason) {
  Transaction* t = slab_.find(invite.handle);
  if (t == nullptr || t->state != TransactionState::kProceeding) return;
  t->unwanted = true;
  arm_life(invite, *t, env_.timers.life());
  auto bytes = follow_up(t->request, Method::kCancel, {}, reason);
  if (!bytes) {
    env_.counters.add(wire::Counter::drop_sip_send);
    return;
  }
  t->cancel = make(Method::kCancel, t->branch, 0, t->path);
  if (t->cancel) send(t->cancel, *std::move(bytes));
}

void ClientTransactions::begin_again(ClientId id) {
  Transaction* t = slab_.find(id.handle);
  CHECK(t != nullptr && t->state == TransactionState::kCompleted);
  env_.wheel.cancel(t->retransmit);
  env_.wheel.cancel(t->life);
  if (t->acknowledges && !is_reliable(t->path.protocol)) {
    auto [handle, former] = slab_.make(*t);
    if (former != nullptr) {
      former->cookie = 0;
      arm_life({handle}, *former, env_.timers.d);
      t->former = {handle};
    }
  }
  if (t->by_datagram) {  // the next one may be as large, or not
    t->path = *std::exchange(t->by_datagram, std::nullopt);
    delist(*t);
  }
  t->branch = {id.handle, env_.random.next()};
  t->state = first_state(t->kind);
  t->request.clear();
  t->acknowledges = false;
  t->cancel = {};
  t->resends = 0;
  t->sent_again = false;
  ++t->life_number;
}

void ClientTransactions::stop_retransmitting(ClientId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  t->unwanted = true;
  env_.wheel.cancel(t->retransmit);
}

ClientId ClientTransactions::find(const Message& response) {
  std::string_view branch = response.top_via().branch;
  if (!branch.starts_with(branch_begin_)) return {};
  branch.remove_prefix(branch_begin_.size());
  const auto ticket = Ticket::parse(branch);
  ClientId id{ticket ? ticket->handle : base::Handle{}};
  const Transaction* t = slab_.find(id.handle);
  while (t != nullptr && t->branch != *ticket) {
    id = t->former;
    t = slab_.find(id.handle);
  }
  if (t == nullptr) return {};
  const Method method = response.cseq().method;
  if (method == t->method) return id;
  return method == Method::kCancel ? t->cancel : ClientId{};
}

bool ClientTransactions::receive(const Message& response) {
  const ClientId id = find(response);
  if (slab_.find(id.handle) == nullptr) return false;
  apply(id, event_of(response.status()), &response);
  return true;
}

void ClientTransactions::fire(ClientId id, TransactionEvent event) {
  env_.counters.add(wire::Counter::timer_fired);
  apply(id, event, nullptr);
}

void ClientTransactions::apply(ClientId id, TransactionEvent event, const Message* response) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  const Transition* to = transition(t->kind, t->state, event);
  if (to == nullptr) return;
  if (event == TransactionEvent::kTransportError && t->by_datagram && !t->unwanted) {
    fall_back(id, *t);
    return;
  }
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
  const bool answered =
      to->next == TransactionState::kAccepted || to->next == TransactionState::kCompleted;
  if (answered && !t->acknowledges) std::string().swap(t->request);
  const std::uint64_t cookie = t->cookie;
  const std::uint32_t life_number = t->life_number;
  // §17.1.1.2, §17.1.2.2: timers D and K are zero where nothing is repeated.
  const bool at_once = is_reliable(t->path.protocol) && (actions & (kArmLifeD | kArmLifeT4)) != 0;
  const bool over = at_once || to->next == TransactionState::kTerminated;
  if (cookie != 0 && (actions & kPass)) user_.on_response(id, cookie, *response);
  if (cookie != 0 && (actions & kTellTimeout)) user_.on_timeout(id, cookie);
  if (cookie != 0 && (actions & kTellFailure)) user_.on_failure(id, cookie);
  // Its user may have begun it again.
  t = slab_.find(id.handle);
  if (over && t != nullptr && t->life_number == life_number) end(id);
}

void ClientTransactions::arm_retransmit(ClientId id, Transaction& t) {
  const auto& gaps = env_.timers.resend_gaps;
  if (is_reliable(t.path.protocol)) return;
  if (t.resends >= gaps.size()) return;
  // §17.1.2.2: a non-INVITE request that has a provisional response is retransmitted each T2.
  const bool proceeding = t.state == TransactionState::kProceeding;
  const Nanos gap = proceeding ? env_.timers.t2 : gaps[t.resends];
  ++t.resends;
  env_.wheel.cancel(t.retransmit);
  t.retransmit = env_.wheel.arm(env_.wheel.now() + gap, retransmit_door_, id.handle.raw);
}

void ClientTransactions::arm_life(ClientId id, Transaction& t, Nanos after) {
  env_.wheel.cancel(t.life);
  t.life = env_.wheel.arm(env_.wheel.now() + after, life_door_, id.handle.raw);
}

void ClientTransactions::send_ack(Transaction& t, const Message& response) {
  if (!t.acknowledges) {
    auto ack = follow_up(t.request, Method::kAck, response.value(HeaderId::kTo));
    t.acknowledges = true;
    t.request = std::move(ack).value_or(std::string());
  }
  if (t.request.empty())
    env_.counters.add(wire::Counter::drop_sip_send);
  else
    send_counted(env_, t.path, t.request);
}

void ClientTransactions::end(ClientId id) {
  Transaction* t = slab_.find(id.handle);
  if (t == nullptr) return;
  env_.wheel.cancel(t->retransmit);
  env_.wheel.cancel(t->life);
  const std::uint64_t cookie = t->cookie;
  delist(*t);
  slab_.drop(id.handle);
  if (cookie != 0) user_.on_client_end(id, cookie);
}

}  // namespace tandem::sip
