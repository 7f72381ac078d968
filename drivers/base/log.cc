#include "drivers/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "drivers/base/clock.h"

namespace tandem::base {
namespace {

constexpr std::int64_t kBurst = 10;
constexpr std::int64_t kRefillMs = 1000;

spdlog::level::level_enum spd_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void log_start(std::string_view program, LogLevel least) {
  auto logger = spdlog::stderr_logger_mt(std::string(program));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %n %l %v");
  logger->set_level(spd_level(least));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log_stop() { spdlog::shutdown(); }

void log_write(LogLevel level, std::string_view room, std::string_view sentence) {
  spdlog::log(spd_level(level), "{}: {}", room, sentence);
}

bool LogGate::pass(std::uint64_t& held_back) {
  const std::int64_t now = monotonic_now() / Millis{1};  // a clock set back must not mute the log
  std::int64_t last = refilled_ms_.load(std::memory_order_relaxed);
  if (last == 0) {
    refilled_ms_.compare_exchange_strong(last, now, std::memory_order_relaxed);
  } else if (const std::int64_t fresh = (now - last) / kRefillMs; fresh > 0) {
    if (refilled_ms_.compare_exchange_strong(last, last + fresh * kRefillMs,
                                             std::memory_order_relaxed)) {
      const auto have = std::max<std::int64_t>(tokens_.load(std::memory_order_relaxed), 0);
      tokens_.store(std::min(kBurst, have + fresh), std::memory_order_relaxed);
    }
  }
  if (tokens_.fetch_sub(1, std::memory_order_relaxed) <= 0) {
    held_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  held_back = held_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace tandem::base
