#include "controlplane/loop/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "drivers/base/check.h"

namespace tandem::loop {
namespace {

constexpr base::Nanos kBeat = base::Millis{50};

base::Error system_error(const char* what) {
  return base::error(std::string(what) + ": " + std::strerror(errno));
}

std::uint64_t tag_of(int fd, std::uint32_t serial) {
  return (static_cast<std::uint64_t>(serial) << 32) | static_cast<std::uint32_t>(fd);
}

}  // namespace

EventLoop::~EventLoop() {
  for (const int fd : {epoll_, wake_, signals_}) {
    if (fd >= 0) close(fd);
  }
}

base::Result<void> EventLoop::open() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("signal mask");
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is a failed write, not our death
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0 || signals_ < 0) return system_error("event loop");
  watch(wake_, EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count;
    while (read(wake_, &count, sizeof count) > 0) {
    }
  });
  watch(signals_, EPOLLIN, [this](std::uint32_t) { drain_signals(); });
  return {};
}

void EventLoop::drain_signals() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == sizeof info) stop();
}

void EventLoop::watch(int fd, std::uint32_t events, Ready ready) {
  const std::uint32_t serial = ++serial_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, serial);
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  watches_.insert_or_assign(fd, Watch{serial, std::move(ready)});
}

void EventLoop::change(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(fd, watches_.at(fd).serial);
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::forget(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  watches_.erase(fd);
}

void EventLoop::post(Inbox::Errand errand) {
  inbox_.post(std::move(errand));
  const std::uint64_t one = 1;
  // A full counter means that a wake-up is already due.
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

void EventLoop::run() {
  running_ = true;
  std::array<epoll_event, 64> ready{};
  auto next_beat = base::monotonic_now();
  while (running_) {
    const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()),
                                 static_cast<int>(kBeat / base::Millis{1}));
    for (int i = 0; i < count; ++i) {
      const auto tag = ready[static_cast<std::size_t>(i)].data.u64;
      const auto found = watches_.find(static_cast<int>(tag & 0xffffffff));
      if (found == watches_.end() || found->second.serial != tag >> 32) continue;
      const Ready action = found->second.ready;  // a copy: it may forget itself
      action(ready[static_cast<std::size_t>(i)].events);
    }
    inbox_.run();
    if (const auto now = base::monotonic_now(); now >= next_beat) {
      if (beat_) beat_();
      next_beat = now + kBeat;
    }
  }
}

}  // namespace tandem::loop
