#include "controlplane/loop/socket_watch.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "drivers/base/check.h"

namespace tandem::loop {
namespace {

constexpr Nanos kLookGap{20'000};
constexpr std::size_t kReadyMost = 64;

}  // namespace

struct SocketWatch::Seat {
  SocketListener* listener = nullptr;
  std::uint64_t word = 0;
  std::uint32_t serial = 0;  // an event for a closed and reused descriptor finds nothing
};

SocketWatch::SocketWatch() = default;

SocketWatch::~SocketWatch() {
  if (epoll_ >= 0) close(epoll_);
}

std::uint64_t SocketWatch::seat_of(SocketListener& listener, std::uint64_t word, int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= seats_.size()) seats_.resize(index + 1);
  Seat& seat = seats_[index];
  if (seat.listener == nullptr) ++seat.serial;
  seat.listener = &listener;
  seat.word = word;
  return static_cast<std::uint64_t>(seat.serial) << 32 | static_cast<std::uint32_t>(fd);
}

void SocketWatch::watch(int fd, std::uint32_t events, SocketListener& listener,
                        std::uint64_t word) {
  if (epoll_ < 0) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll_ >= 0);
    ready_.resize(kReadyMost);
  }
  epoll_event event{};
  event.events = events;
  event.data.u64 = seat_of(listener, word, fd);
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  ++watched_;
}

void SocketWatch::change(int fd, std::uint32_t events, SocketListener& listener,
                         std::uint64_t word) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = seat_of(listener, word, fd);
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void SocketWatch::forget(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  seats_[static_cast<std::size_t>(fd)].listener = nullptr;
  --watched_;
}

void SocketWatch::wait(Nanos longest) {
  const timespec limit{static_cast<time_t>(longest / base::Seconds{1}),
                       static_cast<long>((longest % base::Seconds{1}).count())};
  const int count =
      epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()), &limit, nullptr);
  ready_count_ = count > 0 ? count : 0;
}

void SocketWatch::nap(Nanos longest) {
  if (ready_count_ == 0) wait(longest);
}

bool SocketWatch::poll(Nanos now) {
  if (watched_ == 0) return false;
  if (ready_count_ == 0) {
    if (!busy_ && now < next_look_) return false;
    wait(Nanos{});
    next_look_ = now + kLookGap;
  }
  const int count = std::exchange(ready_count_, 0);
  busy_ = count != 0;
  for (int i = 0; i < count; ++i) {
    const auto tag = ready_[static_cast<std::size_t>(i)].data.u64;
    const Seat seat = seats_[tag & 0xffffffff];  // a copy: watching may move them
    if (seat.listener == nullptr || seat.serial != tag >> 32) continue;
    seat.listener->on_ready(seat.word, ready_[static_cast<std::size_t>(i)].events);
  }
  return busy_;
}

}  // namespace tandem::loop
