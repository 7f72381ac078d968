// One leg of a call as SIP sees it: the INVITE's way to an answer, the dialog, its end by BYE,
// CANCEL or refusal (RFC 3261 §§9, 13, 15), as the calling (UAC) or the called (UAS) side.
//
// A session whose listener has let go (finish()) sees itself to its end: a late 200 is acknowledged
// and hung up, a BYE waits for the ACK that must come first. No leg is ever left half open.
// Owner: the shard's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/sip/answer_repeater.h"
#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/dialog.h"
#include "controlplane/sip/environment.h"
#include "controlplane/sip/server_transactions.h"

namespace tandem::sip {

struct SessionId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
};

// The methods that our legs take part in.
inline constexpr std::string_view kAllowedMethods = "INVITE, ACK, CANCEL, BYE, OPTIONS";

// What a leg tells its call. `leg` is the word given at the start. After on_refused, on_cancelled,
// on_bye or on_lost the session is on its own and says nothing more.
class SessionListener {
 public:
  virtual void on_provisional(int leg, const Message& response) = 0;          // UAC: 1xx
  virtual void on_answered(int leg, const Message& response) = 0;             // UAC: 2xx
  virtual void on_refused(int leg, int status, const Message* response) = 0;  // UAC: 3xx–6xx, 408
  virtual void on_cancelled(int leg) = 0;                                     // UAS
  virtual void on_acked(int leg, const Message& ack) = 0;                     // UAS: ACK of the 2xx
  virtual void on_bye(int leg) = 0;
  virtual void on_lost(int leg) = 0;  // a 2xx of ours was never acknowledged
  // In a confirmed dialog (§14): the peer's re-INVITE, to be answered by answer_offer(), now or
  // later; the ACK of our 2xx to it; and what became of our own, made by offer().
  virtual void on_offer(int leg, const Message& invite) = 0;
  virtual void on_offer_acked(int leg, const Message& ack) = 0;
  virtual void on_offer_answered(int leg, const Message& response) = 0;
  virtual void on_offer_refused(int leg, int status) = 0;  // 300–699, or 408

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
  // The tag is from now on (or no longer) one by which requests find this session.
  virtual void tag_in_use(const std::string& local_tag, SessionId id) = 0;

 protected:
  SessionHost(Environment& e, ClientTransactions& c, ServerTransactions& s)
      : env(e), clients(c), servers(s) {}
  ~SessionHost() = default;
};

class InviteSession final {
 public:
  enum class State : std::uint8_t {
    kIncoming,  // UAS: no final response yet
    kAccepted,  // UAS: 2xx sent, no ACK yet
    kCalling,   // UAC: no final response yet
    kAnswered,  // UAC: 2xx came, its ACK is held back (late offer)
    kConfirmed,
    kEnding,  // BYE sent
    kOver,
  };
  // Which of a session's requests a client transaction's cookie means.
  enum class Exchange : std::uint8_t { kInvite, kBye, kReinvite };

  // UAC: start() follows. UAS: of a fresh INVITE, whose transaction waits.
  InviteSession(SessionHost& host, Path path);
  InviteSession(SessionHost& host, ServerId invite, Dialog dialog);
  ~InviteSession();

  void bind(SessionId id);  // once, right after it was made
  void listen(SessionListener* listener, int leg) { listener_ = listener, leg_ = leg; }

  // UAC. From and To are header values without tags.
  struct Outgoing {
    std::string_view request_uri;
    std::string_view from;
    std::string_view to;
    std::uint32_t max_forwards = 70;
    bool hold_ack = false;  // the 2xx is acknowledged by ack(), not at once
    std::string_view content_type{};
    std::string_view body{};
  };
  // False: no room for a transaction, or the request would be too long.
  bool start(const Outgoing& outgoing);
  // The held ACK, with the answer to the 2xx' offer.
  void ack(std::string_view content_type, std::string_view body);

  // UAS.
  void progress(int status, std::string_view content_type = {}, std::string_view body = {});
  void accept(std::string_view content_type, std::string_view body);

  // Both, in a confirmed dialog. offer() sends a re-INVITE (with an empty body: asks the peer for
  // its offer, and its 2xx waits for ack_offer()); false: another exchange is open or there is no
  // room.
  bool offer(std::string_view content_type, std::string_view body);
  void ack_offer(std::string_view content_type, std::string_view body);
  void answer_offer(int status, std::string_view content_type = {}, std::string_view body = {});

  // Ends the leg, whatever its state: refuses (with `status`), cancels, or hangs up with a Reason
  // header's value. The listener hears nothing more.
  void finish(int status, std::string_view reason = {});
  // A BYE that waits for its ACK goes out now, once; for the switch's own end.
  void last_words();

  // From the transaction room.
  void on_response(Exchange exchange, const Message& response);
  void on_timeout(Exchange exchange);
  void on_client_end(Exchange exchange);
  void on_cancel();
  void on_ack(const Message& ack);
  void on_request(ServerId id, const Message& request);  // in the dialog; not ACK, not CANCEL

  State state() const { return state_; }
  const Dialog& dialog() const { return dialog_; }
  ServerId invite_transaction() const { return server_; }

 private:
  void on_final_2xx(const Message& response);
  void hang_up_fork(const Message& response);
  void send_ack(std::string_view content_type, std::string_view body);
  void send_bye(std::string_view reason);
  void on_reinvite(ServerId id, const Message& request);
  void on_reinvite_response(const Message& response);
  void ack_reinvite(std::string_view content_type, std::string_view body);
  void on_never_acknowledged();
  std::string send_ack_of(std::uint32_t cseq, std::string_view content_type, std::string_view body);
  void on_their_bye(ServerId id);
  void let_go();
  void over();
  void go_when_done();
  std::string contact() const;
  std::string fresh_via(const Path& path) const;

  SessionHost& host_;
  SessionId id_;
  State state_;
  bool uac_;
  bool hold_ack_ = false;
  bool had_provisional_ = false;
  bool let_go_ = false;      // UAC: nobody waits for the answer any longer
  bool bye_wanted_ = false;  // UAS: BYE as soon as the ACK is there
  SessionListener* listener_ = nullptr;
  int leg_ = 0;
  Dialog dialog_;
  bool lingers_ = false;  // UAC: a 2xx came, so others may follow while the transaction lives
  ClientId client_;       // our INVITE
  ServerId server_;       // theirs
  std::string ack_;       // the ACK we sent, for repeated 2xx
  // Other forks' 2xx that were hung up: their tags and the ACKs to repeat.
  std::vector<std::pair<std::string, std::string>> forks_;
  std::string bye_reason_;
  AnswerRepeater repeater_;  // of our 2xx that waits for its ACK; never two at once
  // The peer's re-INVITE until its answer is acknowledged.
  struct Theirs {
    ServerId invite;
    std::uint32_t cseq;
    bool answered;
  };
  std::optional<Theirs> theirs_;
  // Ours until it is acknowledged or refused.
  struct Ours {
    std::uint32_t cseq;
    bool asks_for_offer;
    bool answered;
  };
  std::optional<Ours> ours_;
  // ACKs of our last re-INVITEs by CSeq, for repeated 2xx.
  std::vector<std::pair<std::uint32_t, std::string>> reinvite_acks_;
  std::uint32_t reinvites_live_ = 0;  // client transactions
  bool gone_ = false;                 // the host has been told
};

// The cookie of a session's client transaction: the session, and which exchange it is, in a bit of
// the handle's index that no slab reaches.
inline constexpr std::uint64_t kByeCookieBit = 1ull << 31;
inline constexpr std::uint64_t kReinviteCookieBit = 1ull << 30;
inline std::uint64_t session_cookie(SessionId id, InviteSession::Exchange exchange) {
  switch (exchange) {
    case InviteSession::Exchange::kBye:
      return id.handle.raw | kByeCookieBit;
    case InviteSession::Exchange::kReinvite:
      return id.handle.raw | kReinviteCookieBit;
    case InviteSession::Exchange::kInvite:
      break;
  }
  return id.handle.raw;
}
inline SessionId cookie_session(std::uint64_t cookie) {
  return {base::Handle{cookie & ~(kByeCookieBit | kReinviteCookieBit)}};
}
inline InviteSession::Exchange cookie_exchange(std::uint64_t cookie) {
  if ((cookie & kByeCookieBit) != 0) return InviteSession::Exchange::kBye;
  return (cookie & kReinviteCookieBit) != 0 ? InviteSession::Exchange::kReinvite
                                            : InviteSession::Exchange::kInvite;
}

}  // namespace tandem::sip
