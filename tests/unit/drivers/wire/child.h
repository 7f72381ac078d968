// Processes of a test's own: each is killed and waited for at the end, whatever happens.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <utility>

#include "drivers/base/check.h"

namespace tandem::test {

class Child {
 public:
  // Runs `life` in a process of its own, which ends when it returns.
  explicit Child(const std::function<void()>& life) : pid_(fork()) {
    CHECK(pid_ >= 0);
    if (pid_ != 0) return;
    life();
    _exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill_9(); }

  void kill_9() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  // Waits for its end.
  void wait() {
    if (pid_ > 0) waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// Carries words from a child to its parent; made before the fork.
class Pipe {
 public:
  Pipe() { CHECK(pipe(ends_.data()) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : ends_) close(end);
  }
  void say(const std::string& text) const {
    CHECK(write(ends_[1], (text + "\n").data(), text.size() + 1) > 0);
  }
  // The next line; waits for it.
  std::string hear() const {
    std::string out;
    for (char c; read(ends_[0], &c, 1) == 1 && c != '\n';) out += c;
    return out;
  }

 private:
  std::array<int, 2> ends_{};
};

}  // namespace tandem::test
