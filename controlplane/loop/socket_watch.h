// The sockets that a shard's thread listens on, and its bed: a nap ends when one of them has
// something. Opens nothing and makes no system call as long as no socket is watched.
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/base/clock.h"

struct epoll_event;

namespace tandem::loop {

using base::Nanos;

class SocketListener {
 public:
  // `events` are EPOLLIN, EPOLLOUT …; `word` is what watch() was given. Level-triggered: what is
  // left unread is told again in the next turn.
  virtual void on_ready(std::uint64_t word, std::uint32_t events) = 0;

 protected:
  ~SocketListener() = default;
};

class SocketWatch {
 public:
  SocketWatch();
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // All sockets of a watch have one listener each, but words must not be reused for what could
  // still be waiting in this turn: handles are right.
  void watch(int fd, std::uint32_t events, SocketListener& listener, std::uint64_t word);
  void change(int fd, std::uint32_t events, SocketListener& listener, std::uint64_t word);
  void forget(int fd);  // does not close it

  bool empty() const { return watched_ == 0; }

  // Tells the listeners what is ready; true: something was. While nothing is, the kernel is asked
  // each 20 µs at most, so that a turn spent on the corridor alone pays no system call.
  bool poll(Nanos now);
  // Sleeps until something is ready or `longest` is over; the next poll() tells what.
  void nap(Nanos longest);

 private:
  struct Seat;  // one listener's place: epoll gives back one word only

  std::uint64_t seat_of(SocketListener& listener, std::uint64_t word, int fd);
  void wait(Nanos longest);

  int epoll_ = -1;
  std::uint32_t watched_ = 0;
  int ready_count_ = 0;
  bool busy_ = false;
  Nanos next_look_{};
  std::vector<Seat> seats_;  // by descriptor
  std::vector<epoll_event> ready_;
};

}  // namespace tandem::loop
