// One leg of a call as SIP sees it: the INVITE's way to an answer, the dialog, its end by BYE,
// CANCEL or refusal (RFC 3261 §§9, 13, 15), as the calling (UAC) or the called (UAS) side.
//
// A session whose listener has let go (finish()) sees itself to its end: a late 200 is acknowledged
// and hung up, a BYE waits for the ACK that must come first. No leg is ever left half open. Of what
// ends a leg, its listener hears before its peer does: it may have to note that first.
// Owner: the shard's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/sip/answer_repeater.h"
#include "controlplane/sip/forks.h"
#include "controlplane/sip/leg.h"
#include "controlplane/sip/offer_answer.h"
#include "controlplane/sip/referral.h"
#include "controlplane/sip/relayed_requests.h"
#include "controlplane/sip/reliable.h"
#include "controlplane/sip/session_refresh.h"

namespace tandem::sip {

class InviteSession final {
 public:
  using State = SessionState;

  // UAC: start() follows. UAS: of a fresh INVITE, whose transaction waits.
  InviteSession(SessionHost& host, Path path);
  InviteSession(SessionHost& host, ServerId id, const Message& invite, Dialog dialog);
  ~InviteSession();

  void bind(SessionId id);  // once, right after it was made
  // `owner`: what the listener is, for who finds the session by its dialog.
  void listen(SessionListener* listener, int leg, std::uint64_t owner = 0) {
    leg_.listener = listener;
    leg_.number = leg;
    leg_.owner = owner;
  }
  SessionId id() const { return leg_.id; }
  std::uint64_t owner() const { return leg_.owner; }
  int number() const { return leg_.number; }
  std::span<const std::string_view> withheld() const { return leg_.withheld; }
  bool has_listener() const { return leg_.listener != nullptr; }

  // UAC. From and To are header values without tags; URI and route are of the place that the
  // session was made for.
  struct Outgoing {
    std::string_view request_uri;
    std::string_view from;
    std::string_view to;
    std::string_view route{};
    std::span<const InviteTarget> others{};  // places to ask at the same time (§16.6)
    // What a 401 or 407 is answered with, to this request and those in its dialog; not where
    // several places are asked. nullptr: it is a refusal like any other.
    std::shared_ptr<DigestClient> credentials{};
    std::string_view contact_user{};  // of our Contacts; empty: they have none
    std::uint32_t max_forwards = 70;
    bool reliable = true;  // the peer may send 18x reliably (RFC 3262)
    bool hold_ack =
        false;  // the offer comes from the peer: its answer goes out by prack() or ack()
    std::string_view passed{};  // another leg's end-to-end headers, as lines (end_to_end.h)
    // Names of those that don't pass to this peer, in no request and response; views of constants.
    std::span<const std::string_view> withheld{};
    std::string_view content_type{};
    std::string_view body{};
    std::optional<SessionTimerSettings> timer{};  // none: this leg has no session timer
  };
  // False: to none of the places; no room for a transaction, or the request would be too long.
  bool start(const Outgoing& outgoing);
  // UAC: of several places asked, counted from 0 with the session's own. Which one this dialog is
  // with; whose refusal on_refused() told; with what one has failed (0: it hasn't).
  int branches() const { return branches_.count(); }
  int branch_of(int fork) const { return leg_.dialogs[std::size_t(fork)].branch; }
  int refused_branch() const {
    return branches_.several() && leg_.fork == 0 ? branches_.best() : branch_of(leg_.fork);
  }
  int branch_status(int branch) const { return branches_.at(branch).status; }
  // That one, or all that haven't said anything, are asked no longer: as good as refusals with 408.
  void drop(int branch);
  void drop_silent();
  // One has declined for all (6xx), and who hasn't obeyed its CANCEL isn't waited for any longer:
  // on_refused() is told. False: nobody has.
  bool drop_declined();
  // Another one than this branch may still win.
  bool hopeful(int besides) const { return branches_.hopeful(besides); }
  // The held ACK, with the answer to the 2xx' offer.
  void ack(std::string_view content_type, std::string_view body);
  // The held PRACK, with the answer to the offer of this fork's reliable 18x.
  void prack(int fork, std::string_view content_type, std::string_view body);

  // This 1xx was, or is to be, acknowledged by PRACK.
  bool heard_reliably(const Message& response) const {
    return offers_reliable_ && reliable_number(response).has_value();
  }

  // UAS, before anything else: as start() has them.
  void prove_with(std::shared_ptr<DigestClient> credentials, std::string_view contact_user) {
    leg_.proven.use(std::move(credentials));
    leg_.contact_user = contact_user;
  }
  // UAS, before anything else: the peer is reached where its INVITE came from.
  void stay_on_path() { leg_.dialog().path.observed = true; }
  // UAS, before anything else: this leg has a session timer. False: its INVITE asks for too short
  // an interval, and finish(422) says so.
  bool keep(const SessionTimerSettings& settings, const Message& invite) {
    return refresh_.configure(settings, invite);
  }
  // UAS. A 2xx waits until an 18x with a description has its PRACK; it carries `body` only when
  // nothing has been agreed on in its fork. `passed`: as in Outgoing.
  void progress(int status, std::string_view content_type = {}, std::string_view body = {}) {
    progress(Provisional{.status = status, .content_type = content_type, .body = body});
  }
  void progress(const Provisional& response);
  void accept(std::string_view content_type, std::string_view body, int fork = 0,
              std::string_view passed = {});
  // Another early dialog for the caller, with a tag of its own (§12.1.1); 0: no more.
  int new_fork();
  // The caller understands reliable 18x.
  bool supports_reliable() const { return reliable_.supported(); }
  bool requires_reliable() const { return reliable_.required(); }

  // Both, in a confirmed dialog: a re-INVITE (with an empty body: asks the peer for its offer, and
  // its 2xx waits for ack_offer()); false: another exchange is open or there is no room. `passed`:
  // as in Outgoing.
  bool offer(std::string_view content_type, std::string_view body, std::string_view passed = {}) {
    return offers_.reinvite(content_type, body, passed);
  }
  // The same by UPDATE, in early dialogs too, once they have agreed on something.
  bool update(int fork, std::string_view content_type, std::string_view body,
              std::string_view passed = {}) {
    return offers_.update(fork, content_type, body, passed);
  }
  bool allows_update(int fork) const { return leg_.dialogs[std::size_t(fork)].allows_update; }
  Agreement agreement(int fork) const { return leg_.dialogs[std::size_t(fork)].agreement; }
  void ack_offer(std::string_view content_type, std::string_view body) {
    offers_.ack(content_type, body);
  }
  void cancel_offer() { offers_.cancel(); }
  void answer_offer(int status, std::string_view content_type = {}, std::string_view body = {},
                    std::string_view passed = {}) {
    offers_.answer(status, content_type, body, passed);
  }
  // `passed`: the other leg's refusal; nullptr: there is none.
  void refuse_offer(int status, const Message* passed) { offers_.refuse(status, passed); }

  // Sends another leg's request on, whose transaction `asked` then gets the answer; in an early
  // dialog, if `fork` says which, else in the last one heard of. False: there is no dialog yet, or
  // too many such requests are open.
  bool relay(const Message& request, ServerId asked, int fork = -1);
  // An INFO of our own (RFC 6086), whose answer comes by on_relayed_answered() for nobody. False:
  // likewise.
  bool inform(std::string_view content_type, std::string_view body);
  // To-tag and Contact are the session's to add.
  void answer_relayed(ServerId id, const Reply& reply) { relayed_.answer(id, reply); }
  // Nobody will answer what waits any longer: 487.
  void abandon_relayed() { relayed_.abandon(); }

  // Takes the peer's REFER (on_relayed() brought it): 202, and the NOTIFYs that tell() sends, if it
  // wants them. False, and refused with 491: an earlier one is open.
  bool accept_refer(ServerId id, int fork, const Message& refer);
  void tell_referral(int status, std::string_view reason, bool final) {
    referral_.tell(status, reason, final);
  }
  Nanos glare_pause() const { return leg_.glare_pause(); }
  // The peer takes part in session timers, and the session is up: its interval; else 0.
  base::Seconds session_interval() const { return refresh_.interval(); }

  // Ends the leg, whatever its state: refuses (with `status`), cancels, or hangs up with a Reason
  // header's value. `passed`: what ended the other leg, if that has more to say: its Reason goes
  // before ours, its end-to-end headers and its body go along. `retry_after`: seconds, of a refusal
  // (§20.33); 0: not said. The listener hears nothing more.
  void finish(int status, std::string_view reason = {}, const Message* passed = nullptr,
              std::uint32_t retry_after = 0);
  // A BYE that waits for its ACK goes out now, once; for the switch's own end.
  void last_words();

  // From the transaction room.
  void on_response(Exchange exchange, ClientId id, const Message& response);
  // No final response: `status` is what it is as good as (408, 503).
  void on_timeout(Exchange exchange, ClientId id, int status);
  void on_client_end(Exchange exchange, ClientId id);
  void on_cancel(ServerId invite, const Message& cancel);
  void on_ack(const Message& ack);
  void on_request(ServerId id, const Message& request);  // in a dialog; not ACK, not CANCEL

  State state() const { return leg_.state; }
  // The confirmed dialog; before: what all early ones have in common.
  const Dialog& dialog() const { return leg_.dialog(); }
  int fork() const { return leg_.fork; }
  // The request is one in a dialog of ours.
  bool owns(const Message& request) const;
  bool has_dialog(std::string_view call_id, std::string_view local_tag,
                  std::string_view remote_tag) const;
  ServerId invite_transaction() const { return server_; }
  // UAS: of what makes its INVITE the same as another that came by another way (§8.2.2.2).
  const base::KeyedHash::Digest& origin() const { return origin_; }
  void set_origin(const base::KeyedHash::Digest& origin) { origin_ = origin; }

 private:
  struct Waiting2xx {
    int fork;
    std::string content_type;
    std::string body;
    std::string passed;
  };

  bool prove_again(Exchange exchange, ClientId id, const Message& response);
  bool send_invite(int branch, const InviteTarget& to, const Outgoing& outgoing);
  void on_invite_response(int branch, const Message& response);
  bool ask_longer(int branch, const Message& response);
  void on_1xx(int branch, const Message& response);
  void on_branch_failed(int branch, int status, const Message* response);
  std::string_view late_reason() const;
  void on_prack_end(ClientId id, int status, const Message* response);
  void on_final_2xx(int branch, const Message& response);
  void win(int branch, int fork, const Message& response);
  void on_2xx_without_contact(const Message& response);
  void send_ack(std::string_view content_type, std::string_view body);
  // `passed`: the BYE or refusal of the other leg.
  void send_bye(std::string_view reason, const Message* passed = nullptr);
  void refuse_invite(int status, std::string_view reason, const Message* passed,
                     std::uint32_t retry_after);
  void send_2xx(const Waiting2xx& answer);
  void on_relayed_request(ServerId id, int fork, const Message& request);
  void on_relayed_end(ClientId id, const Message* response);
  int fork_for_request(int fork) const;
  void on_never_acknowledged();
  void on_never_pracked();
  void on_prack(ServerId id, int fork, const Message& prack);
  void on_update(ServerId id, int fork, const Message& request);
  void on_their_bye(ServerId id, int fork, const Message& bye);
  bool other_early_dialogs(int fork) const;
  bool leaves_others(int fork);
  void let_go();
  void over();
  void go_when_done();

  Leg leg_;
  bool hold_ack_ = false;
  bool offers_reliable_ = false;  // UAC: our INVITE said so
  bool early_ = false;            // UAS: a provisional response of ours made an early dialog
  bool let_go_ = false;           // UAC: nobody waits for the answer any longer
  bool bye_wanted_ = false;       // UAS: BYE as soon as the ACK is there
  bool lingers_ = false;  // UAC: a 2xx came, so others may follow while the transaction lives
  Branches branches_;     // our INVITE
  ServerId server_;       // theirs
  base::KeyedHash::Digest origin_;
  std::string ack_;  // the ACK we sent, for repeated 2xx
  std::string bye_reason_;
  AnswerRepeater repeater_;                // of our 2xx that waits for its ACK
  Forks forks_;                            // UAC
  ReliableProvisionals reliable_;          // UAS
  std::optional<Waiting2xx> waiting_2xx_;  // for the PRACK of an 18x
  SessionRefresh refresh_;
  OfferAnswer offers_;
  RelayedRequests relayed_{leg_};
  Referral referral_{leg_};
  bool gone_ = false;  // the host has been told
};

}  // namespace tandem::sip
