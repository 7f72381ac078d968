#include "controlplane/calls/call_service.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/calls/session_settings.h"
#include "drivers/base/log.h"

namespace tandem::calls {

using wire::Counter;

CallService::CallService(sip::Environment& environment, const config::Site& site_records,
                         routing::GatewayTable& gateway_table, routing::Router& router,
                         media::Datapath& datapath_hand, media::MediaPorts& media_ports,
                         cdr::Journal& journal, std::string life)
    : Switchboard(environment, site_records, gateway_table, router, datapath_hand, media_ports),
      journal_(journal),
      life_(std::move(life)),
      parameters_(std::make_shared<config::Parameters>(site_records.parameters)),
      follows_(parameters_->TD_SIP_REFER == config::Parameters::Refer::follow) {
  if (parameters_->TD_SIP_SUBSCRIBE == config::Parameters::Subscribe::relay) {
    env.allow += ", SUBSCRIBE";
  }
  if (parameters_->TD_SIP_REFER != config::Parameters::Refer::reject) env.allow += ", REFER";
  env.supported += ", timer";
  if (follows_) env.supported += ", replaces, norefersub";
}

// What is asked first about each request outside a dialog: whoever the last one was from is over.
bool CallService::knows(const sip::Path& path) {
  proven_.reset();
  return gateways.knows(path.remote.address) ||
         (upstreams != nullptr && upstreams->knows(path.remote.address));
}

// SS_REPLY_UNAUTHORIZED.
bool CallService::hides_from(const sip::Path& path) {
  using Reply = config::Parameters::ReplyUnauthorized;
  const base::IpAddress& source = path.remote.address;
  return parameters_->SS_REPLY_UNAUTHORIZED == Reply::off && !gateways.knows(source) &&
         (subscribers == nullptr || !subscribers->knows(source)) &&
         (upstreams == nullptr || !upstreams->knows(source));
}

// Whom no gateway's address stands for may call with an account; nothing else.
std::optional<sip::DoorAnswer> CallService::refuse_stranger(const sip::Message& request,
                                                            const sip::Path& path) {
  if (subscribers != nullptr && request.method() == sip::Method::kInvite) {
    registrar::Subscribers::Caller caller;
    if (auto refusal = subscribers->refuse(request, path, caller)) return refusal;
    proven_ = Payer{.account = std::move(caller.account), .number = std::move(caller.number)};
    return std::nullopt;
  }
  // A count and a line for a person, nothing else: anybody can send this.
  env.counters.add(Counter::sip_unknown_source);
  LOG(kWarning, "sip", "{} from {}: no gateway has this address", request.method_name(),
      path.remote.text());
  return sip::DoorAnswer{.status = 403};
}

std::optional<Payer> CallService::payer_of(const sip::Message& invite, const sip::Path& path) {
  if (proven_) {
    auto payer = std::exchange(proven_, std::nullopt);
    payer->gateway = gateways.now().mapping_account(payer->account);
    // A customer's numbers are its own affair.
    if (payer->gateway) payer->number.clear();
    return payer;
  }
  const auto target = sip::parse_uri(invite.request_uri());
  const auto* upstream =
      upstreams != nullptr && target ? upstreams->owner_of(target->user, path.remote) : nullptr;
  if (upstream != nullptr) {
    const auto gateway = gateways.now().mapping_registration(upstream->name);
    // Our Contact's user is the registration; the number that was called stands in To.
    if (gateway) return Payer{.gateway = *gateway, .callee = std::string(invite.to().uri.user)};
  }
  const auto mapping =
      gateways.identify(path.remote, target ? dialled_number(target->user) : std::string());
  return mapping ? std::optional(Payer{.gateway = *mapping}) : std::nullopt;
}

void CallService::on_invite(sip::SessionId id, sip::InviteSession& session,
                            const sip::Message& invite, const sip::Path& path) {
  const auto payer = payer_of(invite, path);
  if (!payer) {
    env.counters.add(Counter::sip_unknown_source);
    refuse(session, ReleaseCause::UnknownSource);
    return;
  }
  const auto own = payer->gateway ? gateways.now().at(*payer->gateway)->parameters : nullptr;
  if (!session.keep(session_timer_of(own ? *own : *parameters_), invite)) {
    // As with a challenge: the caller asks again at once, and that is the call.
    env.counters.add(Counter::session_intervals_refused);
    session.finish(422);
    return;
  }
  if (payer->gateway && !gateways.gateway(*payer->gateway).registration.empty()) {
    const auto* upstream = upstreams->find(gateways.gateway(*payer->gateway).registration);
    if (upstream != nullptr) session.prove_with(upstream->credentials, upstream->user);
  }
  // A phone is where it is seen (RFC 3581), and must not be able to send our BYE elsewhere.
  if (!payer->account.empty()) session.stay_on_path();
  if (!room_for_record()) {
    // A refusal without a record, but counted: one more waiting record is what there is no room
    // for.
    env.counters.add(Counter::calls_refused_records);
    refuse(session, ReleaseCause::RecordQueueFull);
    return;
  }
  if (draining_ || calls_.live() == calls_.limit()) {
    const auto cause = draining_ ? ReleaseCause::Shutdown : ReleaseCause::NoResource;
    refuse_recorded(session, invite, *payer, cause);
    return;
  }
  std::optional<sip::Replaces> replaces;
  if (follows_ && !sip::read_replaces(invite, replaces)) {
    refuse_recorded(session, invite, *payer, ReleaseCause::BadReplaces);
    return;
  }
  auto [handle, call] = calls_.make(static_cast<Switchboard&>(*this), parameters_);
  call->begin({handle}, {.name = name_for(handle),
                         .payer = *payer,
                         .caller = id,
                         .invite = invite,
                         .path = path,
                         .replaces = replaces ? &*replaces : nullptr});
}

std::string CallService::name_for(base::Handle handle) const {
  return fmt::format("{}-{}-{:x}", life_, env.shard, handle.raw);
}

std::tuple<CallId, Call*, std::string> CallService::make_call() {
  if (draining_ || !room_for_record()) return {};
  auto [handle, call] = calls_.make(static_cast<Switchboard&>(*this), parameters_);
  if (call == nullptr) return {};
  return {CallId{handle}, call, name_for(handle)};
}

cdr::CallRecord CallService::refused_record(const sip::Message& invite, const Payer& payer,
                                            ReleaseCause cause) {
  cdr::CallRecord record = first_record({}, invite);
  const ReleaseInfo& info = release_info(cause);
  record.caller_account = payer.account;
  if (!payer.callee.empty()) record.callee = payer.callee;
  if (payer.gateway) record.mapping_gateway = gateways.gateway(*payer.gateway).name;
  record.end_ms = record.start_ms;
  record.end_reason = info.name;
  record.end_direction = direction_name(Direction::kSwitch);
  record.sip_code = info.sip;
  return record;
}

bool CallService::room_for_record() {
  return journal_.room() && (open_calls == nullptr || open_calls->room());
}

void CallService::refuse_recorded(sip::InviteSession& session, const sip::Message& invite,
                                  const Payer& payer, ReleaseCause cause) {
  cdr::CallRecord record = refused_record(invite, payer, cause);
  cdr::Kept kept{.keeper = open_calls};
  if (open_calls != nullptr) open_calls->keep(kept.slot, record, true);
  journal_.append(std::move(record), kept);
  refuse(session, cause);
}

void CallService::refuse(sip::InviteSession& session, ReleaseCause cause) {
  session.finish(release_info(cause).sip, reason_value(cause), nullptr,
                 retry_after_s(cause, env.random));
}

void CallService::on_flow_latched(const wire::FlowLatched& event) {
  if (Call* call = calls_.find({event.cookie}))
    call->on_flow_latched(event);
  else
    env.counters.add(Counter::drop_event_stale);
}

void CallService::on_flow_closed(const wire::FlowClosed& event) {
  if (Call* call = calls_.find({event.cookie}))
    call->on_flow_closed(event);
  else
    env.counters.add(Counter::drop_event_stale);
}

void CallService::on_dtls(const media::Datapath::Place& flow, const base::Endpoint& from,
                          media::DtlsHandshake::Datagram datagram) {
  Call* call = calls_.find({flow.cookie});
  if (call == nullptr || !call->on_dtls(flow.key, from, datagram)) {
    env.counters.add(Counter::drop_dtls_stray);
  }
}

void CallService::on_play_ended(const wire::PlayEnded& event) {
  if (Call* call = calls_.find({event.cookie}))
    call->on_play_ended(event);
  else
    env.counters.add(Counter::drop_event_stale);
}

void CallService::on_digit_heard(const wire::DigitHeard& event) {
  if (Call* call = calls_.find({event.cookie}))
    call->on_digit_heard(event);
  else
    env.counters.add(Counter::drop_event_stale);
}

std::string CallService::name_of(std::uint64_t cookie) {
  const Call* call = calls_.find({cookie});
  return call != nullptr ? call->name() : std::string();
}

bool CallService::hang_up(const std::string& name, ReleaseCause cause) {
  bool found = false;
  calls_.each([&](base::Handle, Call& call) {
    const bool live = call.state() < Call::State::kReleasing;
    if (!live || call.name() != name) return;
    found = true;
    call.hang_up(cause);
  });
  return found;
}

void CallService::note_account(CallId id, const std::string& account) {
  by_account_[account].insert(id.handle.raw);
}

void CallService::forget_account(base::Handle call, const std::string& account) {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return;
  found->second.erase(call.raw);
  if (found->second.empty()) by_account_.erase(found);
}

void CallService::end_replaced(const std::string& account, const sip::Binding& contact) {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return;
  for (const std::uint64_t raw : found->second) {
    if (Call* call = calls_.find({raw})) call->end_with(account, contact);
  }
}

void CallService::drain() {
  draining_ = true;
  calls_.each([&](base::Handle, Call& call) { call.hang_up(ReleaseCause::Shutdown); });
}

void CallService::record_all_now() {
  calls_.each([&](base::Handle, Call& call) { call.record_now(); });
}

void CallService::each(const std::function<void(const Call&)>& visit) {
  calls_.each([&](base::Handle, const Call& call) { visit(call); });
}

void CallService::call_over(CallId id, cdr::CallRecord record, std::uint32_t slot) {
  auto& accounts = over_.emplace_back(Over{id, {}}).accounts;
  if (!record.caller_account.empty()) accounts.push_back(record.caller_account);
  if (!record.callee_account.empty()) accounts.push_back(record.callee_account);
  for (const cdr::GivenUp& before : record.given_up) {
    if (!before.callee_account.empty()) accounts.push_back(before.callee_account);
  }
  journal_.append(std::move(record), {open_calls, slot});
}

void CallService::tidy() {
  for (const auto& [id, accounts] : over_) {
    for (const std::string& account : accounts) forget_account(id.handle, account);
    calls_.drop(id.handle);
  }
  over_.clear();
}

}  // namespace tandem::calls
