// What the two parties of a call agree on: offers and answers passed from one leg to the other (RFC
// 3264, 6337), by whatever carries them (INVITE, 18x, PRACK, UPDATE, 2xx, ACK), each early dialog
// for itself; and the media that follow. Owner: the shard's thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/calls/release_cause.h"
#include "controlplane/config/parameters.h"
#include "controlplane/media/media_session.h"
#include "controlplane/sdp/events.h"
#include "controlplane/sdp/origin.h"
#include "controlplane/sdp/voice.h"
#include "controlplane/sip/invite_session.h"

namespace tandem::calls {

// kReplacedLeg: who is leaving a call for somebody else, until that one is in; it has no part in
// what the others agree on.
enum Leg : int { kCallerLeg = 0, kCalleeLeg = 1, kReplacedLeg = 2 };

// What a negotiation asks of its call.
class Parties {
 public:
  virtual sip::InviteSession* session(int leg) = 0;
  virtual void give_up(ReleaseCause cause) = 0;
  // A party knows its dialog no longer: the call is over, unless that party's BYE says so itself.
  virtual void on_dialog_lost() = 0;
  virtual base::Nanos now() const = 0;
  // How this leg's party is told digits.
  virtual config::Parameters::Dtmf dtmf(int leg) const = 0;
  // Unguessable.
  virtual std::uint64_t number() = 0;
  // What this leg's audio may be; nothing: anything.
  virtual std::span<const std::string> codecs(int leg) const = 0;
  // Media go through us now, or other ones than before; `codec`: the first of the description.
  virtual void on_media(std::string_view codec) = 0;
  // What ask() asked of this leg's party is agreed on (200), or was refused.
  virtual void on_asked(int leg, int status) = 0;

 protected:
  ~Parties() = default;
};

class Negotiation {
 public:
  // `media`: the call's, set when begin() is called.
  Negotiation(Parties& parties, std::unique_ptr<media::MediaSession>& media)
      : parties_(parties), media_(media) {}

  // The INVITE's offer, or none (the callee makes it then).
  std::optional<ReleaseCause> begin(std::string_view offer, base::Nanos now);
  bool late() const { return late_; }
  // The callee's description was refused for what it says, or doesn't, of SRTP.
  bool insecure() const { return insecure_; }
  // The caller has been told of media of the callee's, the one that is being asked.
  bool described() const;
  // Another callee is asked: the early dialogs of the former one are over. Those of the caller that
  // stood for them stay, and the next one's media have dialogs of their own (RFC 3261 §12.1).
  void forget_callee();
  // The callee that is asked now must not know who the caller is; or may.
  void hide_caller(bool hidden) { caller_hidden_ = hidden; }
  // That offer as the callee shall see it; empty: none.
  std::string first_offer();

  // The callee's 1xx is passed to the caller. True: with a description.
  bool on_provisional(int fork, const sip::Message& response, base::Nanos now);
  // The caller is told (183) of media of our own, in an early dialog that the callee has no part
  // in; `passed`: headers that go along. No value: it can't be, and nothing was said.
  std::optional<sdp::Voice> speak(std::string_view passed);
  bool offered() const { return !first_offer_.empty(); }
  // The callee's 2xx decides which early dialog's media stay. False: nothing has been agreed on.
  // accept() passes it to the caller.
  bool on_answered(int fork, const sip::Message& response, base::Nanos now);
  void accept(const sip::Message& response);
  // The dialog of the other leg that stands for this one of `from`; -1: none that is known.
  int twin(int from, int fork) const;
  void on_acked(const sip::Message& ack);
  void on_early_answer(int fork, const sip::Message& prack);

  void on_offer(int leg, int fork, const sip::Message& request);
  void on_offer_acked(int leg, const sip::Message& ack);
  void on_offer_cancelled(int leg);
  void on_offer_answered(int leg, const sip::Message& response);
  void on_offer_refused(int leg, int status, const sip::Message* response);

  // What this leg's party was told last, under the same version; empty: a change of it is under
  // way. And its answer to that, once more, which should be the last one too.
  std::string standing(int leg) const;
  void on_refreshed(int leg, const sip::Message& response);

  // An offer of ours to a party in a confirmed dialog: what its counterpart, who may have come from
  // another call, described. on_asked() tells how it ended. False: not now, another change is open.
  bool ask(int leg, std::string_view description);
  // The party's latest description that counts, as it wrote it; empty: none yet.
  const std::string& said(int leg) const { return said_[static_cast<std::size_t>(leg)]; }
  // The party of this leg sends media, by what both have said last.
  bool sends(int leg) const;
  // As the other party sees it.
  std::string shown_to_other(int leg) { return shown(*sdp::parse(said(leg)), leg); }
  // The party of this leg keeps seeing this origin's next versions, whoever is behind us.
  void keep_origin(int leg, sdp::Origin last) {
    origins_[static_cast<std::size_t>(leg)] = std::move(last);
  }
  // Of what this leg's party was told last.
  sdp::Origin told(int leg) const;
  // Another party is in this leg's place now, and said this.
  void replace(int leg, std::string description);
  // The payload type by which this leg's party wants to get telephone events; no value: it doesn't.
  std::optional<std::uint8_t> wanted_events(int leg) const { return sdp::events_of(said(leg)); }
  bool busy() const { return change_.has_value(); }

 private:
  // An early dialog of the callee's that has described its media, and the caller's dialog that
  // stands for it.
  static constexpr int kOver = -2;  // no dialog's number, nor that of a confirmed one
  struct Fork {
    int callee;  // kOver: of a callee that is no longer asked
    int caller;
    bool settled;         // said reliably: what comes later in this dialog doesn't count
    std::string sdp;      // the callee's latest, as it wrote it
    std::string other;    // and what the caller said to it
    std::string relayed;  // as the caller sees it
  };
  // A change of the session, from one party through us to the other. One at a time: what comes
  // meanwhile is refused (491, 500).
  struct Change {
    int from;           // the leg whose party wants it
    std::string offer;  // as the offering party wrote it
    bool late;          // a re-INVITE without offer: the other party's 2xx makes it
    int callee_fork;    // the early dialog that it is about; -1: confirmed
    bool ours = false;  // nobody's request waits for its end: ask()
  };

  sip::InviteSession* caller() { return parties_.session(kCallerLeg); }
  sip::InviteSession* callee() { return parties_.session(kCalleeLeg); }
  Fork* find(int callee_fork);
  // The callee's description in this response, if it counts.
  Fork* take_description(int callee_fork, const sip::Message& response, base::Nanos now);
  bool only_refreshes(int leg, const sip::Message& request) const;
  int relay_offer(int from, int fork, const sip::Message& request);
  int pass_on(int from, int fork, const sip::Message& request, const std::string& offer);
  // A description of this leg's party with our media in it; and as the other leg's shall see it.
  // As far as the codecs of both parties' gateways go.
  std::string limited(std::string description, int from) const;
  // An offer that still offers something then.
  bool offers_any(std::string_view offer, int from) const;
  std::string rewritten(const sdp::Description& description, int from) const;
  std::string shown(const sdp::Description& description, int from);
  void agree(int leg, std::string_view description);
  std::string with_digits(std::string text, int from) const;
  std::string_view latest_of(int leg) const;
  // What becomes of telephone events, as is agreed now.
  void settle_events();

  Parties& parties_;
  std::unique_ptr<media::MediaSession>& media_;
  bool late_ = false;
  bool caller_hidden_ = false;
  bool insecure_ = false;
  std::string first_offer_;  // the INVITE's
  std::vector<Fork> forks_;
  int winner_ = -1;  // in forks_
  std::optional<Change> change_;
  std::array<std::string, 2> said_;
  std::array<std::optional<sdp::Origin>, 2> origins_;
  // The payload type of telephone events that each has been told, and sends by.
  std::array<std::optional<std::uint8_t>, 2> told_events_{};
};

}  // namespace tandem::calls
