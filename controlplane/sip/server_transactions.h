// Requests that we received (RFC 3261 §17.2): retransmissions absorbed, responses repeated until
// they are acknowledged. Owner: the shard's thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/transaction_fsm.h"
#include "drivers/base/slab.h"

namespace tandem::sip {

struct ServerId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
  friend bool operator==(ServerId, ServerId) = default;
};

struct HeaderLine {
  HeaderId id;
  std::string_view value;
};

// A response in the words of who decides it; the transaction adds what §8.2.6 asks for.
struct Reply {
  int status = 500;
  std::string_view reason{};  // empty: the standard phrase
  std::string_view to_tag{};  // ours; for all but 100
  std::span<const HeaderLine> headers{};
  std::string_view content_type{};
  std::string_view body{};
};

class ServerUser {
 public:
  // Asked before anything is remembered of a fresh request: a status, to refuse it without a
  // transaction (§8.2.7: nobody can make us hold memory for strangers), or 0, to take it.
  virtual int refuse_at_the_door(const Message& request, const Path& path) = 0;
  // A request that is no retransmission and neither ACK nor CANCEL.
  virtual void on_request(ServerId id, const Message& request, const Path& path) = 0;
  // The peer takes back its INVITE. `cancel` wants a 200 with the INVITE's To-tag (§9.2).
  virtual void on_cancel(ServerId invite, ServerId cancel) = 0;
  // An ACK that belongs to no 300–699: it confirms a 2xx (§13.3.1.4).
  virtual void on_ack(const Message& ack, const Path& path) = 0;

 protected:
  ~ServerUser() = default;
};

class ServerTransactions {
 public:
  ServerTransactions(Environment& env, ServerUser& user);

  void receive(const Message& request, std::string_view bytes, const Path& path);

  // Ignored when the transaction is over or had its final response (but for 2xx to INVITE again).
  // False: what was asked for could not be built; a final response became a 500.
  bool respond(ServerId id, const Reply& reply);
  // The last 2xx again (§13.3.1.4: its sender, not the transaction, repeats it). False: it's gone.
  bool resend(ServerId id);
  bool live(ServerId id) { return slab_.find(id.handle) != nullptr; }
  // The request, parsed anew into `message` with its bytes in `bytes`. False: it's gone.
  bool request(ServerId id, std::string& bytes, Message& message);

  // A response without a transaction (§8.2.7). Its To-tag is the same for a repeated request.
  void respond_stateless(const Message& request, const Path& path, const Reply& reply);

  std::uint32_t live_count() const { return slab_.live(); }

 private:
  struct Transaction {
    TransactionKind kind;
    TransactionState state;
    Path path;              // remote: where responses go (§18.2.2, RFC 3581)
    base::Endpoint source;  // where the request came from
    std::string key;
    std::string request;
    std::string response{};  // the last one sent
    loop::TimerId retransmit{};
    loop::TimerId life{};
    Nanos gap{};
  };
  struct TimerDoor final : loop::TimerListener {
    void on_timer(std::uint64_t word) override { owner->fire({base::Handle{word}}, event); }
    ServerTransactions* owner = nullptr;
    TransactionEvent event{};
  };

  void receive_cancel(const Message& cancel, ServerId own);
  void fire(ServerId id, TransactionEvent event);
  void apply(ServerId id, TransactionEvent event, std::string* response);
  void arm_retransmit(ServerId id, Transaction& t);
  void arm_life(ServerId id, Transaction& t, Nanos after);
  void end(ServerId id);

  Environment& env_;
  ServerUser& user_;
  base::Slab<Transaction> slab_;
  std::unordered_map<std::string_view, base::Handle> by_key_;  // views into Transaction::key
  TimerDoor retransmit_door_;
  TimerDoor life_door_;
};

}  // namespace tandem::sip
