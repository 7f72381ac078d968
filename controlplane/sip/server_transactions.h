// Requests that we received (RFC 3261 §17.2): retransmissions absorbed, responses repeated until
// they are acknowledged. Owner: the shard's thread.
#pragma once

#include <string>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/response_head.h"
#include "controlplane/sip/timer_door.h"
#include "controlplane/sip/transaction_fsm.h"
#include "drivers/base/handle_index.h"
#include "drivers/base/keyed_hash.h"
#include "drivers/base/slab.h"

namespace tandem::sip {

struct ServerId {
  base::Handle handle;
  explicit operator bool() const { return static_cast<bool>(handle); }
  friend bool operator==(ServerId, ServerId) = default;
};

// Instead of a status: whoever refused a request at the door has answered it already.
inline constexpr int kAnsweredAtTheDoor = -1;

class ServerUser {
 public:
  // Asked before anything is remembered of a fresh request: a status, to refuse it without a
  // transaction (§8.2.7: nobody can make us hold memory for strangers), or 0, to take it;
  // or kAnsweredAtTheDoor.
  virtual int refuse_at_the_door(const Message& request, const Path& path) = 0;
  // A request that is no retransmission and neither ACK nor CANCEL.
  virtual void on_request(ServerId id, const Message& request, const Path& path) = 0;
  // The peer takes back its INVITE. `cancel` wants a 200 with the INVITE's To-tag (§9.2).
  // No `invite`: none has its branch (then 200 or 481 is the user's to decide).
  virtual void on_cancel(ServerId invite, ServerId cancel, const Message& request,
                         const Path& path) = 0;
  // An ACK that belongs to no 300–699: it confirms a 2xx (§13.3.1.4).
  virtual void on_ack(const Message& ack, const Path& path) = 0;

 protected:
  ~ServerUser() = default;
};

class ServerTransactions {
 public:
  ServerTransactions(Environment& env, ServerUser& user);

  void receive(const Message& request, const Path& path);

  // Ignored when the transaction is over or had its final response (but for 2xx to INVITE again).
  // False: what was asked for could not be built; a final response became a 500.
  bool respond(ServerId id, const Reply& reply);
  // The last 2xx again (§13.3.1.4: its sender, not the transaction, repeats it). False: it's gone.
  bool resend(ServerId id);
  // The 2xx has had its ACK: nothing is sent here any more, so no bytes are held.
  void acknowledged(ServerId id);
  bool live(ServerId id) { return slab_.find(id.handle) != nullptr; }
  // The user's word for a transaction, 0 until it is tied.
  void tie(ServerId id, std::uint64_t cookie);
  std::uint64_t cookie(ServerId id);

  // A response without a transaction (§8.2.7). Its To-tag is the same for a repeated request.
  void respond_stateless(const Message& request, const Path& path, const Reply& reply);

  std::uint32_t live_count() const { return slab_.live(); }
  // The INVITE that a CANCEL is for (RFC 3261 §9.2); none: there is none, or none any longer.
  ServerId invite_of(const Message& cancel) { return find(key_of(cancel, "INVITE")); }

 private:
  using Door = TimerDoor<ServerTransactions>;
  friend Door;

  struct Transaction {
    TransactionKind kind;
    TransactionState state;
    Path path;  // remote: where responses go (§18.2.2, RFC 3581)
    base::KeyedHash::Digest key;
    ResponseHead head;       // empty: no response will be built any more
    std::string response{};  // the last one sent, as long as it may have to be repeated
    std::uint64_t cookie = 0;
    loop::TimerId retransmit{};
    loop::TimerId life{};
    Nanos gap{};
  };

  // §17.2.3: what makes a request the same one, as if it had this method.
  base::KeyedHash::Digest key_of(const Message& request, std::string_view method) const;
  ServerId find(const base::KeyedHash::Digest& key);
  std::string stateless_tag(const Message& request) const;
  void receive_again(ServerId id, const Message& request, const Path& path);
  void fire(ServerId id, TransactionEvent event);
  void apply(ServerId id, TransactionEvent event, std::string_view response);
  void send(Transaction& t, std::string_view response);
  void arm_retransmit(ServerId id, Transaction& t);
  void arm_life(ServerId id, Transaction& t, Nanos after);
  void end(ServerId id);

  Environment& env_;
  ServerUser& user_;
  base::Slab<Transaction> slab_;
  base::KeyedHash::Key secret_;
  base::HandleIndex by_key_;
  Door retransmit_door_{*this, TransactionEvent::kRetransmitTimer};
  Door life_door_{*this, TransactionEvent::kLifeTimer};
};

}  // namespace tandem::sip
