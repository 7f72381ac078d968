// The part of a call that speaks to its caller itself: the ringback tone, and what a customer has
// its callers told before a failure's status.
#include <algorithm>

#include "controlplane/calls/call.h"
#include "controlplane/sip/body.h"
#include "controlplane/sip/builder.h"
#include "controlplane/sip/end_to_end.h"
#include "controlplane/sip/parser.h"

namespace tandem::calls {
namespace {

using config::Parameters;
using media::Side;

// How much longer than the sound itself its end is waited for.
constexpr base::Nanos kEndWait = base::Seconds{1};

// Somebody is in a hurry, or the caller isn't to be kept.
bool is_told(ReleaseCause cause) {
  return cause != ReleaseCause::Shutdown && cause != ReleaseCause::OperatorHangup &&
         cause != ReleaseCause::PrackTimeout && cause != ReleaseCause::EndpointReplaced;
}

}  // namespace

bool Call::rings_itself() const {
  const Parameters& system = board_.site.parameters;
  const Parameters& own = at_endpoint() ? system : vendor_parameters();
  return board_.sounds != nullptr && own.TD_LOCAL_RING == Parameters::LocalRing::on;
}

// True: the caller hears the tone, and the callee's ringing isn't passed on.
bool Call::ring_locally(const sip::Message& response) {
  const int status = response.status();
  const bool rings = status >= 180 && status <= 182 && sip::sdp_of(response).empty();
  if (!rings || !rings_itself() || negotiation_.described()) return false;
  if (caller() == nullptr || !media_ || media_->direct()) return false;
  if (spoken_) return true;  // it rings and rings
  spoken_ = negotiation_.speak(sip::passing_headers(response));
  if (!spoken_) return false;
  const Parameters& own = at_endpoint() ? board_.site.parameters : vendor_parameters();
  media_->ring(Side::kCaller, board_.sounds->ringback(own.TD_RING_COUNTRY), spoken_->law);
  return true;
}

void Call::stop_ringing() {
  if (std::exchange(spoken_, std::nullopt) && media_) media_->hush(Side::kCaller);
}

std::optional<media::Sounds::Announcement> Call::announcement_for(ReleaseCause cause) const {
  if (!customer_ || board_.sounds == nullptr) return std::nullopt;
  const config::Announcement* others = nullptr;
  for (const config::Announcement& each : customer_->settings.announcements) {
    if (each.reason == release_info(cause).name) return board_.sounds->find(each.sound);
    if (each.reason == "*") others = &each;
  }
  return others != nullptr ? board_.sounds->find(others->sound) : std::nullopt;
}

// True: the call ends when the caller has heard why.
bool Call::announce(const Ending& ending) {
  if (state_ >= State::kAnswered || ending.direction == Direction::kCaller || takeover_ ||
      transfer_)
    return false;
  const auto sound = announcement_for(ending.cause);
  const auto* leg = caller();
  if (!sound || !is_told(ending.cause) || leg == nullptr || offer_.empty() ||
      leg->state() != sip::SessionState::kIncoming) {
    return false;
  }
  if (!spoken_ && !open_own_media()) return false;
  keep();
  if (!spoken_) spoken_ = negotiation_.speak({});
  if (!spoken_) return false;
  let_callee_go(ending.cause);
  state_ = State::kRinging;
  announcing_ =
      Announcing{.ending = ending,
                 .passed = ending.passed == nullptr ? std::string() : sip::copy_of(*ending.passed)};
  announcing_->ending.passed = nullptr;
  announcing_->play = media_->announce(Side::kCaller, *sound, spoken_->law);
  announcement_timer_ =
      board_.env.wheel.arm(now() + sound->length + kEndWait, *this, kAnnouncementClock);
  return true;
}

// Nobody is called any longer, and nobody's place is held.
void Call::let_callee_go(ReleaseCause cause) {
  settle_unanswered(0);
  settle_vendor(false);
  board_.env.wheel.cancel(progress_timer_);
  board_.env.wheel.cancel(silence_timer_);
  if (auto* leg = callee()) leg->finish(0, reason_value(cause));
  callee_ = asked_ = {};
  if (vendor_) vendor_->load->give_back();
  vendor_ = {};
  negotiation_.forget_callee();
  if (auto* leg = caller()) leg->abandon_relayed();
}

// Media through us, whoever's they would have been; what is open already serves.
bool Call::open_own_media() {
  if (media_ && media_->is_open() && !media_->direct() && negotiation_.offered()) return true;
  if (media_towards_caller_ < 0) return false;
  if (media_) media_->close(now());
  const auto towards = static_cast<std::uint32_t>(media_towards_caller_);
  media_ = std::make_unique<media::MediaSession>(
      board_.datapath, board_.ports, board_.site.corridor.plan, std::array{towards, towards},
      id_.handle.raw, parameters_->SS_QOS_RTP);
  media_->set_source(Side::kCaller, {caller()->dialog().path.remote.address, false});
  media_->encrypt(Side::kCaller, caller_secret());
  media_->protect(Side::kCaller, caller_srtp(), board_.srtp, *this);
  return !negotiation_.begin(offer_, now());
}

void Call::on_play_ended(const wire::PlayEnded& event) {
  if (announcing_ && media_ && media_->ended(event, announcing_->play)) end_announced();
}

// As it would have ended at once.
void Call::end_announced() {
  const Announcing told = *announcing_;
  std::string bytes = told.passed;
  sip::Message passed;
  const bool readable =
      !bytes.empty() &&
      sip::Parser::parse({bytes.data(), bytes.size()}, passed).verdict == sip::ParseVerdict::kOk;
  const Ending& ending = told.ending;
  release(ending.cause, ending.direction, ending.status, readable ? &passed : nullptr);
}

}  // namespace tandem::calls
