// A 2xx to an INVITE is repeated by its sender, not by the transaction, until its ACK comes (RFC
// 3261 §13.3.1.4): from T1, doubling up to T2, for 64*T1. Owner: the shard's thread.
#pragma once

#include <functional>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/server_transactions.h"

namespace tandem::sip {

class AnswerRepeater final : loop::TimerListener {
 public:
  // `gave_up`: the ACK never came.
  AnswerRepeater(Environment& env, ServerTransactions& servers, std::function<void()> gave_up)
      : env_(env), servers_(servers), gave_up_(std::move(gave_up)) {}
  ~AnswerRepeater() { stop(); }
  AnswerRepeater(const AnswerRepeater&) = delete;
  AnswerRepeater& operator=(const AnswerRepeater&) = delete;

  // The 2xx of this transaction has just been sent for the first time.
  void start(ServerId invite);
  // Its ACK has come, or nobody waits for it any more.
  void stop();

 private:
  void on_timer(std::uint64_t word) override;
  void arm();

  Environment& env_;
  ServerTransactions& servers_;
  std::function<void()> gave_up_;
  ServerId invite_;
  loop::TimerId timer_;
  Nanos gap_{};
  Nanos since_{};
};

}  // namespace tandem::sip
