// The life of a signalling thread: turn after turn, with naps (rest.h) when nothing is going on.
// Sockets end a nap at once while little comes: there is no spinning on their account.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "controlplane/loop/inbox.h"
#include "controlplane/loop/socket_watch.h"
#include "controlplane/loop/timer_wheel.h"

namespace tandem::loop {

class ShardLoop {
 public:
  // `turn` does the work that we must look for ourselves and says whether there was any. It runs on
  // the shard's thread only, after the wheel's time was set, due timers fired and sockets read.
  ShardLoop(std::uint32_t shard, Nanos start);
  ~ShardLoop();
  ShardLoop(const ShardLoop&) = delete;
  ShardLoop& operator=(const ShardLoop&) = delete;

  TimerWheel& wheel() { return wheel_; }
  Inbox& inbox() { return inbox_; }
  SocketWatch& sockets() { return sockets_; }

  // Shard's thread, in a turn: so many messages came, whatever carried them. How it naps follows.
  void brought(std::uint32_t messages) { brought_ += messages; }

  void start(std::function<bool()> turn);
  void stop();  // joins

  // One turn at `now`; what the thread does over and over. Tests call it themselves.
  bool turn(Nanos now, const std::function<bool()>& work);

 private:
  void live(const std::function<bool()>& work);
  void nap(Nanos length, bool light);

  std::uint32_t shard_;
  TimerWheel wheel_;
  Inbox inbox_;
  SocketWatch sockets_;
  bool found_by_look_ = false;  // the last turn found work that nothing wakes us for
  std::uint32_t brought_ = 0;   // messages in this turn
  std::atomic<bool> running_{false};
  std::thread thread_;
};

}  // namespace tandem::loop
