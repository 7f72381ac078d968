// Log lines for people, over spdlog. A line is "room: sentence". Each call site has a token bucket
// (10 lines at once, 1 more each second), so that no fault can flood the log; what was held back is
// said in the next line that passes. Any thread but a worker.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// To stderr as "2026-11-21 01:52:03.123 dataplane warning port: …". Call once, at the start of
// main.
void log_start(std::string_view program, LogLevel least);
void log_stop();
void log_write(LogLevel level, std::string_view room, std::string_view sentence);

// One per call site (a static in the LOG macro). Any number of threads.
class LogGate {
 public:
  // True when a line may pass; `held_back` gets the number of lines swallowed since the last one.
  bool pass(std::uint64_t& held_back);

 private:
  std::atomic<std::int64_t> tokens_{10};
  std::atomic<std::int64_t> refilled_ms_{0};
  std::atomic<std::uint64_t> held_{0};
};

}  // namespace tandem::base

// LOG(kInfo, "cdr", "journal {} opened", path)
#define LOG(level, room, ...)                                                                    \
  do {                                                                                           \
    static ::tandem::base::LogGate log_gate_;                                                    \
    std::uint64_t log_held_ = 0;                                                                 \
    if (log_gate_.pass(log_held_)) {                                                             \
      std::string log_line_ = fmt::format(__VA_ARGS__);                                          \
      if (log_held_ != 0) log_line_ += fmt::format(" ({} more like this held back)", log_held_); \
      ::tandem::base::log_write(::tandem::base::LogLevel::level, room, log_line_);               \
    }                                                                                            \
  } while (false)
