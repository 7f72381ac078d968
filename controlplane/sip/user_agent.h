// The door of the SIP room: datagrams in, sessions out. Parses, hands messages to transactions,
// finds the session a request in a dialog belongs to, answers what needs nobody's decision
// (OPTIONS, unknown methods, missing dialogs), and offers new calls to the handler above. Owner:
// the shard's thread.
#pragma once

#include <string_view>
#include <vector>

#include "controlplane/sip/invite_session.h"
#include "controlplane/sip/register_handler.h"
#include "controlplane/sip/replaces.h"
#include "drivers/base/handle_index.h"

namespace tandem::sip {

class CallHandler {
 public:
  // Somebody whose requests outside a dialog we look at.
  virtual bool knows(const Path& path) = 0;
  // A stranger who shall not even learn that somebody is here: nothing of his but a REGISTER is
  // answered, also where no handler is asked.
  virtual bool hides_from(const Path& /*path*/) { return false; }
  // Asked about one of somebody else's, before anything is remembered of it: what it is answered;
  // none where its sender has proven who it is (on_invite() follows at once).
  virtual std::optional<DoorAnswer> refuse_stranger(const Message& /*request*/,
                                                    const Path& /*path*/) {
    return DoorAnswer{.status = 403};
  }
  // A new INVITE outside any dialog, 100 not yet sent. Take it with session.listen(), refuse it
  // with session.finish(status). `invite` stays good during the call only.
  virtual void on_invite(SessionId id, InviteSession& session, const Message& invite,
                         const Path& path) = 0;

 protected:
  ~CallHandler() = default;
};

class UserAgent final : public TransportListener, ClientUser, ServerUser, SessionHost {
 public:
  UserAgent(Environment& env, CallHandler& handler);
  // Before anything comes. Without it, REGISTER is no method of ours.
  void take_registers(RegisterHandler& registers) { registers_ = &registers; }
  // Somebody else's requests go out and their responses come in by our door.
  void take_responses_for(ClientTransactions& others) { others_.push_back(&others); }

  void on_datagram(const Path& path, std::span<char> bytes) override;
  void on_unframed(const Path& path, std::span<char> head, int status,
                   std::string_view reason) override;
  void on_connection_lost(const Path& path, bool was_open) override;

  // A session for a call of ours. No id: the limit is reached (counted).
  std::pair<SessionId, InviteSession*> make_session(const Path& path);
  InviteSession* find(SessionId id) { return sessions_.find(id.handle); }
  // The session that has this dialog; nullptr: none of this shard's.
  InviteSession* find_replaced(const Replaces& replaces);

  // Drops the sessions that are over. Once a turn, with nothing of theirs on the stack.
  void tidy();

  std::uint32_t live_sessions() const { return sessions_.live(); }
  // Sessions that still have something to say; the others only wait for stray repetitions.
  std::uint32_t open_sessions();
  // The switch goes down: each leg that waits for an ACK before its BYE gets the BYE now.
  void last_words();
  std::uint32_t live_transactions() const {
    return client_transactions_.live() + server_transactions_.live_count();
  }

 private:
  void on_response(ClientId id, std::uint64_t cookie, const Message& response) override;
  void on_timeout(ClientId id, std::uint64_t cookie) override;
  void on_failure(ClientId id, std::uint64_t cookie) override;
  void on_client_end(ClientId id, std::uint64_t cookie) override;
  int refuse_at_the_door(const Message& request, const Path& path) override;
  void on_request(ServerId id, const Message& request, const Path& path) override;
  void on_cancel(ServerId invite, ServerId cancel, const Message& request,
                 const Path& path) override;
  void on_ack(const Message& ack, const Path& path) override;
  void session_over(SessionId id) override;

  // By the ticket that our tag is.
  InviteSession* find_dialog(const Message& request);
  // The session whose INVITE has the same Call-ID, From-tag and CSeq, and is still a transaction.
  InviteSession* find_origin(const base::KeyedHash::Digest& origin);
  base::KeyedHash::Digest origin_of(const Message& request) const;
  bool cancels(const Message& request);
  // Answers what can't be read, unless it is a stranger's whom we hide from.
  void refuse_unread(const Message& request, const Path& path, const Reply& reply);
  void answer_outside(ServerId id, const Message& request);
  void answer_register(ServerId id, const Message& request, const Path& path);
  void on_new_invite(ServerId id, const Message& invite, const Path& path);
  // Answers a request that §8.2 refuses before anybody looks at what it wants.
  bool refuse(ServerId id, const Message& request);

  Environment& env_;
  CallHandler& handler_;
  RegisterHandler* registers_ = nullptr;
  std::vector<ClientTransactions*> others_;
  ClientTransactions client_transactions_;
  ServerTransactions server_transactions_;
  base::Slab<InviteSession> sessions_;
  base::KeyedHash::Key secret_;
  base::HandleIndex by_origin_;  // sessions of INVITEs that came to us
  std::vector<SessionId> over_;
};

}  // namespace tandem::sip
