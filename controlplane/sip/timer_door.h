// How a timer finds its transaction: one door for each kind of timer, the transaction's handle is
// the word. `Transactions` has fire(handle, event).
#pragma once

#include "controlplane/loop/timer_wheel.h"
#include "controlplane/sip/transaction_fsm.h"
#include "drivers/base/slab.h"

namespace tandem::sip {

template <typename Transactions>
class TimerDoor final : public loop::TimerListener {
 public:
  TimerDoor(Transactions& owner, TransactionEvent event) : owner_(owner), event_(event) {}
  void on_timer(std::uint64_t word) override { owner_.fire({base::Handle{word}}, event_); }

 private:
  Transactions& owner_;
  TransactionEvent event_;
};

}  // namespace tandem::sip
