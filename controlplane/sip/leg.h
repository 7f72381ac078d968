// What the parts of an INVITE session share: their host, the listener above, the state, and the
// dialogs that the one INVITE has made so far (RFC 3261 §12.1: early ones side by side when the
// call forks). Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/dialog.h"
#include "controlplane/sip/environment.h"
#include "controlplane/sip/proven_requests.h"
#include "controlplane/sip/server_transactions.h"

namespace tandem::sip {

struct SessionId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
};

// What a leg tells its call. `leg` is the word given at the start, `fork` the dialog's number in
// its session. After on_refused, on_cancelled, on_bye, on_lost or on_prack_missing the session is
// on its own and says nothing more.
class SessionListener {
 public:
  // UAC: 1xx, each reliable one once and in order.
  virtual void on_provisional(int leg, int fork, const Message& response) = 0;
  virtual void on_answered(int leg, int fork, const Message& response) = 0;   // UAC: 2xx
  virtual void on_refused(int leg, int status, const Message* response) = 0;  // UAC: 3xx–6xx, 408
  virtual void on_cancelled(int leg, const Message& request) = 0;             // UAS: CANCEL, BYE
  virtual void on_acked(int leg, const Message& ack) = 0;                     // UAS: ACK of the 2xx
  // UAS: the PRACK of an 18x that made the offer; it should bring the answer.
  virtual void on_early_answer(int leg, int fork, const Message& prack) = 0;
  virtual void on_bye(int leg, const Message& bye) = 0;
  virtual void on_lost(int leg) = 0;  // a 2xx of ours was never acknowledged
  // UAS: nor a reliable 18x; the INVITE has been refused.
  virtual void on_prack_missing(int leg) = 0;
  // The peer wants to change the session: a re-INVITE (§14), an UPDATE (RFC 3311) or a PRACK that
  // makes an offer, to be answered by answer_offer(), now or later. Then the ACK of our 2xx to a
  // re-INVITE, the peer's CANCEL of one, and what became of our own change.
  virtual void on_offer(int leg, int fork, const Message& request) = 0;
  virtual void on_offer_acked(int leg, const Message& ack) = 0;
  virtual void on_offer_cancelled(int leg) = 0;
  virtual void on_offer_answered(int leg, const Message& response) = 0;
  // 300–699; without a response: 408, or 487 when its dialog ended.
  virtual void on_offer_refused(int leg, int status, const Message* response) = 0;
  // In a dialog, early or confirmed: a request that is for the other party (is_relayed()), to be
  // answered by answer_relayed(), now or later; and the answer to one that relay() sent on for
  // `asked`. No response: none came in time.
  virtual void on_relayed(int leg, int fork, ServerId id, const Message& request) = 0;
  virtual void on_relayed_answered(int leg, ServerId asked, const Message* response) = 0;
  // The session timer (RFC 4028) of a leg that has one. What the peer was told last, for a
  // re-INVITE that changes nothing; empty: not now. The 2xx to such a one. And nobody has confirmed
  // the session in time (`status` 0), or the peer says that it knows it no longer (408, 481).
  virtual std::string description(int /*leg*/) { return {}; }
  virtual void on_refreshed(int /*leg*/, const Message& /*response*/) {}
  virtual void on_expired(int /*leg*/, int /*status*/) {}

 protected:
  ~SessionListener() = default;
};

// What sessions use together.
struct SessionHost {
  Environment& env;
  ClientTransactions& clients;
  ServerTransactions& servers;

  // The session has nothing left to do; it may be dropped once the stack is unwound.
  virtual void session_over(SessionId id) = 0;

 protected:
  SessionHost(Environment& e, ClientTransactions& c, ServerTransactions& s)
      : env(e), clients(c), servers(s) {}
  ~SessionHost() = default;
};

enum class SessionState : std::uint8_t {
  kIncoming,  // UAS: no final response yet
  kAccepted,  // UAS: 2xx sent, no ACK yet
  kCalling,   // UAC: no final response yet
  kAnswered,  // UAC: 2xx came, its ACK is held back (late offer)
  kConfirmed,
  kEnding,  // BYE sent
  kOver,
};

// Which of a session's requests a client transaction's cookie means.
enum class Exchange : std::uint8_t {
  kInvite,
  kBye,
  kReinvite,
  kPrack,
  kUpdate,
  kRelayed,
  kNotify,
  kRefresh,  // an UPDATE without an offer
};

// How far the first offer and answer of a dialog have come (RFC 3264, RFC 6337 §2).
enum class Agreement : std::uint8_t {
  kNone,      // nobody has made an offer
  kOurs,      // our offer is unanswered
  kTheirs,    // theirs is
  kAnswered,  // our answer is in a reliable 18x that waits for its PRACK
  kSettled,
};

// One of the dialogs of an INVITE.
struct LegDialog {
  Dialog dialog;
  Agreement agreement = Agreement::kNone;
  bool allows_update = false;  // the peer's latest Allow says so
  bool over = false;           // another one was confirmed, or the peer left this one
  std::uint8_t branch = 0;     // UAC: the INVITE that it comes of (see branches)
  std::uint32_t rseq = 0;      // UAC: the last one heard; UAS: the last one sent; 0: none
  ClientId answering{};        // UAC: the PRACK that carries our answer
};

struct Leg {
  static constexpr std::size_t kBranchesMax = 16;  // INVITEs of one call of ours
  static constexpr std::size_t kEarlyMax = 8;  // early dialogs of one of them, the others silent
  // Of a UAC the first is no early dialog; of a UAS there may be as many as the other leg has.
  static constexpr std::size_t kDialogsMax = kEarlyMax + kBranchesMax;

  SessionHost& host;
  SessionId id{};
  SessionState state;
  bool uac;
  SessionListener* listener = nullptr;
  int number = 0;
  std::uint64_t owner = 0;  // what the listener told us to give back
  // UAC: [0] is what all begin with, known to us alone; each To-tag heard adds one. UAS: [0] is
  // made by the INVITE, others by new_fork().
  std::vector<LegDialog> dialogs{};
  int fork = 0;                // the confirmed one; before: [0]
  std::string contact_user{};  // the peer knows our Contacts by it; empty: they have none
  ProvenRequests proven{};     // ours
  std::vector<std::string_view> withheld{};  // the other leg's headers that don't pass; constants

  LegDialog& at(int number_of_fork) { return dialogs[static_cast<std::size_t>(number_of_fork)]; }
  Dialog& dialog() { return at(fork).dialog; }
  const Dialog& dialog() const { return dialogs[static_cast<std::size_t>(fork)].dialog; }
  bool early() const { return state == SessionState::kIncoming || state == SessionState::kCalling; }
  // The fork whose dialog a request belongs to; -1: none.
  int fork_of(const Message& request) const {
    return fork_by_tags(request.to_tag(), request.from_tag());
  }
  int fork_by_tags(std::string_view local, std::string_view remote) const;
  // UAC: the fork that this tag in a response to this branch's INVITE means; -1: none yet.
  int fork_by_remote_tag(std::string_view tag, int branch) const;

  // What its headers tell of the peer for as long as it says nothing else.
  void note_allow(int in_fork, const Message& message);
  static std::string contact(const Path& path, bool secure, std::string_view user = {});
  std::string contact(int in_fork) const;
  // By which way a request in this dialog goes (§12.2.1.1), as far as we have it.
  Path way(const Dialog& to) const;
  Path way() const { return way(dialog()); }
  std::string fresh_via(const Path& path) const;
  // How long to wait after a 491 to our re-INVITE (§14.1).
  Nanos glare_pause() const;

  // A request in this dialog, with its next CSeq and a client transaction. No id: it could not be
  // sent (counted).
  ClientId send(Exchange exchange, int in_fork, Dialog::Request request);
  // An ACK to the 2xx of the confirmed dialog's INVITE with this CSeq; returned for repeating.
  // Empty (and counted): it would be too long.
  std::string send_ack(std::uint32_t cseq, std::string_view content_type, std::string_view body);
  // Answers a request (or the INVITE again) with Contact, Allow and Supported, as what makes or
  // changes a dialog does. False: a 500 went out, or nothing.
  bool respond(ServerId to, int in_fork, const Reply& reply);
  // The same without these headers. `passed`: the other leg's message that is the reason; its
  // end-to-end headers go along, and its body if no description is in it.
  void refuse(ServerId to, int in_fork, int status, std::span<const HeaderLine> headers = {},
              const Message* passed = nullptr);
};

// The cookie of a session's client transaction: the session, and which exchange it is, in the three
// highest bits of the handle's index, which no slab reaches.
inline constexpr int kExchangeShift = 29;
inline constexpr std::uint64_t kExchangeMask = 7ull << kExchangeShift;
inline std::uint64_t session_cookie(SessionId id, Exchange exchange) {
  return id.handle.raw | static_cast<std::uint64_t>(exchange) << kExchangeShift;
}
inline SessionId cookie_session(std::uint64_t cookie) {
  return {base::Handle{cookie & ~kExchangeMask}};
}
inline Exchange cookie_exchange(std::uint64_t cookie) {
  return static_cast<Exchange>((cookie & kExchangeMask) >> kExchangeShift);
}

}  // namespace tandem::sip
