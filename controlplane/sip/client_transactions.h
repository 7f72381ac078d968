// Requests that we sent (RFC 3261 §17.1): retransmission, the response's way back to its request,
// ACK for 300–699, CANCEL. Owner: the shard's thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/transaction_fsm.h"
#include "drivers/base/slab.h"

namespace tandem::sip {

struct ClientId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
};

// Told by cookie, the word given to begin(). Never called for cookie 0.
class ClientUser {
 public:
  // Each 1xx, the final response, and each 2xx to an INVITE again (it wants its ACK again).
  virtual void on_response(std::uint64_t cookie, const Message& response, const Path& path) = 0;
  // No final response within timer B or F, or within 64*T1 of a CANCEL.
  virtual void on_timeout(std::uint64_t cookie) = 0;
  // The transaction is over and its id finds nothing; comes after everything else.
  virtual void on_client_end(std::uint64_t cookie) = 0;

 protected:
  ~ClientUser() = default;
};

class ClientTransactions {
 public:
  ClientTransactions(Environment& env, ClientUser& user);

  // A transaction with its own branch. No id: the limit is reached (counted).
  ClientId begin(Method method, std::uint64_t cookie, const Path& path);
  // "SIP/2.0/UDP host:port;branch=…;rport", to be the top Via of the request.
  std::string via(ClientId id) const;
  // Sends the request and starts the timers. Once. An empty request (it would have been too long)
  // is counted and ends the transaction, without a word to its user: false.
  bool send(ClientId id, std::string request);
  // An INVITE that has had a provisional response: CANCEL with its branch (§9.1).
  void cancel(ClientId invite);
  // No more retransmissions of an INVITE that nobody waits for any longer.
  void stop_retransmitting(ClientId id);

  // False: matches no transaction.
  bool receive(const Message& response, const Path& path);

  std::uint32_t live() const { return slab_.live(); }

 private:
  struct Transaction {
    TransactionKind kind;
    TransactionState state;
    std::uint64_t cookie;
    Path path;
    std::string branch;
    std::string key;      // branch + method
    std::string request;  // bytes, for retransmission, ACK and CANCEL
    loop::TimerId retransmit{};
    loop::TimerId life{};
    std::uint32_t resends = 0;
  };
  struct TimerDoor final : loop::TimerListener {
    void on_timer(std::uint64_t word) override { owner->fire({base::Handle{word}}, event); }
    ClientTransactions* owner = nullptr;
    TransactionEvent event{};
  };

  ClientId make(TransactionKind kind, std::string branch, std::string_view method,
                std::uint64_t cookie, const Path& path);
  void fire(ClientId id, TransactionEvent event);
  void apply(ClientId id, TransactionEvent event, const Message* response, const Path* path);
  void arm_retransmit(ClientId id, Transaction& t);
  void arm_life(ClientId id, Transaction& t, Nanos after);
  void send_ack(const Transaction& t, const Message& response);
  void end(ClientId id);

  Environment& env_;
  ClientUser& user_;
  base::Slab<Transaction> slab_;
  std::unordered_map<std::string_view, base::Handle> by_key_;  // views into Transaction::key
  TimerDoor retransmit_door_;
  TimerDoor life_door_;
};

}  // namespace tandem::sip
