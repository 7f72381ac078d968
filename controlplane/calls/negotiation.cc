#include "controlplane/calls/negotiation.h"

#include <algorithm>
#include <utility>

#include "controlplane/sdp/codecs.h"
#include "controlplane/sdp/sending.h"
#include "controlplane/sip/body.h"
#include "controlplane/sip/end_to_end.h"

namespace tandem::calls {
namespace {

int other_leg(int leg) { return 1 - leg; }
media::Side side_of(int leg) { return static_cast<media::Side>(leg); }

std::string_view codec_of(const sdp::Description& description) {
  if (description.media.empty()) return {};
  const sdp::Media& first = description.media.front();
  return first.codec.empty() ? first.formats : first.codec;  // "t38" has no name but itself
}

bool is_early(const sip::InviteSession& leg) {
  return leg.state() == sip::SessionState::kIncoming || leg.state() == sip::SessionState::kCalling;
}

// What one party's refusal of a change is to the other: a status that doesn't cost it the dialog,
// that no header of ours would have to explain and that answers its own request.
int relayed_refusal(int status) {
  switch (status) {
    case 401:
    case 405:
    case 407:
    case 408:
    case 420:
    case 481:
    case 501:
      return 488;
    case 503:  // with a Retry-After it would be said of us, and of all calls (§21.5.4)
      return 500;
    default:
      return status < 400 ? 488 : status;
  }
}

}  // namespace

// What a party has said counts from now on.
void Negotiation::agree(int leg, std::string_view description) {
  said_[static_cast<std::size_t>(leg)] = description;
  if (const auto parsed = sdp::parse(description)) media_->set_remote(side_of(leg), *parsed);
}

// Those of whoever is told come last: the order is his.
std::string Negotiation::limited(std::string description, int from) const {
  for (const int leg : {from, other_leg(from)}) {
    const auto codecs = parties_.codecs(leg);
    if (!codecs.empty()) description = sdp::with_codecs(description, codecs);
  }
  return description;
}

bool Negotiation::offers_any(std::string_view offer, int from) const {
  const std::string text = limited(std::string(offer), from);
  const auto description = sdp::parse(text);
  return description && std::any_of(description->media.begin(), description->media.end(),
                                    [](const sdp::Media& media) { return media.port != 0; });
}

std::string Negotiation::rewritten(const sdp::Description& description, int from) const {
  const std::string text =
      with_digits(limited(media_->rewritten(description, side_of(from)), from), from);
  return caller_hidden_ && from == kCallerLeg ? sdp::anonymous(text) : text;
}

std::string Negotiation::shown(const sdp::Description& description, int from) {
  std::string text = rewritten(description, from);
  const auto to = static_cast<std::size_t>(other_leg(from));
  told_events_[to] = sdp::events_of(text);
  auto& origin = origins_[to];
  if (!origin) return text;
  ++origin->version;
  return sdp::with_origin(text, *origin);
}

// --- setting up --------------------------------------------------------------------------------

std::optional<ReleaseCause> Negotiation::begin(std::string_view offer, base::Nanos now) {
  late_ = offer.empty();
  if (late_) return std::nullopt;
  const auto description = sdp::parse(offer);
  if (!description) return ReleaseCause::BadSessionDescription;
  if (!media_->open(*description, media::Side::kCaller, now)) return ReleaseCause::NoMediaPort;
  if (!media_->is_open()) return ReleaseCause::BadSessionDescription;  // nothing we could relay
  if (!offers_any(offer, kCallerLeg)) return ReleaseCause::NoCommonCodec;
  if (!media_->take_offer(*description, media::Side::kCaller)) {
    return ReleaseCause::MediaEncryption;
  }
  first_offer_ = offer;
  parties_.on_media(codec_of(*description));
  return std::nullopt;
}

std::string Negotiation::first_offer() {
  return late_ ? std::string() : shown(*sdp::parse(first_offer_), kCallerLeg);
}

bool Negotiation::described() const {
  return std::any_of(forks_.begin(), forks_.end(),
                     [](const Fork& fork) { return fork.callee != kOver; });
}

bool Negotiation::sends(int leg) const {
  const auto own = sdp::parse(said(leg));
  const auto other = sdp::parse(said(other_leg(leg)));
  return own && other && sdp::sends(*own, *other);
}

void Negotiation::forget_callee() {
  insecure_ = false;  // the next one has said nothing yet
  for (Fork& fork : forks_) fork.callee = kOver;
  if (!change_) return;
  // What the caller wanted to change was asked of somebody who is gone.
  const Change change = *std::exchange(change_, std::nullopt);
  auto* asker = change.from == kCallerLeg ? caller() : nullptr;
  if (asker != nullptr) asker->answer_offer(500);
}

Negotiation::Fork* Negotiation::find(int callee_fork) {
  const auto found = std::find_if(forks_.begin(), forks_.end(),
                                  [&](const Fork& fork) { return fork.callee == callee_fork; });
  return found == forks_.end() ? nullptr : &*found;
}

Negotiation::Fork* Negotiation::take_description(int callee_fork, const sip::Message& response,
                                                 base::Nanos now) {
  Fork* fork = find(callee_fork);
  const auto text = sip::sdp_of(response);
  if (text.empty() || (fork != nullptr && fork->settled)) return nullptr;
  const auto description = sdp::parse(text);
  if (!description || description->media.empty()) return nullptr;
  if (late_ && !media_->is_open()) {
    if (!media_->open(*description, media::Side::kCallee, now) || !media_->is_open()) {
      return nullptr;
    }
  }
  const bool secure = late_ ? media_->take_offer(*description, media::Side::kCallee)
                            : media_->take_answer(*description, media::Side::kCallee);
  if (!secure) {
    insecure_ = true;
    return nullptr;
  }
  media_->set_remote(media::Side::kCallee, *description);
  if (!late_) media_->agree_early(*description);
  parties_.on_media(codec_of(*description));
  if (fork == nullptr) {
    // Each of the callee's that describes media is one of the caller's (RFC 3261 §12.1), since no
    // dialog has two answers to one offer.
    auto* leg = caller();
    const int own = forks_.empty() || leg == nullptr ? 0 : leg->new_fork();
    fork = &forks_.emplace_back(Fork{callee_fork, own, false, {}, first_offer_, {}});
  }
  fork->sdp = text;
  fork->relayed = shown(*description, kCalleeLeg);
  return fork;
}

bool Negotiation::on_provisional(int fork, const sip::Message& response, base::Nanos now) {
  auto* leg = caller();
  auto* other = callee();
  if (other == nullptr || response.status() == 100) return false;
  const bool reliable = other->heard_reliably(response);
  const Fork* described = nullptr;
  if (Fork* taken = take_description(fork, response, now)) {
    taken->settled = reliable && !late_;
    described = taken;
  }
  const Fork* known = find(fork);
  if (late_ && known == nullptr && other->agreement(fork) == sip::Agreement::kTheirs) {
    // An offer that can't be passed on waits for an answer that nobody could give.
    parties_.give_up(ReleaseCause::BadSessionDescription);
    return false;
  }
  // Nobody listens yet: the caller comes from another call when this one is answered.
  if (leg == nullptr) return described != nullptr;
  // A late offer that was only shown, not made, may not become one on the caller's side.
  const bool shown_only = late_ && !reliable;
  const bool passes = described != nullptr && !(shown_only && leg->requires_reliable());
  const sip::Body body = sip::body_of(response, passes ? described->relayed : std::string());
  const std::string headers = sip::passing_headers(response);
  leg->progress({.status = response.status(),
                 .fork = known != nullptr ? known->caller : 0,
                 .reliably = reliable || (passes && !shown_only),
                 .content_type = body.type,
                 .body = body.bytes,
                 .passed = headers});
  return described != nullptr;
}

bool Negotiation::on_answered(int fork, const sip::Message& response, base::Nanos now) {
  Fork* winner = take_description(fork, response, now);
  if (winner == nullptr) winner = find(fork);
  if (winner == nullptr) winner = find(0);  // described in an 18x without a tag
  if (winner == nullptr) return false;
  winner_ = static_cast<int>(winner - forks_.data());
  const auto callees = sdp::parse(winner->sdp);
  const auto callers = sdp::parse(winner->other);
  if (callees && !late_) media_->take_answer(*callees, media::Side::kCallee);
  if (callees) agree(kCalleeLeg, winner->sdp);
  if (callers) agree(kCallerLeg, winner->other);
  const auto& answer = late_ ? callers : callees;
  if (answer && !change_) media_->agree(*answer, now);
  if (callees) parties_.on_media(codec_of(*callees));
  settle_events();
  return true;
}

void Negotiation::accept(const sip::Message& response) {
  const Fork& winner = forks_[static_cast<std::size_t>(winner_)];
  const sip::Body body = sip::body_of(response, winner.relayed);
  const std::string headers = sip::passing_headers(response);
  if (auto* leg = caller()) leg->accept(body.type, body.bytes, winner.caller, headers);
}

int Negotiation::twin(int from, int fork) const {
  const auto known = std::find_if(forks_.begin(), forks_.end(), [&](const Fork& f) {
    return (from == kCallerLeg ? f.caller : f.callee) == fork;
  });
  if (known == forks_.end() || known->callee == kOver) return -1;
  return from == kCallerLeg ? known->callee : known->caller;
}

// The ACK of a late offer in a 2xx brings the answer.
void Negotiation::on_acked(const sip::Message& ack) {
  auto* leg = callee();
  if (leg == nullptr || leg->state() != sip::SessionState::kAnswered) return;
  const auto answer = sdp::parse(sip::sdp_of(ack));
  if (!answer) {
    leg->ack({}, {});
    parties_.give_up(ReleaseCause::BadSessionDescription);
    return;
  }
  if (!media_->take_answer(*answer, media::Side::kCaller)) {
    leg->ack({}, {});
    parties_.give_up(ReleaseCause::MediaEncryption);
    return;
  }
  agree(kCallerLeg, sip::sdp_of(ack));
  media_->agree(*answer, parties_.now());
  leg->ack(sdp::kContentType, shown(*answer, kCallerLeg));
  settle_events();
}

// The PRACK of a late offer in an 18x.
void Negotiation::on_early_answer(int fork, const sip::Message& prack) {
  const auto of = std::find_if(forks_.begin(), forks_.end(),
                               [&](const Fork& known) { return known.caller == fork; });
  auto* leg = callee();
  const auto answer = sdp::parse(sip::sdp_of(prack));
  if (leg == nullptr || of == forks_.end() || !answer) {
    parties_.give_up(ReleaseCause::BadSessionDescription);
    return;
  }
  if (of->callee == kOver) return;  // who asked is no longer there
  if (!media_->take_answer(*answer, media::Side::kCaller)) {
    parties_.give_up(ReleaseCause::MediaEncryption);
    return;
  }
  of->settled = true;
  of->other = sip::sdp_of(prack);
  media_->set_remote(media::Side::kCaller, *answer);
  leg->prack(of->callee, sdp::kContentType, shown(*answer, kCallerLeg));
}

// --- changing ----------------------------------------------------------------------------------

void Negotiation::on_offer(int leg, int fork, const sip::Message& request) {
  if (only_refreshes(leg, request)) {
    parties_.session(leg)->answer_offer(200, sdp::kContentType, standing(leg));
    return;
  }
  const int refusal = relay_offer(leg, fork, request);
  if (refusal == 0) return;
  if (auto* asker = parties_.session(leg)) asker->answer_offer(refusal);
}

// A status to refuse it with; 0: it is on its way.
int Negotiation::relay_offer(int from, int fork, const sip::Message& request) {
  if (change_) return 491;
  const bool late = sip::sdp_of(request).empty();
  std::string shown_offer;
  if (!late) {
    const auto offer = sdp::parse(sip::sdp_of(request));
    if (offer) media_->propose(*offer, side_of(from), parties_.now());
    if (!offer || !media_->relays(*offer)) return 488;
    if (!offers_any(sip::sdp_of(request), from) || !media_->take_offer(*offer, side_of(from))) {
      media_->withdraw(parties_.now());
      return 488;
    }
    shown_offer = shown(*offer, from);
  }
  const int refusal = pass_on(from, fork, request, shown_offer);
  if (refusal != 0) media_->withdraw(parties_.now());
  if (refusal == 0) {
    const int callee_fork = from == kCalleeLeg ? fork : twin(from, fork);
    change_ = Change{from, std::string(sip::sdp_of(request)), late, winner_ < 0 ? callee_fork : -1};
  }
  return refusal;
}

// As the re-INVITE that it was; else as an UPDATE, where the other party takes it; else, once that
// dialog is confirmed, as a re-INVITE (RFC 3311 §5.1).
int Negotiation::pass_on(int from, int fork, const sip::Message& request,
                         const std::string& offer) {
  auto* other = parties_.session(other_leg(from));
  if (other == nullptr) return 481;
  const sip::Body body = sip::body_of(request, offer);
  const std::string headers = sip::passing_headers(request, other->withheld());
  const auto reinvite = [&] { return other->offer(body.type, body.bytes, headers) ? 0 : 491; };
  if (request.method() == sip::Method::kInvite) return reinvite();
  int into = other->fork();
  if (is_early(*other)) {
    into = twin(from, fork);
    if (into < 0) return 488;
    const auto agreement = other->agreement(into);
    if (agreement == sip::Agreement::kAnswered) return 491;  // until its PRACK is here
    if (agreement != sip::Agreement::kSettled) return 488;   // nor can it be in this dialog
  }
  if (other->allows_update(into)) {
    return other->update(into, body.type, body.bytes, headers) ? 0 : 491;
  }
  return is_early(*other) ? 488 : reinvite();
}

void Negotiation::on_offer_answered(int leg, const sip::Message& response) {
  if (!change_ || leg == change_->from) return;
  auto* asker = parties_.session(change_->from);
  const auto theirs = sdp::parse(sip::sdp_of(response));
  if (change_->ours) {
    const std::string offer = std::exchange(change_, std::nullopt)->offer;
    const bool agreed = theirs && media_->take_answer(*theirs, side_of(leg));
    if (agreed) {
      agree(other_leg(leg), offer);
      agree(leg, sip::sdp_of(response));
      media_->agree_early(*theirs);
      if (!theirs->media.empty()) parties_.on_media(codec_of(*theirs));
      settle_events();
    }
    parties_.on_asked(leg, agreed ? 200 : 488);
    return;
  }
  if (asker == nullptr || !theirs) {
    // The other party has agreed to something that nobody can be told of.
    parties_.give_up(ReleaseCause::BadSessionDescription);
    return;
  }
  if (change_->late) media_->propose(*theirs, side_of(leg), parties_.now());
  const bool secure = change_->late ? media_->take_offer(*theirs, side_of(leg))
                                    : media_->take_answer(*theirs, side_of(leg));
  if (!secure) {
    parties_.give_up(ReleaseCause::MediaEncryption);
    return;
  }
  const sip::Body body = sip::body_of(response, shown(*theirs, leg));
  const std::string headers = sip::passing_headers(response, asker->withheld());
  if (change_->late) {
    change_->offer = sip::sdp_of(response);
  } else {
    const Change change = *std::exchange(change_, std::nullopt);
    agree(change.from, change.offer);
    agree(leg, sip::sdp_of(response));
    if (!theirs->media.empty()) parties_.on_media(codec_of(*theirs));
    if (change.callee_fork < 0)
      media_->agree(*theirs, parties_.now());
    else
      media_->agree_early(*theirs);
    settle_events();
    if (Fork* early = find(change.callee_fork)) {
      const bool callers = change.from == kCallerLeg;
      early->other = callers ? change.offer : std::string(sip::sdp_of(response));
      early->sdp = callers ? std::string(sip::sdp_of(response)) : change.offer;
    }
  }
  asker->answer_offer(200, body.type, body.bytes, headers);
}

void Negotiation::on_offer_acked(int leg, const sip::Message& ack) {
  if (!change_ || leg != change_->from || !change_->late) return;
  const Change change = *std::exchange(change_, std::nullopt);
  auto* other = parties_.session(other_leg(leg));
  const auto answer = sdp::parse(sip::sdp_of(ack));
  if (other == nullptr || !answer) {
    parties_.give_up(ReleaseCause::BadSessionDescription);
    return;
  }
  if (!media_->take_answer(*answer, side_of(leg))) {
    parties_.give_up(ReleaseCause::MediaEncryption);
    return;
  }
  agree(leg, sip::sdp_of(ack));
  agree(other_leg(leg), change.offer);
  media_->agree(*answer, parties_.now());
  other->ack_offer(sdp::kContentType, shown(*answer, leg));
  settle_events();
}

// The other party's answer decides; a 2xx may be on its way already.
void Negotiation::on_offer_cancelled(int leg) {
  if (!change_ || leg != change_->from) return;
  if (auto* other = parties_.session(other_leg(leg))) other->cancel_offer();
}

// The session stays as it was (§14.1), unless the other party has lost its dialog.
void Negotiation::on_offer_refused(int leg, int status, const sip::Message* response) {
  if (!change_ || leg == change_->from) return;
  const Change change = *std::exchange(change_, std::nullopt);
  media_->withdraw(parties_.now());
  if (change.ours) {
    parties_.on_asked(leg, status);
    return;
  }
  const auto* other = parties_.session(leg);
  const bool confirmed = other != nullptr && !is_early(*other);
  if (confirmed && status == 481) {
    parties_.on_dialog_lost();
    return;
  }
  if (confirmed && status == 408) {
    parties_.give_up(ReleaseCause::DialogLost);
    return;
  }
  if (auto* asker = parties_.session(change.from)) {
    asker->refuse_offer(relayed_refusal(status), response);
  }
}

// --- keeping -----------------------------------------------------------------------------------

// The party says what it has said before, for its session timer's sake: that is this leg's alone.
// Word by word: some count their versions badly, and a change must not get lost.
bool Negotiation::only_refreshes(int leg, const sip::Message& request) const {
  const auto* asker = parties_.session(leg);
  return asker != nullptr && asker->session_interval() != base::Seconds{} &&
         request.body() == said(leg) && !standing(leg).empty();
}

std::string Negotiation::standing(int leg) const {
  const int from = other_leg(leg);
  const auto description = sdp::parse(said(from));
  if (change_ || said(from).empty() || !description || !media_) return {};
  const std::string text = rewritten(*description, from);
  const auto& origin = origins_[static_cast<std::size_t>(leg)];
  return origin ? sdp::with_origin(text, *origin) : text;
}

void Negotiation::on_refreshed(int leg, const sip::Message& response) {
  const auto text = sip::sdp_of(response);
  const auto description = sdp::parse(text);
  if (text.empty() || text == said(leg) || !description || !media_) return;
  if (!media_->take_answer(*description, side_of(leg))) {
    parties_.give_up(ReleaseCause::MediaEncryption);
    return;
  }
  agree(leg, text);
  media_->agree_early(*description);
  settle_events();
  if (!description->media.empty()) parties_.on_media(codec_of(*description));
}

// --- other parties -----------------------------------------------------------------------------

bool Negotiation::ask(int leg, std::string_view description) {
  auto* asked = parties_.session(leg);
  const auto offer = sdp::parse(description);
  if (change_ || asked == nullptr || !offer) return false;
  const int from = other_leg(leg);
  change_ = Change{from, std::string(description), false, -1, true};
  media_->make_offer(side_of(leg));
  const auto before = origins_;  // a version that was never said is none
  if (asked->offer(sdp::kContentType, shown(*offer, from))) return true;
  change_.reset();
  media_->withdraw(parties_.now());
  origins_ = before;
  return false;
}

sdp::Origin Negotiation::told(int leg) const {
  const auto index = static_cast<std::size_t>(leg);
  if (origins_[index]) return *origins_[index];
  sdp::Origin out = sdp::origin_of(said(other_leg(leg)));
  if (caller_hidden_ && leg == kCalleeLeg) out.user = "-";
  return out;
}

void Negotiation::replace(int leg, std::string description) {
  said_[static_cast<std::size_t>(leg)] = std::move(description);
}

}  // namespace tandem::calls
