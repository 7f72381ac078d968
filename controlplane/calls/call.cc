#include "controlplane/calls/call.h"

#include <algorithm>
#include <utility>

#include "controlplane/calls/session_settings.h"
#include "controlplane/calls/ways.h"
#include "controlplane/sip/body.h"
#include "controlplane/sip/end_to_end.h"
#include "drivers/base/text.h"

namespace tandem::calls {

using wire::Counter;

namespace {

// Longer ones are nobody's number (E.164 has 15 digits) and would only swell messages.
constexpr std::size_t kNumberMax = 64;
// How long an ended call waits for the dataplane's last figures.
constexpr base::Nanos kFiguresWait = base::Seconds{1};
// Who has hung up knows the dialog no longer (481), and its BYE may come behind that word, the
// first repetition (T1) too.
constexpr base::Nanos kCrossingWait = base::Seconds{1};

// What a network says about a call's caller, and no phone (RFC 5806, 7044, 7315, 8224).
constexpr std::array<std::string_view, 7> kNetworksWord{"Diversion",
                                                        "History-Info",
                                                        "P-Charge-Info",
                                                        "P-Charging-Vector",
                                                        "Identity",
                                                        "P-Access-Network-Info",
                                                        "y"};

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

// The number that a Request-URI's user part means: %2B49 is +49 (RFC 3261 §19.1.4). What holds
// anything but letters, digits and '*' once its escapes are undone stays escaped, for it is sent
// on.
std::string dialled_number(std::string_view user) {
  const auto plain = sip::unescape(user);
  const std::string number = routing::routing_digits(plain.value_or(std::string(user)));
  const bool sendable = std::all_of(number.begin(), number.end(), [](char c) {
    return base::is_digit(c) || c == '*' || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
  });
  const std::string digits = sendable ? number : routing::routing_digits(user);
  return digits.size() <= kNumberMax ? digits : std::string();
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
    case Call::State::kTransferred:
      return "transferred";
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
  for (auto* timer :
       {&progress_timer_, &duration_timer_, &crossing_timer_, &figures_timer_, &takeover_timer_,
        &silence_timer_, &media_timer_, &unsafe_timer_, &announcement_timer_}) {
    board_.env.wheel.cancel(*timer);
  }
  if (customer_) customer_->load->give_back();
  if (vendor_) vendor_->load->give_back();
}

// --- set-up ------------------------------------------------------------------------------------

void Call::begin(CallId id, const Beginning& beginning) {
  const sip::Message& invite = beginning.invite;
  id_ = id;
  caller_ = beginning.caller;
  media_towards_caller_ = media_port(board_.site, beginning.path);
  board_.env.counters.add(Counter::calls_started);
  record_ = first_record(beginning.name, invite);
  caller()->listen(this, kCallerLeg, id_.handle.raw);
  start(beginning);
  // Not before it is kept: who has got this repeats its INVITE no more.
  if (auto* leg = caller(); leg != nullptr && !announcing_) leg->progress(100);
}

void Call::start(const Beginning& beginning) {
  const sip::Message& invite = beginning.invite;
  if (beginning.replaces) {
    const bool room = take_payer(beginning.payer);
    const int status = room ? replace_party(*beginning.replaces, invite, beginning.path.remote) : 0;
    if (!room)
      release(ReleaseCause::CallerOverCapacity, Direction::kSwitch);
    else if (status != 0)
      release(ReleaseCause::TransferFailed, Direction::kSwitch, status);
    else
      keep();
    return;
  }
  if (const auto refusal = set_up(beginning.payer, invite)) {
    release(*refusal, Direction::kSwitch);
  }
}

std::optional<ReleaseCause> Call::set_up(const Payer& payer, const sip::Message& invite) {
  if (!take_payer(payer)) return ReleaseCause::CallerOverCapacity;
  identity_lines_ = identity_lines_of(invite);
  if (customer_ && !customer_->settings.announcements.empty()) offer_ = sip::sdp_of(invite);
  if (const auto refusal = rewrite_numbers()) return refusal;
  if (const auto refusal = find_callee(invite)) return refusal;
  const Aim aim = next_aim();
  keep_invite(invite);
  auto refusal = open_media(invite, aim);
  if (!refusal) refusal = send_invite(invite, aim);
  // It couldn't even be sent there: as good as a refusal.
  const bool unsaid = refusal == ReleaseCause::NoCommonCodec;
  if (refusal == ReleaseCause::NoResource && try_next_place(503)) return std::nullopt;
  if ((unsaid || refusal == ReleaseCause::NoResource) &&
      try_next_vendor({.status = unsaid ? 488 : 503})) {
    return std::nullopt;
  }
  if (refusal) return refusal;
  state_ = State::kCalling;
  arm_invite();
  return std::nullopt;
}

// False: no more calls of this customer's now.
bool Call::take_payer(const Payer& payer) {
  record_.caller_account = payer.account;
  if (!payer.callee.empty()) record_.callee = payer.callee;
  said_number_ = caller_number_ = payer.number;
  if (!payer.account.empty()) board_.note_account(id_, payer.account);
  if (!payer.gateway) return true;
  record_.mapping_gateway = board_.gateways.gateway(*payer.gateway).name;
  if (board_.gateways.take(*payer.gateway, now()) != routing::Admission::kTaken) return false;
  mapping_ = payer.gateway;
  customer_ = board_.gateways.now().at(*payer.gateway);
  return true;
}

// Whom the call goes to, an account before a gateway, and whether there is room; takes the routing
// gateway's place.
std::optional<ReleaseCause> Call::find_callee(const sip::Message& invite) {
  const std::string& digits = dialled_;
  const auto target = sip::parse_uri(invite.request_uri());
  if (board_.subscribers != nullptr && target) {
    // The number that is meant, where another one stands there.
    sip::Uri meant = *target;
    if (digits != dialled_number(target->user)) meant.user = digits;
    if (auto callee = board_.subscribers->find(meant, digits, record_.caller_account)) {
      record_.callee_account = std::move(callee->account);
      if (!callee->contacts.empty()) board_.note_account(id_, record_.callee_account);
      contacts_ = std::move(callee->contacts);
      std::reverse(contacts_.begin(), contacts_.end());
      if (!contacts_.empty()) return std::nullopt;
      return callee->offline ? ReleaseCause::EndpointOffline : ReleaseCause::NotRegistered;
    }
  }
  if (digits.empty()) return ReleaseCause::AddressIncomplete;
  routing::Candidates candidates;
  board_.routes.candidates(digits, candidates);
  if (candidates.empty()) return ReleaseCause::NoRoute;
  for (std::size_t i = candidates.size(); i-- > 0;) vendors_.push_back(candidates[i].gateway);
  if (take_next_vendor()) return std::nullopt;
  // Where there was only one, it is told which.
  if (candidates.size() == 1) {
    record_.routing_gateway = board_.gateways.gateway(candidates[0].gateway).name;
  }
  return ReleaseCause::NoAvailableRouter;
}

std::optional<ReleaseCause> Call::send_invite(const sip::Message& invite, const Aim& aim) {
  auto [session_id, session] = board_.agent->make_session(aim.path);
  if (session == nullptr) return ReleaseCause::NoResource;
  callee_ = asked_ = session_id;
  session->listen(this, kCalleeLeg, id_.handle.raw);
  record_.callee_call_id = session->dialog().call_id;
  keep();
  ToldIdentity identity = identity_for(invite, aim.path.local.address.text());
  if (from_phone()) {
    identity.withheld.insert(identity.withheld.end(), kNetworksWord.begin(), kNetworksWord.end());
  }
  negotiation_.hide_caller(identity.hidden);
  const sip::Body body = sip::body_of(invite, negotiation_.first_offer());
  const std::string headers = identity.headers + sip::passing_headers(invite, identity.withheld);
  const bool late = negotiation_.late();
  std::vector<sip::InviteTarget> others;
  for (std::size_t i = 1; i < group_.size(); ++i) {
    others.push_back({.path = group_[i].path, .uri = group_[i].uri, .route = group_[i].route});
  }
  const bool sent = session->start(
      {.request_uri = aim.target,
       .from = identity.from,
       .to = "<" + aim.to + ">",
       .route = aim.route,
       .others = others,
       .credentials = vendor_upstream_ && !at_endpoint() ? vendor_upstream_->credentials : nullptr,
       .contact_user = vendor_upstream_ && !at_endpoint() ? std::string_view(vendor_upstream_->user)
                                                          : std::string_view(),
       .max_forwards = invite.max_forwards().value_or(70) - 1,
       // The answer to an early offer must have a way to us.
       .reliable = !late || caller()->supports_reliable(),
       .hold_ack = late,
       .passed = headers,
       .withheld = identity.withheld,
       .content_type = body.type,
       .body = body.bytes,
       .timer = session_timer_of(vendor_parameters())});
  if (sent) return std::nullopt;
  session->finish(0);
  callee_ = asked_ = {};
  return ReleaseCause::NoResource;
}

// The INVITE is on its way: nobody has said anything yet.
void Call::arm_invite() {
  arm_progress(vendor_parameters().SS_SIP_TIMEOUT_INVITE,
               at_endpoint() ? ReleaseCause::EndpointUnreachable : ReleaseCause::InviteTimeout);
  board_.env.wheel.cancel(silence_timer_);
  if (group_.size() < 2) return;
  silence_timer_ =
      board_.env.wheel.arm(now() + parameters_->SS_SIP_TIMEOUT_INVITE, *this, kSilenceClock);
}

// --- progress ----------------------------------------------------------------------------------

void Call::on_provisional(int, int fork, const sip::Message& response) {
  const int status = response.status();
  if (status > 100) {
    state_ = State::kRinging;
    if (record_.ring_ms == 0) {
      record_.ring_ms = base::wall_ms_now();
      if (board_.open_calls != nullptr) board_.open_calls->add_ring(kept_, record_.ring_ms);
    }
  }
  const bool with_sdp =
      !ring_locally(response) && negotiation_.on_provisional(fork, response, now());
  if (Call* home = waits_for_target() ? board_.call(takeover_->home) : nullptr) {
    home->transfer_progress(status, response.reason());
  }
  if (state_ == State::kRinging || status == 100) begin_progress(status, with_sdp);
}

// Each limit starts when its state begins; a repeated response doesn't begin it again, and no state
// begins twice, so that nothing can be stretched for ever.
void Call::begin_progress(int status, bool with_sdp) {
  Progress progress = kRinging;  // 180, 181, 182
  if (status == 100) progress = kTrying;
  if (status == 183) progress = with_sdp ? kProgressWithSdp : kProgress;
  if ((begun_ & progress) != 0 || (progress == kTrying && begun_ != 0)) return;
  // Once one of several phones rings, its limit is that of all.
  if (group_.size() > 1 && (begun_ & kRinging) != 0) return;
  begun_ |= progress;
  const config::Parameters& limits = vendor_parameters();
  switch (progress) {
    case kTrying:
      arm_progress(limits.SS_SIP_TIMEOUT_TRYING, ReleaseCause::ProgressTimeout);
      return;
    case kProgress:
      arm_progress(limits.SS_SIP_TIMEOUT_SESSION_PROGRESS, ReleaseCause::ProgressTimeout);
      return;
    case kProgressWithSdp:
      arm_progress(limits.SS_SIP_TIMEOUT_SESSION_PROGRESS_SDP, ReleaseCause::ProgressTimeout);
      return;
    case kRinging:
      arm_progress(limits.SS_SIP_TIMEOUT_RINGING, ReleaseCause::NoAnswer);
      return;
  }
}

void Call::on_answered(int, int fork, const sip::Message& response) {
  board_.env.wheel.cancel(progress_timer_);
  board_.env.wheel.cancel(silence_timer_);
  if (at_endpoint()) settle_group(static_cast<std::size_t>(callee()->branch_of(fork)), 0);
  stop_ringing();
  if (!negotiation_.on_answered(fork, response, now())) {
    // A 200 without any description: there is nothing that the caller could talk to.
    release(negotiation_.insecure() ? ReleaseCause::MediaEncryption : ReleaseCause::GatewayFault,
            Direction::kSwitch);
    return;
  }
  settle_vendor(true);
  answered();
  std::string().swap(invite_);
  if (waits_for_target() && !caller_) {
    bring_guest();
  } else {
    negotiation_.accept(response);
  }
}

void Call::answered() {
  state_ = State::kAnswered;
  answered_at_ = now();
  record_.answer_ms = base::wall_ms_now();
  record_.sip_code = 200;
  board_.env.counters.add(Counter::calls_answered);
  arm_duration();
  media_heard_at_.fill(answered_at_);
  arm_media();
  keep();
}

void Call::on_acked(int, const sip::Message& ack) {
  negotiation_.on_acked(ack);
  if (waits_for_target() && state_ == State::kAnswered) ask_target();
}

void Call::on_early_answer(int, int fork, const sip::Message& prack) {
  negotiation_.on_early_answer(fork, prack);
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
      on_progress_expired();
      return;
    case kAnnouncementClock:
      end_announced();
      return;
    case kMediaClock:
      on_media_clock();
      return;
    case kUnsafeClock:
      release(unsafe_, Direction::kSwitch);
      return;
    case kSilenceClock:
      if (auto* leg = callee()) leg->drop_silent();
      return;
    case kDurationClock:
      on_duration_reached();
      return;
    case kCrossingClock:
      release(ReleaseCause::DialogLost, Direction::kSwitch);
      return;
    case kTakeoverClock:
      on_takeover_clock();
      return;
    default:
      complete();
      return;
  }
}

void Call::on_dialog_lost() {
  if (state_ == State::kReleasing || state_ == State::kOver) return;
  if (board_.env.wheel.armed(crossing_timer_)) return;
  crossing_timer_ = board_.env.wheel.arm(now() + kCrossingWait, *this, kCrossingClock);
}

// --- a change of the session -------------------------------------------------------------------

void Call::on_offer(int leg, int fork, const sip::Message& request) {
  // Whoever it would be for is about to be somebody else.
  const bool moving = leg == kReplacedLeg || (transfer_ && transfer_->lent);
  if (!moving) {
    negotiation_.on_offer(leg, fork, request);
  } else if (auto* asker = session(leg)) {
    asker->answer_offer(491);
  }
}

void Call::on_offer_answered(int leg, const sip::Message& response) {
  negotiation_.on_offer_answered(leg, response);
}

void Call::on_offer_acked(int leg, const sip::Message& ack) {
  negotiation_.on_offer_acked(leg, ack);
}

void Call::on_offer_cancelled(int leg) { negotiation_.on_offer_cancelled(leg); }

void Call::on_offer_refused(int leg, int status, const sip::Message* response) {
  negotiation_.on_offer_refused(leg, status, response);
}

// --- the end -----------------------------------------------------------------------------------

void Call::on_refused(int, int status, const sip::Message* response) {
  if (at_endpoint()) settle_group(static_cast<std::size_t>(callee()->refused_branch()), 0);
  // A person's other phone may take a call that this one doesn't (RFC 3261 §16.7), but for a 6xx.
  const bool elsewhere = response == nullptr || status == 503 || (at_endpoint() && status < 600);
  if (elsewhere && try_next_place(status)) return;
  rest_vendor(status, response);
  if (follow_redirect(status, response)) return;
  const bool silent = response == nullptr && status != 503;
  if (try_next_vendor({.status = status, .silent = silent})) return;
  const ReleaseCause cause = why_refused(status, response != nullptr, at_endpoint());
  if (response == nullptr) {
    const bool hung_up = cause == ReleaseCause::EndpointRefused;
    release(cause, hung_up ? Direction::kCallee : Direction::kSwitch, status);
    return;
  }
  // What a gateway says about itself or about our request is nothing for the caller.
  const bool passes = release_info(cause).sip == 0 || cause == ReleaseCause::UserBusy;
  release(cause, Direction::kCallee, status, passes ? response : nullptr);
}

void Call::take_back_answer() {
  if (state_ != State::kAnswered) return;
  state_ = State::kRinging;
  record_.answer_ms = 0;
}

void Call::on_cancelled(int, const sip::Message& request) {
  take_back_answer();
  release(ReleaseCause::CallerCancelled, Direction::kCaller, 0, &request);
}

void Call::on_bye(int leg, const sip::Message& bye) {
  if (left_before_its_time(leg)) return;
  if (leg == kCalleeLeg && state_ != State::kAnswered) {  // out of an early dialog: it won't answer
    if (at_endpoint() ? try_next_place(480) : try_next_vendor({.status = 480})) return;
    const auto cause = at_endpoint() ? ReleaseCause::EndpointRefused : ReleaseCause::GatewayRefused;
    release(cause, Direction::kCallee, 480, &bye);
    return;
  }
  release(ReleaseCause::NormalClearing, leg == kCallerLeg ? Direction::kCaller : Direction::kCallee,
          0, &bye);
}

void Call::on_lost(int leg) {
  if (left_before_its_time(leg)) return;
  release(ReleaseCause::AckTimeout, Direction::kSwitch);
}

void Call::on_prack_missing(int) {
  take_back_answer();
  release(ReleaseCause::PrackTimeout, Direction::kSwitch);
}

void Call::hang_up(ReleaseCause cause) { release(cause, Direction::kSwitch); }

void Call::release(ReleaseCause cause, Direction direction, int status,
                   const sip::Message* passed) {
  if (state_ == State::kReleasing || state_ == State::kOver) return;
  if (announcing_) {  // whatever ends it, this is why there was something to be told
    cause = announcing_->ending.cause;
    direction = announcing_->ending.direction;
    status = announcing_->ending.status;
  } else if (announce({cause, direction, status, passed})) {
    return;
  }
  const bool answered = state_ == State::kAnswered || state_ == State::kTransferred;
  state_ = State::kReleasing;
  settle_unanswered(0);
  board_.env.wheel.cancel(progress_timer_);
  board_.env.wheel.cancel(silence_timer_);
  board_.env.wheel.cancel(duration_timer_);
  board_.env.wheel.cancel(media_timer_);
  board_.env.wheel.cancel(unsafe_timer_);
  board_.env.wheel.cancel(announcement_timer_);
  board_.env.wheel.cancel(crossing_timer_);
  const ReleaseInfo& info = release_info(cause);
  settle_vendor(false);
  const int code = direction == Direction::kCaller ? info.sip : status_for_caller(cause, status);
  record_.end_ms = base::wall_ms_now();
  if (answered)
    record_.hold_ms = (now() - answered_at_) / base::Millis{1};
  else
    record_.sip_code = code;
  record_.end_reason = info.name;
  record_.end_direction = direction_name(direction);
  keep();
  end_ties(cause, direction, code);
  finish_legs(cause, code, passed);
  board_.env.counters.add(Counter::calls_ended);
  if (media_) media_->close(now());
  if (media_ && media_->closing()) {
    figures_timer_ = board_.env.wheel.arm(now() + kFiguresWait, *this, kFiguresClock);
  } else {
    complete();
  }
}

void Call::finish_legs(ReleaseCause cause, int status, const sip::Message* passed) {
  const std::string reason = reason_value(cause);
  const std::uint32_t pause = retry_after_s(cause, board_.env.random);
  if (auto* leg = caller()) leg->finish(status, reason, passed, pause);
  if (auto* leg = callee()) leg->finish(status, reason, passed);
}

void Call::on_flow_closed(const wire::FlowClosed& event) {
  // Media of a call whose party went elsewhere end before it does.
  if (media_ && media_->on_closed(event) && state_ == State::kReleasing) complete();
}

void Call::record_now() {
  hang_up(ReleaseCause::Shutdown);
  complete();
}

void Call::complete() {
  if (std::exchange(state_, State::kOver) == State::kOver) return;
  board_.env.wheel.cancel(figures_timer_);
  take_figures(record_);
  if (board_.open_calls != nullptr) board_.open_calls->add_figures(kept_, record_);
  board_.call_over(id_, std::move(record_), kept_);
}

void Call::keep() {
  if (board_.open_calls == nullptr) return;
  board_.open_calls->keep(kept_, record_, state_ >= State::kReleasing);
}

}  // namespace tandem::calls
