// The life of a signalling thread: turn after turn, with naps when nothing is going on. Forwarding
// cores must not pay for waking us (an eventfd costs the writer 7–22 µs), so we look ourselves:
// spin 50 µs, then naps of 250 µs, then of 1 ms after 50 idle ms.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "controlplane/loop/inbox.h"
#include "controlplane/loop/timer_wheel.h"

namespace tandem::loop {

class ShardLoop {
 public:
  // `turn` does the work that is there and says whether there was any. It runs on the shard's
  // thread only, after the wheel's time was set and due timers fired.
  ShardLoop(std::uint32_t shard, Nanos start);
  ~ShardLoop();
  ShardLoop(const ShardLoop&) = delete;
  ShardLoop& operator=(const ShardLoop&) = delete;

  TimerWheel& wheel() { return wheel_; }
  Inbox& inbox() { return inbox_; }

  void start(std::function<bool()> turn);
  void stop();  // joins

  // One turn at `now`; what the thread does over and over. Tests call it themselves.
  bool turn(Nanos now, const std::function<bool()>& work);

 private:
  void live(const std::function<bool()>& work);

  std::uint32_t shard_;
  TimerWheel wheel_;
  Inbox inbox_;
  std::atomic<bool> running_{false};
  std::thread thread_;
};

}  // namespace tandem::loop
