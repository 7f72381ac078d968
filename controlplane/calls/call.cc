#include "controlplane/calls/call.h"

#include <algorithm>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::calls {

using wire::Counter;

namespace {

constexpr std::string_view kSdpType = "application/sdp";
// Longer ones are nobody's number (E.164 has 15 digits) and would only swell messages.
constexpr std::size_t kNumberMax = 64;
// How long an ended call waits for the dataplane's last figures.
constexpr base::Nanos kFiguresWait = base::Seconds{1};

// The number that a Request-URI's user part means: %2B49 is +49 (RFC 3261 §19.1.4). What holds
// anything but letters, digits and '*' once its escapes are undone stays escaped, for it is sent
// on.
std::string dialled_number(std::string_view user) {
  const auto plain = sip::unescape(user);
  const std::string number = routing::routing_digits(plain.value_or(std::string(user)));
  const bool sendable = std::all_of(number.begin(), number.end(), [](char c) {
    return base::is_digit(c) || c == '*' || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
  });
  return sendable ? number : routing::routing_digits(user);
}

int other_leg(int leg) { return 1 - leg; }
media::Side side_of(int leg) { return static_cast<media::Side>(leg); }

}  // namespace

cdr::CallRecord first_record(std::string name, const sip::Message& invite) {
  cdr::CallRecord record;
  record.call = std::move(name);
  record.caller = invite.from().uri.user;
  if (const auto target = sip::parse_uri(invite.request_uri())) record.callee = target->user;
  record.caller_call_id = invite.call_id();
  record.start_ms = base::wall_ms_now();
  record.media_mode = "none";
  return record;
}

std::string_view state_name(Call::State state) {
  switch (state) {
    case Call::State::kNew:
      return "new";
    case Call::State::kCalling:
      return "calling";
    case Call::State::kRinging:
      return "ringing";
    case Call::State::kAnswered:
      return "answered";
    case Call::State::kReleasing:
      return "releasing";
    case Call::State::kOver:
      return "over";
  }
  return "over";
}

Call::Call(Switchboard& board, std::shared_ptr<const config::Parameters> parameters)
    : board_(board), parameters_(std::move(parameters)) {}

Call::~Call() {
  for (auto* timer : {&progress_timer_, &duration_timer_, &figures_timer_}) {
    board_.env.wheel.cancel(*timer);
  }
  if (mapping_) board_.gateways.give_back(*mapping_);
  if (routing_) board_.gateways.give_back(*routing_);
}

// --- set-up ------------------------------------------------------------------------------------

void Call::begin(CallId id, const Beginning& beginning) {
  const sip::Message& invite = beginning.invite;
  id_ = id;
  caller_ = beginning.caller;
  caller_path_ = beginning.path;
  board_.env.counters.add(Counter::calls_started);
  record_ = first_record(beginning.name, invite);
  caller()->listen(this, kCallerLeg);
  caller()->progress(100);
  auto refusal = admit(beginning.mapping);
  if (!refusal) refusal = open_media(invite);
  if (!refusal) refusal = send_invite(invite, record_.callee_sent);
  if (refusal) {
    release(*refusal, Direction::kSwitch);
    return;
  }
  state_ = State::kCalling;
  arm_progress(parameters_->SS_SIP_TIMEOUT_INVITE, ReleaseCause::InviteTimeout);
}

// Whom the call goes to, and whether there is room; takes both gateways' places.
std::optional<ReleaseCause> Call::admit(routing::GatewayIndex mapping) {
  record_.mapping_gateway = board_.gateways.gateway(mapping).name;
  if (!board_.gateways.take(mapping)) return ReleaseCause::CallerOverCapacity;
  mapping_ = mapping;
  const std::string digits = dialled_number(record_.callee);
  if (digits.empty() || digits.size() > kNumberMax) return ReleaseCause::AddressIncomplete;
  const auto gateway = board_.routes.find(digits);
  if (!gateway) return ReleaseCause::NoRoute;
  record_.routing_gateway = board_.gateways.gateway(*gateway).name;
  if (!board_.gateways.take(*gateway)) return ReleaseCause::NoAvailableRouter;
  routing_ = gateway;
  record_.callee_sent = digits;
  return std::nullopt;
}

std::optional<ReleaseCause> Call::open_media(const sip::Message& invite) {
  const auto& plan = board_.site.corridor.plan;
  const auto& gateway = board_.gateways.gateway(*routing_);
  const int towards_caller = plan.index_of(caller_path_.local.address);
  if (towards_caller < 0) return ReleaseCause::NoResource;
  media_.emplace(board_.datapath, board_.ports, plan,
                 std::array{static_cast<std::uint32_t>(towards_caller), gateway.port},
                 id_.handle.raw, parameters_->SS_QOS_RTP);
  late_offer_ = invite.body().empty();
  if (late_offer_) return std::nullopt;
  const auto offer = sdp::parse(invite.body());
  if (!offer) return ReleaseCause::BadSessionDescription;
  if (!media_->open(*offer, media::Side::kCaller, now())) return ReleaseCause::NoMediaPort;
  if (!media_->is_open()) return ReleaseCause::BadSessionDescription;  // nothing we could relay
  record_.media_mode = "proxy";
  record_.codec = offer->media.front().codec;
  return std::nullopt;
}

std::optional<ReleaseCause> Call::send_invite(const sip::Message& invite, std::string_view user) {
  const auto& gateway = board_.gateways.gateway(*routing_);
  const auto& port = board_.site.ports[gateway.port];
  sip::Path path;
  path.local.address = port.address;
  path.local.port = port.sip_port;
  path.remote = gateway.addresses.front();
  auto [session_id, session] = board_.agent->make_session(path);
  if (session == nullptr) return ReleaseCause::NoResource;
  callee_ = session_id;
  session->listen(this, kCalleeLeg);
  const auto& from = invite.from();
  const std::string target = "sip:" + std::string(user) + "@" + path.remote.text();
  const std::string from_value =
      (from.display.empty() ? std::string() : std::string(from.display) + " ") +
      "<sip:" + (from.uri.user.empty() ? std::string("anonymous") : std::string(from.uri.user)) +
      "@" + path.local.address.text() + ">";
  std::string body;
  if (!late_offer_) {
    body = media_->rewritten(*sdp::parse(invite.body()), media::Side::kCaller);
  }
  const bool sent = session->start({.request_uri = target,
                                    .from = from_value,
                                    .to = "<" + target + ">",
                                    .max_forwards = invite.max_forwards().value_or(70) - 1,
                                    .hold_ack = late_offer_,
                                    .content_type = body.empty() ? std::string_view{} : kSdpType,
                                    .body = body});
  record_.callee_call_id = session->dialog().call_id;
  return sent ? std::nullopt : std::optional(ReleaseCause::NoResource);
}

// --- progress ----------------------------------------------------------------------------------

std::string Call::take_callee_sdp(const sip::Message& response) {
  if (response.body().empty()) return {};
  const auto description = sdp::parse(response.body());
  if (!description || description->media.empty()) return {};
  if (late_offer_ && !media_->is_open()) {
    if (!media_->open(*description, media::Side::kCallee, now()) || !media_->is_open()) return {};
    record_.media_mode = "proxy";
  }
  media_->set_remote(media::Side::kCallee, *description);
  record_.codec = description->media.front().codec;
  return media_->rewritten(*description, media::Side::kCallee);
}

void Call::on_provisional(int, const sip::Message& response) {
  const int status = response.status();
  const std::string sdp = take_callee_sdp(response);
  if (!sdp.empty()) answer_to_caller_ = sdp;
  if (status > 100) {
    if (record_.ring_ms == 0) record_.ring_ms = base::wall_ms_now();
    state_ = State::kRinging;
    if (auto* leg = caller()) {
      leg->progress(status, sdp.empty() ? std::string_view{} : kSdpType, sdp);
    }
  }
  begin_progress(status, !sdp.empty());
}

// Each limit starts when its state begins; a repeated response doesn't begin it again, and no state
// begins twice, so that nothing can be stretched for ever.
void Call::begin_progress(int status, bool with_sdp) {
  Progress progress = kRinging;  // 180, 181, 182
  if (status == 100) progress = kTrying;
  if (status == 183) progress = with_sdp ? kProgressWithSdp : kProgress;
  if ((begun_ & progress) != 0 || (progress == kTrying && begun_ != 0)) return;
  begun_ |= progress;
  switch (progress) {
    case kTrying:
      arm_progress(parameters_->SS_SIP_TIMEOUT_TRYING, ReleaseCause::ProgressTimeout);
      return;
    case kProgress:
      arm_progress(parameters_->SS_SIP_TIMEOUT_SESSION_PROGRESS, ReleaseCause::ProgressTimeout);
      return;
    case kProgressWithSdp:
      arm_progress(parameters_->SS_SIP_TIMEOUT_SESSION_PROGRESS_SDP, ReleaseCause::ProgressTimeout);
      return;
    case kRinging:
      arm_progress(parameters_->SS_SIP_TIMEOUT_RINGING, ReleaseCause::NoAnswer);
      return;
  }
}

void Call::on_answered(int, const sip::Message& response) {
  board_.env.wheel.cancel(progress_timer_);
  if (const std::string sdp = take_callee_sdp(response); !sdp.empty()) answer_to_caller_ = sdp;
  if (answer_to_caller_.empty()) {
    // A 200 without any description: there is nothing that the caller could talk to.
    release(ReleaseCause::GatewayFault, Direction::kSwitch);
    return;
  }
  state_ = State::kAnswered;
  answered_at_ = now();
  record_.answer_ms = base::wall_ms_now();
  record_.sip_code = 200;
  board_.env.counters.add(Counter::calls_answered);
  duration_timer_ = board_.env.wheel.arm(now() + parameters_->SS_SIP_NO_TIMER_REINVITE_INTERVAL,
                                         *this, kDurationClock);
  if (auto* leg = caller()) leg->accept(kSdpType, answer_to_caller_);
}

void Call::on_acked(int, const sip::Message& ack) {
  if (!late_offer_) return;
  auto* leg = callee();
  if (leg == nullptr) return;
  const auto answer = sdp::parse(ack.body());
  if (!answer) {
    leg->ack({}, {});
    release(ReleaseCause::BadSessionDescription, Direction::kSwitch);
    return;
  }
  media_->set_remote(media::Side::kCaller, *answer);
  leg->ack(kSdpType, media_->rewritten(*answer, media::Side::kCaller));
}

void Call::arm_progress(Nanos limit, ReleaseCause on_expiry) {
  board_.env.wheel.cancel(progress_timer_);
  on_progress_expiry_ = on_expiry;
  progress_timer_ = board_.env.wheel.arm(now() + limit, *this, kProgressClock);
}

void Call::on_timer(std::uint64_t clock) {
  board_.env.counters.add(Counter::timer_fired);
  switch (clock) {
    case kProgressClock:
      release(on_progress_expiry_, Direction::kSwitch);
      return;
    case kDurationClock:
      release(ReleaseCause::MaximumDuration, Direction::kSwitch);
      return;
    default:
      complete();
      return;
  }
}

// --- a change of the session -------------------------------------------------------------------

void Call::on_offer(int leg, const sip::Message& invite) {
  const int refusal = relay_offer(leg, invite);
  if (refusal == 0) return;
  if (auto* asker = session(leg)) asker->answer_offer(refusal);
}

int Call::relay_offer(int from, const sip::Message& invite) {
  auto* other = session(other_leg(from));
  if (state_ != State::kAnswered || other == nullptr) return 481;
  if (change_) return 491;
  const bool late = invite.body().empty();
  std::string body;
  if (!late) {
    const auto offer = sdp::parse(invite.body());
    if (!offer || !media_->relays(*offer)) return 488;
    body = media_->rewritten(*offer, side_of(from));
  }
  if (!other->offer(late ? std::string_view{} : kSdpType, body)) return 491;
  change_ = Change{from, std::string(invite.body()), late};
  return 0;
}

void Call::on_offer_answered(int leg, const sip::Message& response) {
  if (!change_ || leg == change_->from) return;
  auto* asker = session(change_->from);
  const auto theirs = sdp::parse(response.body());
  if (asker == nullptr || !theirs) {
    // The other party has agreed to something that nobody can be told of.
    release(ReleaseCause::BadSessionDescription, Direction::kSwitch);
    return;
  }
  const std::string body = media_->rewritten(*theirs, side_of(leg));
  if (change_->late) {
    change_->offer = response.body();
  } else {
    media_->set_remote(side_of(change_->from), *sdp::parse(change_->offer));
    media_->set_remote(side_of(leg), *theirs);
    if (!theirs->media.empty()) record_.codec = theirs->media.front().codec;
    change_.reset();
  }
  asker->answer_offer(200, kSdpType, body);
}

void Call::on_offer_acked(int leg, const sip::Message& ack) {
  if (!change_ || leg != change_->from || !change_->late) return;
  const Change change = *std::exchange(change_, std::nullopt);
  auto* other = session(other_leg(leg));
  const auto answer = sdp::parse(ack.body());
  if (other == nullptr || !answer) {
    release(ReleaseCause::BadSessionDescription, Direction::kSwitch);
    return;
  }
  media_->set_remote(side_of(leg), *answer);
  media_->set_remote(side_of(other_leg(leg)), *sdp::parse(change.offer));
  other->ack_offer(kSdpType, media_->rewritten(*answer, side_of(leg)));
}

// The session stays as it was (§14.1), unless the other party has lost the dialog.
void Call::on_offer_refused(int leg, int status) {
  if (!change_ || leg == change_->from) return;
  const Change change = *std::exchange(change_, std::nullopt);
  if (status == 408 || status == 481) {
    release(ReleaseCause::DialogLost, Direction::kSwitch);
    return;
  }
  if (auto* asker = session(change.from)) asker->answer_offer(status < 400 ? 488 : status);
}

// --- the end -----------------------------------------------------------------------------------

void Call::on_refused(int, int status, const sip::Message* response) {
  if (response == nullptr) {
    release(ReleaseCause::InviteTimeout, Direction::kSwitch);
    return;
  }
  release(cause_of_refusal(status), Direction::kCallee, status);
}

void Call::on_cancelled(int) { release(ReleaseCause::CallerCancelled, Direction::kCaller); }

void Call::on_bye(int leg) {
  if (leg == kCalleeLeg && state_ != State::kAnswered) {  // out of an early dialog: it won't answer
    release(ReleaseCause::GatewayRefused, Direction::kCallee, 480);
    return;
  }
  release(ReleaseCause::NormalClearing,
          leg == kCallerLeg ? Direction::kCaller : Direction::kCallee);
}

void Call::on_lost(int) { release(ReleaseCause::AckTimeout, Direction::kSwitch); }

void Call::hang_up(ReleaseCause cause) { release(cause, Direction::kSwitch); }

void Call::release(ReleaseCause cause, Direction direction, int status) {
  if (state_ == State::kReleasing || state_ == State::kOver) return;
  const bool answered = state_ == State::kAnswered;
  state_ = State::kReleasing;
  board_.env.wheel.cancel(progress_timer_);
  board_.env.wheel.cancel(duration_timer_);
  const ReleaseInfo& info = release_info(cause);
  const int code = info.sip != 0 ? info.sip : status;
  record_.end_ms = base::wall_ms_now();
  if (answered)
    record_.hold_ms = (now() - answered_at_) / base::Millis{1};
  else
    record_.sip_code = code;
  record_.end_reason = info.name;
  record_.end_direction = direction_name(direction);
  finish_legs(cause, code);
  board_.env.counters.add(Counter::calls_ended);
  if (media_) media_->close(now());
  if (media_ && media_->closing()) {
    figures_timer_ = board_.env.wheel.arm(now() + kFiguresWait, *this, kFiguresClock);
  } else {
    complete();
  }
}

void Call::finish_legs(ReleaseCause cause, int status) {
  const std::string reason = reason_value(cause);
  if (auto* leg = caller()) leg->finish(status, reason);
  if (auto* leg = callee()) leg->finish(status, reason);
}

void Call::on_flow_latched(const wire::FlowLatched& event) {
  if (!media_) return;
  if (const auto side = media_->side_of(event.key)) heard_[static_cast<std::size_t>(*side)] = true;
}

void Call::on_flow_closed(const wire::FlowClosed& event) {
  if (media_ && media_->on_closed(event)) complete();
}

void Call::record_now() {
  hang_up(ReleaseCause::Shutdown);
  complete();
}

void Call::complete() {
  if (std::exchange(state_, State::kOver) == State::kOver) return;
  board_.env.wheel.cancel(figures_timer_);
  wire::FlowFigures figures;
  if (media_ && media_->figures(media::Side::kCaller, figures)) record_.from_caller = figures;
  if (media_ && media_->figures(media::Side::kCallee, figures)) record_.from_callee = figures;
  board_.call_over(id_, record_);
}

}  // namespace tandem::calls
