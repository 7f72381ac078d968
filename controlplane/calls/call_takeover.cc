// The part of a call that somebody of another call comes to: as its only caller (blind transfer),
// or in the place of one of its parties (attended transfer, INVITE with Replaces). The party that
// stays is asked first, with what the guest said; then the guest, with what that one answered; only
// when both agree does anybody lose a place.
#include <utility>

#include "controlplane/calls/call.h"

namespace tandem::calls {
namespace {

// Of one question: to a party who is busy with a change of its own (491, RFC 3261 §14.1).
constexpr int kTriesMax = 6;

Direction direction_of(int leg) {
  return leg == kCallerLeg ? Direction::kCaller : Direction::kCallee;
}

media::Side side_of(int leg) { return static_cast<media::Side>(leg); }

}  // namespace

sip::InviteSession* Call::session(int leg) {
  if (leg != kReplacedLeg) return leg == kCallerLeg ? caller() : callee();
  return takeover_ ? board_.agent->find(takeover_->replaced) : nullptr;
}

// --- how it begins -----------------------------------------------------------------------------

void Call::begin_referred(CallId id, std::string name, const Guest& guest,
                          const sip::Message& invite) {
  id_ = id;
  media_towards_caller_ = static_cast<int>(guest.address);
  board_.env.counters.add(wire::Counter::calls_started);
  record_ = first_record(std::move(name), invite);
  record_.transferred_from = guest.home_name;
  takeover_ = Takeover{.home = guest.home,
                       .slot = kCallerLeg,
                       .blind = true,
                       .said = guest.said,
                       .told = guest.told,
                       .address = guest.address,
                       .secret = guest.secret,
                       .srtp = guest.srtp,
                       .source = guest.source};
  if (const auto refusal = set_up(guest.payer, invite)) release(*refusal, Direction::kSwitch);
}

// 0: it is under way; else why not.
int Call::take_over(const Guest& guest, int leg) {
  if (leg == kReplacedLeg || transfer_ || takeover_) return 491;
  // Who waits for an answer may give his place away, and loses it when the answer is there.
  const bool ringing = state_ == State::kCalling || state_ == State::kRinging;
  if (state_ != State::kAnswered && !(ringing && leg == kCallerLeg)) return 481;
  takeover_ = Takeover{.home = guest.home,
                       .slot = leg,
                       .said = guest.said,
                       .told = guest.told,
                       .address = guest.address,
                       .secret = guest.secret,
                       .srtp = guest.srtp,
                       .source = guest.source};
  if (!ringing) ask_target();
  return 0;
}

// --- the questions -----------------------------------------------------------------------------

void Call::ask_target() {
  Takeover& t = *takeover_;
  t.stage = Takeover::kAskingTarget;
  const int stays = 1 - t.slot;
  if (!t.former) {
    if (negotiation_.busy()) {
      retry_takeover();
      return;
    }
    std::array<std::uint32_t, 2> addresses{};
    addresses[static_cast<std::size_t>(t.slot)] = t.address;
    addresses[static_cast<std::size_t>(stays)] = media_->address(side_of(stays));
    auto media = std::make_unique<media::MediaSession>(board_.datapath, board_.ports,
                                                       board_.site.corridor.plan, addresses,
                                                       id_.handle.raw, parameters_->SS_QOS_RTP);
    media->set_source(side_of(t.slot), t.source);
    media->set_source(side_of(stays), media_->source(side_of(stays)));
    media->encrypt(side_of(t.slot), t.secret);
    media->encrypt(side_of(stays), media_->secret(side_of(stays)));
    media->protect(side_of(t.slot), t.srtp, board_.srtp, *this);
    media->protect(side_of(stays), media_->rule(side_of(stays)), board_.srtp, *this);
    const auto description = sdp::parse(t.said);
    if (!description || !media->open(*description, side_of(t.slot), now()) || !media->is_open()) {
      takeover_failed(media->is_open() || !description ? 488 : 503);
      return;
    }
    negotiation_.keep_origin(stays, negotiation_.told(stays));
    t.replaced_said = negotiation_.said(t.slot);
    t.replaced = std::exchange(slot(t.slot), {});
    if (auto* leaving = session(kReplacedLeg)) leaving->listen(this, kReplacedLeg, id_.handle.raw);
    t.former = std::exchange(media_, std::move(media));
    heard_ = {};
  }
  if (!negotiation_.ask(stays, t.said)) retry_takeover();
}

void Call::bring_guest() {
  Takeover& t = *takeover_;
  t.stage = Takeover::kAskingGuest;
  if (!t.lent) {
    Call* home = board_.call(t.home);
    if (home == nullptr || !home->may_lend()) {
      retry_takeover();
      return;
    }
    slot(t.slot) = home->lend();
    t.lent = true;
    auto* guest = session(t.slot);
    guest->listen(this, t.slot, id_.handle.raw);
    if (guest->state() == sip::SessionState::kIncoming) {
      // Its INVITE made the offer that has just been answered.
      guest->accept(sdp::kContentType, negotiation_.shown_to_other(1 - t.slot));
      settle_takeover();
      return;
    }
    negotiation_.keep_origin(t.slot, t.told);
  }
  if (!negotiation_.ask(t.slot, negotiation_.said(1 - t.slot))) retry_takeover();
}

void Call::on_asked(int, int status) {
  if (!takeover_) return;
  if (status == 491) {
    retry_takeover();
    return;
  }
  const Takeover& t = *takeover_;
  const bool lost = status == 408 || status == 481;  // §12.2.1.2
  switch (t.stage) {
    case Takeover::kWaiting:
      return;
    case Takeover::kAskingTarget:
      if (lost) {
        on_dialog_lost();
      } else if (status != 200) {
        takeover_failed(status);
      } else if (t.home) {
        takeover_->tries = 0;
        bring_guest();
      } else {
        restore();
      }
      return;
    case Takeover::kAskingGuest:
      if (status == 200) {
        settle_takeover();
      } else {
        takeover_failed(status);
      }
      return;
    case Takeover::kRestoring:
      if (status == 200) {
        takeover_.reset();
      } else if (lost) {
        on_dialog_lost();
      } else {
        release(ReleaseCause::DialogLost, Direction::kSwitch);
      }
      return;
  }
}

void Call::retry_takeover() {
  Takeover& t = *takeover_;
  const bool guest = t.stage == Takeover::kAskingGuest;
  const auto* asked = session(guest ? t.slot : 1 - t.slot);
  if (++t.tries > kTriesMax) {
    if (t.stage == Takeover::kRestoring) {
      release(ReleaseCause::DialogLost, Direction::kSwitch);
    } else {
      takeover_failed(491);
    }
    return;
  }
  const Nanos pause = asked != nullptr ? asked->glare_pause() : Nanos{base::Seconds{1}};
  takeover_timer_ = board_.env.wheel.arm(now() + pause, *this, kTakeoverClock);
}

void Call::on_takeover_clock() {
  if (!takeover_) return;
  switch (takeover_->stage) {
    case Takeover::kWaiting:
      return;
    case Takeover::kAskingTarget:
      if (takeover_->home || takeover_->former) ask_target();
      return;
    case Takeover::kAskingGuest:
      bring_guest();
      return;
    case Takeover::kRestoring:
      if (!negotiation_.ask(1 - takeover_->slot, takeover_->replaced_said)) retry_takeover();
      return;
  }
}

// --- how it ends -------------------------------------------------------------------------------

void Call::settle_takeover() {
  const Takeover done = *std::exchange(takeover_, std::nullopt);
  board_.env.wheel.cancel(takeover_timer_);
  if (done.former) done.former->close(now());
  if (auto* leaving = board_.agent->find(done.replaced)) {
    leaving->finish(0, reason_value(ReleaseCause::NormalClearing));
  }
  homes_.push_back({done.home, done.slot});
  Call* home = board_.call(done.home);
  if (home == nullptr) return;
  if (record_.transferred_from.empty()) record_.transferred_from = home->name();
  keep();
  home->transferred(id_, name());
}

void Call::takeover_failed(int status) {
  Takeover& t = *takeover_;
  board_.env.wheel.cancel(takeover_timer_);
  Call* home = board_.call(std::exchange(t.home, {}));
  const bool guest_lost = t.lent && (status == 408 || status == 481);
  if (t.lent && home != nullptr) {
    home->take_back(std::exchange(slot(t.slot), {}), negotiation_.told(t.slot));
  }
  t.lent = false;
  if (t.stage != Takeover::kAskingTarget) {
    restore();
  } else {
    leave_as_it_was();
  }
  if (home == nullptr) return;
  if (guest_lost) {
    home->on_dialog_lost();
  } else {
    home->transfer_failed(status, {});
  }
}

// The one that was to be replaced has his place again. False: there is nobody to have it.
bool Call::give_place_back() {
  Takeover& t = *takeover_;
  if (t.former) {
    media_->close(now());
    media_ = std::move(t.former);
    slot(t.slot) = std::exchange(t.replaced, {});
    if (auto* back = session(t.slot)) back->listen(this, t.slot, id_.handle.raw);
    negotiation_.replace(t.slot, t.replaced_said);
  }
  return !t.blind && session(t.slot) != nullptr;
}

// Whoever stays has not changed anything.
void Call::leave_as_it_was() {
  const bool whole = give_place_back();
  const Direction direction = direction_of(takeover_->slot);
  takeover_.reset();
  if (!whole) release(ReleaseCause::NormalClearing, direction);
}

// Whoever stays has agreed to the guest already, and is asked to take the former party back.
void Call::restore() {
  Takeover& t = *takeover_;
  if (!give_place_back()) {
    const bool blind = t.blind;
    const Direction direction = direction_of(t.slot);
    release(blind ? ReleaseCause::TransferFailed : ReleaseCause::NormalClearing, direction);
    return;
  }
  t.stage = Takeover::kRestoring;
  t.tries = 0;
  if (!negotiation_.ask(1 - t.slot, t.replaced_said)) retry_takeover();
}

// The guest, or all of its home, has ended.
void Call::guest_gone() {
  if (!takeover_) return;
  Takeover& t = *takeover_;
  t.home = {};
  if (std::exchange(t.lent, false)) {
    const sip::SessionId guest = std::exchange(slot(t.slot), {});
    if (auto* leg = board_.agent->find(guest)) {
      leg->finish(0, reason_value(ReleaseCause::NormalClearing));
    }
  }
  switch (t.stage) {
    case Takeover::kWaiting:
      if (t.blind) {
        release(ReleaseCause::CallerCancelled, Direction::kCaller);
      } else {
        takeover_.reset();
      }
      return;
    case Takeover::kAskingTarget:
      if (!t.former) takeover_.reset();  // else when the answer is there
      return;
    case Takeover::kAskingGuest:
      restore();
      return;
    case Takeover::kRestoring:
      return;
  }
}

bool Call::left_before_its_time(int leg) {
  if (leg == kReplacedLeg) {
    if (takeover_) takeover_->replaced = {};
    return true;
  }
  if (transfer_ && leg == transfer_->asker) {
    // It need not wait for how its transfer ends.
    transfer_->asker_gone = true;
    slot(leg) = {};
    return true;
  }
  if (!takeover_ || !takeover_->lent || leg != takeover_->slot) return false;
  // The guest, just before it was in.
  slot(leg) = {};
  takeover_->lent = false;
  Call* home = board_.call(std::exchange(takeover_->home, {}));
  restore();
  if (home != nullptr) home->guest_hung_up();
  return true;
}

void Call::end_ties(ReleaseCause cause, Direction direction, int status) {
  if (transfer_) {
    const Transfer ended = *std::exchange(transfer_, std::nullopt);
    auto* asker = ended.asker < 0 || ended.asker_gone ? nullptr : session(ended.asker);
    if (asker != nullptr) asker->tell_referral(487, "Request Terminated", true);
    if (Call* host = board_.call(ended.host)) host->guest_gone();
  }
  if (takeover_) {
    Takeover ended = *std::exchange(takeover_, std::nullopt);
    board_.env.wheel.cancel(takeover_timer_);
    if (ended.former) ended.former->close(now());
    if (auto* leaving = board_.agent->find(ended.replaced)) {
      leaving->finish(0, reason_value(cause));
    }
    if (Call* home = board_.call(ended.home)) {
      if (ended.lent) {
        home->take_back(std::exchange(slot(ended.slot), {}), negotiation_.told(ended.slot));
        home->reassure_guest();
      }
      home->transfer_failed(status, {});
    }
  }
  if (Call* host = board_.call(std::exchange(host_, {}))) host->release(cause, Direction::kSwitch);
  for (const auto& [home, leg] : std::exchange(homes_, {})) {
    if (Call* ended = board_.call(home)) ended->end_with_host(cause, direction, leg);
  }
}

// Our party's call with others is over. `direction` as they see it; `leg`: our party's there.
void Call::end_with_host(ReleaseCause cause, Direction direction, int leg) {
  if (direction != Direction::kSwitch) {
    direction = direction_of(direction == direction_of(leg) ? gone_leg_ : 1 - gone_leg_);
  }
  release(cause, direction);
}

}  // namespace tandem::calls
