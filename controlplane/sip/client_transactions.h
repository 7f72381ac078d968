// Requests that we sent (RFC 3261 §17.1): retransmission, the response's way back to its request
// (by the ticket in our branch), ACK for 300–699, CANCEL. Owner: the shard's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/ticket.h"
#include "controlplane/sip/timer_door.h"
#include "controlplane/sip/transaction_fsm.h"
#include "drivers/base/slab.h"

namespace tandem::sip {

struct ClientId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
  friend bool operator==(ClientId, ClientId) = default;
};

// Told by the transaction's id and its cookie, the word given to begin(). Never called for cookie
// 0.
class ClientUser {
 public:
  // Each 1xx, the final response, and each 2xx to an INVITE again (it wants its ACK again).
  virtual void on_response(ClientId id, std::uint64_t cookie, const Message& response) = 0;
  // No final response within timer B or F, or within 64*T1 of a CANCEL.
  virtual void on_timeout(ClientId id, std::uint64_t cookie) = 0;
  // The request couldn't be brought to the peer: as good as a 503 (§8.1.3.1).
  virtual void on_failure(ClientId id, std::uint64_t cookie) = 0;
  // The transaction is over and its id finds nothing; comes after everything else.
  virtual void on_client_end(ClientId id, std::uint64_t cookie) = 0;

 protected:
  ~ClientUser() = default;
};

class ClientTransactions {
 public:
  ClientTransactions(Environment& env, ClientUser& user);

  // A transaction with its own branch. No id: the limit is reached (counted).
  ClientId begin(Method method, std::uint64_t cookie, const Path& path);
  // "SIP/2.0/TCP host:port;branch=…;rport", to be the top Via of the request.
  std::string via(ClientId id) const;
  // Sends the request and starts the timers. Once. An empty request (it would have been too long)
  // is counted and ends the transaction, without a word to its user: false.
  bool send(ClientId id, std::string request);
  // In on_response() with its refusal: the same id is a fresh transaction, with a branch of its own
  // (via()), that waits for send(). Repetitions of the refusal still get the ACK that it had.
  void begin_again(ClientId id);
  // An INVITE that has had a provisional response: CANCEL with its branch (§9.1) and, unless it is
  // empty, a Reason (RFC 3326).
  void cancel(ClientId invite, std::string_view reason = {});
  // No more retransmissions of an INVITE that nobody waits for any longer, by whatever way.
  void stop_retransmitting(ClientId id);

  // A connection is gone. Each request that waits for an answer on it goes out once more, by a new
  // connection (to the peer a repetition, §17.2.3); when that one fails too, its user is told, and
  // at once of an INVITE that was cancelled: a peer that has forgotten it would ring again.
  void connection_lost(const Path& path, bool was_open);

  // False: matches no transaction.
  bool receive(const Message& response);

  std::uint32_t live() const { return slab_.live(); }

 private:
  using Door = TimerDoor<ClientTransactions>;
  friend Door;

  struct Transaction {
    TransactionKind kind;
    TransactionState state;
    Method method;
    std::uint64_t cookie;
    Path path;
    Ticket branch;                  // a CANCEL's is its INVITE's (§9.1)
    std::string request{};          // as long as it may be repeated, acknowledged or cancelled
    bool acknowledges = false;      // it was refused: `request` is the ACK now, for repeating
    ClientId cancel{};              // an INVITE's
    std::uint32_t life_number = 0;  // how often it has begun again
    ClientId former{};              // an INVITE's last life: its refusal may be repeated
    loop::TimerId retransmit{};
    loop::TimerId life{};
    std::uint32_t resends = 0;
    bool sent_again = false;            // after its connection was lost
    bool unwanted = false;              // an INVITE that nobody waits for: not sent again
    std::uint32_t stream_place = 0;     // in on_streams_, counted from 1; 0: by datagram
    std::optional<Path> by_datagram{};  // what its path was before it proved too large for UDP
  };

  // A ticket that names nothing yet becomes this transaction's own.
  ClientId make(Method method, const Ticket& branch, std::uint64_t cookie, const Path& path);
  ClientId find(const Message& response);
  void fire(ClientId id, TransactionEvent event);
  void apply(ClientId id, TransactionEvent event, const Message* response);
  void transmit(ClientId id, Transaction& t);
  // §18.1.1: what is larger than this goes by TCP, where the peer takes it, as the path's MTU isn't
  // known; the Via says so. And back, should TCP fail.
  void take_stream_if_large(ClientId id, Transaction& t);
  void fall_back(ClientId id, Transaction& t);
  // Whoever loses a connection must not look at all transactions for those that were on it.
  void enlist(ClientId id, Transaction& t);
  void delist(Transaction& t);
  void arm_retransmit(ClientId id, Transaction& t);
  void arm_life(ClientId id, Transaction& t, Nanos after);
  void send_ack(Transaction& t, const Message& response);
  void end(ClientId id);

  Environment& env_;
  ClientUser& user_;
  base::Slab<Transaction> slab_;
  std::vector<ClientId> on_streams_;  // those whose path is reliable
  std::string branch_begin_;
  Door retransmit_door_{*this, TransactionEvent::kRetransmitTimer};
  Door life_door_{*this, TransactionEvent::kLifeTimer};
  Door failure_door_{*this, TransactionEvent::kTransportError};
};

}  // namespace tandem::sip
