// One leg of a call as SIP sees it: the INVITE's way to an answer, the dialog, its end by BYE,
// CANCEL or refusal (RFC 3261 §§9, 13, 15), as the calling (UAC) or the called (UAS) side.
//
// A session whose listener has let go (finish()) sees itself to its end: a late 200 is acknowledged
// and hung up, a BYE waits for the ACK that must come first. No leg is ever left half open.
// Owner: the shard's thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  virtual void on_lost(int leg) = 0;  // UAS: the 2xx was never acknowledged

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

class InviteSession final : loop::TimerListener {
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
  enum class Exchange : std::uint8_t { kInvite, kBye };

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
  void on_timer(std::uint64_t word) override;
  void on_final_2xx(const Message& response);
  void hang_up_fork(const Message& response);
  void send_ack(std::string_view content_type, std::string_view body);
  void send_bye(std::string_view reason);
  void refuse_offer(ServerId id);
  void on_their_bye(ServerId id);
  void let_go();
  void arm_resend();
  void over();
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
  loop::TimerId resend_timer_;
  Nanos resend_gap_{};
  Nanos accepted_at_{};
};

// The cookie of a session's client transaction: the session, and which exchange it is, in a bit of
// the handle's index that no slab reaches.
inline constexpr std::uint64_t kByeCookieBit = 1ull << 31;
inline std::uint64_t session_cookie(SessionId id, InviteSession::Exchange exchange) {
  const bool bye = exchange == InviteSession::Exchange::kBye;
  return bye ? id.handle.raw | kByeCookieBit : id.handle.raw;
}
inline SessionId cookie_session(std::uint64_t cookie) {
  return {base::Handle{cookie & ~kByeCookieBit}};
}
inline InviteSession::Exchange cookie_exchange(std::uint64_t cookie) {
  return (cookie & kByeCookieBit) != 0 ? InviteSession::Exchange::kBye
                                       : InviteSession::Exchange::kInvite;
}

}  // namespace tandem::sip
