// One call: two legs (RFC 3261 dialogs of their own), the media between them, the clocks that limit
// it, and the record it leaves. The only place that knows both legs.
//
// Life: routed or refused at once → calling → (ringing) → answered → ended → its media figures are
// in → recorded → dropped. Every life ends in exactly one record. Owner: the shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/calls/failover.h"
#include "controlplane/calls/identity.h"
#include "controlplane/calls/media_policy.h"
#include "controlplane/calls/negotiation.h"
#include "controlplane/calls/redirects.h"
#include "controlplane/calls/release_cause.h"
#include "controlplane/calls/transfer.h"
#include "controlplane/calls/ways.h"
#include "controlplane/cdr/open_calls.h"
#include "controlplane/cdr/record.h"
#include "controlplane/config/site.h"
#include "controlplane/media/media_session.h"
#include "controlplane/media/sounds.h"
#include "controlplane/registrar/subscribers.h"
#include "controlplane/registrar/upstreams.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/router.h"
#include "controlplane/sip/user_agent.h"

namespace tandem::calls {

class Call;

// What calls of a shard work with. Outlives them.
struct Switchboard {
  sip::Environment& env;
  const config::Site& site;
  routing::GatewayTable& gateways;
  routing::Router& routes;
  media::Datapath& datapath;
  media::MediaPorts& ports;
  sip::UserAgent* agent = nullptr;
  registrar::Subscribers* subscribers = nullptr;  // nullptr: nobody registers here
  registrar::Upstreams* upstreams = nullptr;      // nullptr: we register nowhere
  cdr::OpenCalls* open_calls = nullptr;           // nullptr: our death costs the calls' records
  media::SrtpMeans srtp{.random = env.random, .wheel = env.wheel, .counters = env.counters};
  const media::Sounds* sounds = nullptr;  // nullptr: nothing can be played

  // The call has ended and its figures are in: write the record, which is kept in that slot of
  // `open_calls` until then, and drop the call (later, not now).
  virtual void call_over(CallId id, cdr::CallRecord record, std::uint32_t slot) = 0;
  // nullptr: it is over, or there is none.
  virtual Call* call(CallId id) = 0;
  // The call has a party with this account (user@realm).
  virtual void note_account(CallId id, const std::string& account) = 0;
  // A call that we make ourselves, with its name. nullptr: no more calls are taken now.
  virtual std::tuple<CallId, Call*, std::string> make_call() = 0;

 protected:
  Switchboard(sip::Environment& e, const config::Site& s, routing::GatewayTable& g,
              routing::Router& r, media::Datapath& d, media::MediaPorts& p)
      : env(e), site(s), gateways(g), routes(r), datapath(d), ports(p) {}
  ~Switchboard() = default;
};

class Call final : sip::SessionListener, Parties, media::MediaListener, loop::TimerListener {
 public:
  enum class State : std::uint8_t {
    kNew,
    kCalling,      // INVITE sent, nothing but 100 came
    kRinging,      // 18x
    kAnswered,     // 200 passed to the caller
    kTransferred,  // its party is in another call now, whose end is its end
    kReleasing,    // both legs let go; media figures awaited
    kOver,
  };

  Call(Switchboard& board, std::shared_ptr<const config::Parameters> parameters);
  ~Call();

  // How a call begins: a fresh INVITE of a mapping gateway's or an account's.
  struct Beginning {
    std::string name;
    Payer payer;
    sip::SessionId caller;
    const sip::Message& invite;
    const sip::Path& path;
    const sip::Replaces* replaces = nullptr;  // the party of another call whose place is asked for
  };
  void begin(CallId id, const Beginning& beginning);
  // How it begins when a party of another call is referred to a number: `invite` is what that party
  // could have sent.
  void begin_referred(CallId id, std::string name, const Guest& guest, const sip::Message& invite);
  void hang_up(ReleaseCause cause);
  // That account's phone which has registered there leaves it, if it is one of its parties; others
  // that ring at the same time go on.
  void end_with(const std::string& account, const sip::Binding& contact);
  // The switch's own end: the record as it stands, without waiting for figures any longer.
  void record_now();
  void on_flow_latched(const wire::FlowLatched& event);
  void on_flow_closed(const wire::FlowClosed& event);
  // Of a flow of its media, from there. False: there is nothing that it could be for.
  bool on_dtls(media::FlowKey key, const base::Endpoint& from,
               media::DtlsHandshake::Datagram datagram);
  void on_play_ended(const wire::PlayEnded& event);
  void on_digit_heard(const wire::DigitHeard& event);

  const std::string& name() const { return record_.call; }
  State state() const { return state_; }
  const cdr::CallRecord& record() const { return record_; }
  // Puts in what is known of its media now.
  void take_figures(cdr::CallRecord& record) const;
  // The way to this party; nullptr: there is none (yet).
  const sip::Path* path(int leg) const;
  // Of this party's session timer; 0: it has none (yet).
  base::Seconds session_interval(int leg) const;
  // Media of this party has been accepted; one side only is what one-way audio looks like.
  bool heard(media::Side side) const { return heard_[static_cast<std::size_t>(side)]; }

 private:
  using Nanos = base::Nanos;

  enum Progress : std::uint32_t { kTrying = 1, kProgress = 2, kProgressWithSdp = 4, kRinging = 8 };
  enum Clock : std::uint64_t {
    kProgressClock,
    kDurationClock,
    kCrossingClock,
    kFiguresClock,
    kTakeoverClock,
    kSilenceClock,
    kMediaClock,
    kUnsafeClock,
    kAnnouncementClock,
  };

  // How it ended.
  struct Ending {
    ReleaseCause cause;
    Direction direction;
    int status = 0;
    const sip::Message* passed = nullptr;
  };
  // The caller is being told why it ends.
  struct Announcing {
    Ending ending;
    std::string passed;  // the message that passes then, as it came; empty: none
    std::uint32_t play = 0;
  };

  void on_provisional(int leg, int fork, const sip::Message& response) override;
  void on_answered(int leg, int fork, const sip::Message& response) override;
  void on_refused(int leg, int status, const sip::Message* response) override;
  void on_cancelled(int leg, const sip::Message& request) override;
  void on_acked(int leg, const sip::Message& ack) override;
  void on_early_answer(int leg, int fork, const sip::Message& prack) override;
  void on_bye(int leg, const sip::Message& bye) override;
  void on_lost(int leg) override;
  void on_prack_missing(int leg) override;
  void on_offer(int leg, int fork, const sip::Message& request) override;
  void on_offer_acked(int leg, const sip::Message& ack) override;
  void on_offer_cancelled(int leg) override;
  void on_offer_answered(int leg, const sip::Message& response) override;
  void on_offer_refused(int leg, int status, const sip::Message* response) override;
  void on_relayed(int leg, int fork, sip::ServerId id, const sip::Message& request) override;
  void on_relayed_answered(int leg, sip::ServerId asked, const sip::Message* response) override;
  std::string description(int leg) override;
  void on_refreshed(int leg, const sip::Message& response) override;
  void on_expired(int leg, int status) override;
  void on_timer(std::uint64_t clock) override;
  void on_media_unsafe(const media::MediaSession& session, media::DtlsFailure failure) override;

  void start(const Beginning& beginning);
  std::optional<ReleaseCause> set_up(const Payer& payer, const sip::Message& invite);
  bool take_payer(const Payer& payer);
  std::optional<ReleaseCause> find_callee(const sip::Message& invite);
  std::optional<ReleaseCause> open_media(const sip::Message& invite, const Aim& aim);
  config::PayloadSecret caller_secret() const;
  config::PayloadSecret callee_secret() const;
  media::SrtpRule caller_srtp() const;
  media::SrtpRule callee_srtp() const;
  MediaParty media_caller(const sip::Message& invite);
  MediaDecision media_decision(const MediaParty& caller, const Aim& aim) const;
  std::optional<ReleaseCause> send_invite(const sip::Message& invite, const Aim& aim);
  // A phone is being called, not a gateway.
  bool at_endpoint() const { return !group_.empty(); }
  void arm_invite();
  // A phone calls, and no customer that is known by its account.
  bool from_phone() const { return !record_.caller_account.empty() && !customer_; }
  ToldIdentity identity_for(const sip::Message& invite, std::string_view host) const;
  void keep_invite(const sip::Message& invite);
  bool follow_redirect(int status, const sip::Message* response);
  std::vector<base::Endpoint> places_of(routing::GatewayIndex gateway);
  std::optional<routing::GatewayIndex> aim_at(const Redirects::Target& target);
  // The number that gateways are asked for, before their plans.
  const std::string& asked_number() const { return redirected_.empty() ? dialled_ : redirected_; }
  bool try_target(const Redirects::Target& target);
  bool try_next_place(int status);
  bool take_vendor(routing::GatewayIndex gateway, std::vector<base::Endpoint> places);
  bool take_next_vendor();
  std::string caller_as_digits() const;
  std::optional<ReleaseCause> rewrite_numbers();
  bool try_next_vendor(Attempt attempt);
  void settle_vendor(bool answered);
  void rest_vendor(int status, const sip::Message* response);
  // Its own, where it has any; else the call's.
  const config::Parameters& vendor_parameters() const;
  Nanos longest() const;
  int status_for_caller(ReleaseCause cause, int status) const;
  bool ask_again();
  Aim next_aim();
  void take_group();
  void settle_group(std::size_t named, int unheard);
  void settle_unanswered(int unheard);
  void on_progress_expired();
  bool nowhere_else() const { return places_.empty() && contacts_.empty(); }
  void note_given_up(int status);
  void forget_given_up(std::size_t since);
  sip::InviteSession* session(int leg) override;
  void give_up(ReleaseCause cause) override { release(cause, Direction::kSwitch); }
  void on_dialog_lost() override;
  void on_media(std::string_view codec) override;
  std::span<const std::string> codecs(int leg) const override;
  void on_asked(int leg, int status) override;

  // As the call whose party goes to another one (call_transfer.cc).
  void refer(int leg, int fork, sip::ServerId id, const sip::Message& request);
  int refusal_of_refer(int leg, const sip::Message& refer);
  void transfer_to_number(const std::string& number, const sip::Message& refer);
  int take_place(const sip::Replaces& replaces, const base::Endpoint& asker);
  int replace_party(const sip::Replaces& replaces, const sip::Message& invite,
                    const base::Endpoint& source);
  Guest guest();
  std::string number_of_party(int leg) const;
  void transfer_progress(int status, std::string_view reason);
  void transfer_failed(int status, std::string_view reason);
  void transferred(CallId host, const std::string& name);
  bool may_lend();
  sip::SessionId lend();
  void take_back(sip::SessionId id, sdp::Origin told);
  void reassure_guest();
  void guest_hung_up();
  void end_with_host(ReleaseCause cause, Direction direction, int leg);
  // A party that has been told, or has asked, to go anyway. True: nothing ends with it.
  bool left_before_its_time(int leg);

  // As the call that somebody comes to (call_takeover.cc).
  int take_over(const Guest& guest, int leg);
  void ask_target();
  void bring_guest();
  void settle_takeover();
  void takeover_failed(int status);
  bool give_place_back();
  void leave_as_it_was();
  void restore();
  void retry_takeover();
  void on_takeover_clock();
  void guest_gone();
  bool waits_for_target() const { return takeover_ && takeover_->stage == Takeover::kWaiting; }
  sip::SessionId& slot(int leg) { return leg == kCallerLeg ? caller_ : callee_; }
  // What ties this call to others ends with it.
  void end_ties(ReleaseCause cause, Direction direction, int status);
  void answered();
  bool has_untimed_party() const;
  void arm_duration();
  Nanos media_limit() const;
  void arm_media();
  void on_media_clock();
  void on_duration_reached();
  // The caller never got the 2xx that we had for it.
  void take_back_answer();
  void begin_progress(int status, bool with_sdp);
  void arm_progress(Nanos limit, ReleaseCause on_expiry);
  // An INFO with a digit that becomes a telephone event for the other party (call_dtmf.cc).
  bool take_digit(int leg, sip::ServerId id, const sip::Message& request);
  // What the switch itself says to the caller (call_announcements.cc).
  bool rings_itself() const;
  bool ring_locally(const sip::Message& response);
  void stop_ringing();
  std::optional<media::Sounds::Announcement> announcement_for(ReleaseCause cause) const;
  bool announce(const Ending& ending);
  void let_callee_go(ReleaseCause cause);
  bool open_own_media();
  void end_announced();
  // Ends both legs, as far as they haven't ended by themselves. `status`: for an unanswered caller;
  // `passed`: the party's message that ended the call, for what it says to the other party.
  void release(ReleaseCause cause, Direction direction, int status = 0,
               const sip::Message* passed = nullptr);
  void finish_legs(ReleaseCause cause, int status, const sip::Message* passed);
  void complete();
  // The record as it stands is safe from our death. Before a peer hears of what it says.
  void keep();

  sip::InviteSession* caller() { return board_.agent->find(caller_); }
  sip::InviteSession* callee() { return board_.agent->find(callee_); }
  Nanos now() const override { return board_.env.wheel.now(); }
  config::Parameters::Dtmf dtmf(int leg) const override;
  std::uint64_t number() override { return board_.env.random.next(); }

  Switchboard& board_;
  std::shared_ptr<const config::Parameters> parameters_;  // those it was born with
  CallId id_;
  State state_ = State::kNew;
  sip::SessionId caller_;
  sip::SessionId callee_;
  int media_towards_caller_ = -1;  // the plan's address; -1: none of ours
  std::optional<routing::GatewayIndex> mapping_;
  routing::GatewayRef customer_;  // the same, whose place we hold
  routing::GatewayRef vendor_;    // the routing gateway likewise
  // Where it is, if it registers with us; or we with it.
  std::optional<registrar::Upstream> vendor_upstream_;
  std::optional<registrar::Subscribers::Contact> vendor_device_;
  bool vendor_decides_ = false;  // it has been asked, and how that ends isn't known yet
  std::uint64_t vendors_tried_ = 0;
  std::string dialled_;      // the called number, as the customer's plan has made it
  std::string redirected_;   // the one that a Contact has instead, as long as that is asked
  std::string caller_sent_;  // the calling number for this vendor
  // Gateways that may be asked after it; the next one last.
  std::vector<routing::GatewayIndex> vendors_;
  std::unique_ptr<media::MediaSession> media_;
  std::array<bool, 2> heard_{};
  Negotiation negotiation_{*this, media_};
  Redirects redirects_;
  // Where else the gateway's name leads, or the account is registered; the next one last.
  std::vector<base::Endpoint> places_;
  std::vector<registrar::Subscribers::Contact> contacts_;
  // The phones that are being asked, as our leg's branches; once answered, the one that did; empty:
  // a gateway is asked.
  std::vector<registrar::Subscribers::Contact> group_;
  sip::SessionId asked_;       // our leg to it
  std::string said_number_;    // as in Payer
  std::string caller_number_;  // after the customer's plan
  // Who the caller says that it is, beside From: the lines of its INVITE, each with its end.
  std::string identity_lines_;
  std::string invite_;  // the caller's, where it may have to be sent again; else empty
  ReleaseCause on_progress_expiry_ = ReleaseCause::InviteTimeout;
  std::uint32_t begun_ = 0;  // states of Progress that have begun
  loop::TimerId progress_timer_;
  loop::TimerId duration_timer_;
  loop::TimerId crossing_timer_;  // armed: a party has lost its dialog, its BYE may be on its way
  loop::TimerId figures_timer_;
  loop::TimerId takeover_timer_;
  loop::TimerId media_timer_;
  std::array<Nanos, 2> media_heard_at_{};  // by leg
  loop::TimerId unsafe_timer_;  // armed: the call ends for this, with nothing of media on the stack
  ReleaseCause unsafe_ = ReleaseCause::DtlsFailed;
  loop::TimerId announcement_timer_;
  loop::TimerId silence_timer_;  // armed: several phones are asked, and some may be out of reach
  std::optional<sdp::Voice> spoken_;  // by us to the caller, who has been told of it
  std::optional<Announcing> announcing_;
  std::string offer_;  // the INVITE's, where an announcement may need it
  std::optional<Transfer> transfer_;
  std::optional<Takeover> takeover_;
  CallId host_;                                // where our party went; none: it is here
  int gone_leg_ = 0;                           // which of our parties that is
  std::vector<std::pair<CallId, int>> homes_;  // where parties of ours came from, and their legs
  Nanos answered_at_{};
  cdr::CallRecord record_;
  std::uint32_t kept_ = 0;  // the slot of board_.open_calls that has the record; 0: none yet
};

std::string_view state_name(Call::State state);

// The number that the user part of a Request-URI or Contact means; empty: none that we send on.
std::string dialled_number(std::string_view user);

// What a record says when the INVITE has just come.
cdr::CallRecord first_record(std::string name, const sip::Message& invite);

}  // namespace tandem::calls
