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
#include <string>
#include <string_view>

#include "controlplane/calls/release_cause.h"
#include "controlplane/cdr/record.h"
#include "controlplane/config/site.h"
#include "controlplane/media/media_session.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/route_table.h"
#include "controlplane/sip/user_agent.h"

namespace tandem::calls {

struct CallId {
  base::Handle handle;
};

// What calls of a shard work with. Outlives them.
struct Switchboard {
  sip::Environment& env;
  const config::Site& site;
  routing::GatewayTable& gateways;
  const routing::RouteTable& routes;
  media::Datapath& datapath;
  media::MediaPorts& ports;
  sip::UserAgent* agent = nullptr;

  // The call has ended and its figures are in: write the record, then drop it (later, not now).
  virtual void call_over(CallId id, cdr::CallRecord record) = 0;

 protected:
  Switchboard(sip::Environment& e, const config::Site& s, routing::GatewayTable& g,
              const routing::RouteTable& r, media::Datapath& d, media::MediaPorts& p)
      : env(e), site(s), gateways(g), routes(r), datapath(d), ports(p) {}
  ~Switchboard() = default;
};

class Call final : sip::SessionListener, loop::TimerListener {
 public:
  enum class State : std::uint8_t {
    kNew,
    kCalling,    // INVITE sent, nothing but 100 came
    kRinging,    // 18x
    kAnswered,   // 200 passed to the caller
    kReleasing,  // both legs let go; media figures awaited
    kOver,
  };

  Call(Switchboard& board, std::shared_ptr<const config::Parameters> parameters);
  ~Call();

  // How a call begins: a fresh INVITE of a mapping gateway's.
  struct Beginning {
    std::string name;
    routing::GatewayIndex mapping;
    sip::SessionId caller;
    const sip::Message& invite;
    const sip::Path& path;
  };
  void begin(CallId id, const Beginning& beginning);
  void hang_up(ReleaseCause cause);
  // The switch's own end: the record as it stands, without waiting for figures any longer.
  void record_now();
  void on_flow_latched(const wire::FlowLatched& event);
  void on_flow_closed(const wire::FlowClosed& event);

  const std::string& name() const { return record_.call; }
  State state() const { return state_; }
  const cdr::CallRecord& record() const { return record_; }
  // Media of this party has been accepted; one side only is what one-way audio looks like.
  bool heard(media::Side side) const { return heard_[static_cast<std::size_t>(side)]; }

 private:
  using Nanos = base::Nanos;

  enum Leg : int { kCallerLeg = 0, kCalleeLeg = 1 };
  enum Progress : std::uint32_t { kTrying = 1, kProgress = 2, kProgressWithSdp = 4, kRinging = 8 };
  enum Clock : std::uint64_t { kProgressClock, kDurationClock, kFiguresClock };

  void on_provisional(int leg, const sip::Message& response) override;
  void on_answered(int leg, const sip::Message& response) override;
  void on_refused(int leg, int status, const sip::Message* response) override;
  void on_cancelled(int leg) override;
  void on_acked(int leg, const sip::Message& ack) override;
  void on_bye(int leg) override;
  void on_lost(int leg) override;
  void on_offer(int leg, const sip::Message& invite) override;
  void on_offer_acked(int leg, const sip::Message& ack) override;
  void on_offer_answered(int leg, const sip::Message& response) override;
  void on_offer_refused(int leg, int status) override;
  void on_timer(std::uint64_t clock) override;

  std::optional<ReleaseCause> admit(routing::GatewayIndex mapping);
  std::optional<ReleaseCause> open_media(const sip::Message& invite);
  std::optional<ReleaseCause> send_invite(const sip::Message& invite, std::string_view user);
  // The caller's view of a session description of the callee's; empty when there is none or it
  // can't be used. Opens the media when the callee makes the offer.
  std::string take_callee_sdp(const sip::Message& response);
  // Passes a party's new description on; a status to refuse it with, or 0.
  int relay_offer(int from, const sip::Message& invite);
  sip::InviteSession* session(int leg) { return leg == kCallerLeg ? caller() : callee(); }
  void begin_progress(int status, bool with_sdp);
  void arm_progress(Nanos limit, ReleaseCause on_expiry);
  // Ends both legs, as far as they haven't ended by themselves. `status`: for an unanswered caller.
  void release(ReleaseCause cause, Direction direction, int status = 0);
  void finish_legs(ReleaseCause cause, int status);
  void complete();

  sip::InviteSession* caller() { return board_.agent->find(caller_); }
  sip::InviteSession* callee() { return board_.agent->find(callee_); }
  Nanos now() const { return board_.env.wheel.now(); }

  Switchboard& board_;
  std::shared_ptr<const config::Parameters> parameters_;  // those it was born with
  CallId id_;
  State state_ = State::kNew;
  sip::SessionId caller_;
  sip::SessionId callee_;
  sip::Path caller_path_;
  std::optional<routing::GatewayIndex> mapping_;  // whose capacity we hold
  std::optional<routing::GatewayIndex> routing_;
  std::optional<media::MediaSession> media_;
  std::array<bool, 2> heard_{};
  bool late_offer_ = false;  // the INVITE had no offer: the callee's 200 has
  // A change of the session by re-INVITE, from one party through us to the other (§14). One at a
  // time: sessions refuse a second one (491, 500).
  struct Change {
    int from;           // the leg whose party wants it
    std::string offer;  // as the offering party wrote it
    bool late;          // the re-INVITE had no offer: the other party's 2xx makes it
  };
  std::optional<Change> change_;
  std::string answer_to_caller_;  // the last description passed to the caller
  ReleaseCause on_progress_expiry_ = ReleaseCause::InviteTimeout;
  std::uint32_t begun_ = 0;  // states of Progress that have begun
  loop::TimerId progress_timer_;
  loop::TimerId duration_timer_;
  loop::TimerId figures_timer_;
  Nanos answered_at_{};
  cdr::CallRecord record_;
};

std::string_view state_name(Call::State state);

// What a record says when the INVITE has just come.
cdr::CallRecord first_record(std::string name, const sip::Message& invite);

}  // namespace tandem::calls
