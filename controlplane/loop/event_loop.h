// The main thread's loop: file descriptors by epoll, SIGINT and SIGTERM as a clean end, errands
// from other threads (which wake it), and a beat every 50 ms. Owner: the main thread; post() is
// anyone's.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "controlplane/loop/inbox.h"
#include "drivers/base/clock.h"
#include "drivers/base/result.h"

namespace tandem::loop {

class EventLoop {
 public:
  // `events` are EPOLLIN, EPOLLOUT …
  using Ready = std::function<void(std::uint32_t events)>;

  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Blocks SIGINT and SIGTERM for this thread and all that it starts later: call it first in main.
  base::Result<void> open();

  void watch(int fd, std::uint32_t events, Ready ready);
  void change(int fd, std::uint32_t events);
  void forget(int fd);  // does not close it

  void post(Inbox::Errand errand);
  void on_beat(std::function<void()> beat) { beat_ = std::move(beat); }

  void run();  // until stop() or a signal
  void stop() { running_ = false; }

 private:
  void drain_signals();

  int epoll_ = -1;
  int wake_ = -1;
  int signals_ = -1;
  bool running_ = false;
  Inbox inbox_;
  std::function<void()> beat_;
  // Descriptors with a serial, so that an event for a closed and reused number finds nothing.
  struct Watch {
    std::uint32_t serial;
    Ready ready;
  };
  std::uint32_t serial_ = 0;
  std::unordered_map<int, Watch> watches_;
};

}  // namespace tandem::loop
