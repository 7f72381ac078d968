#include "controlplane/routing/gateway_load.h"

#include <algorithm>

namespace tandem::routing {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kAll = 65'536;
constexpr std::int64_t kMemory = 64;  // calls, in which an old one's weight falls to 1/e

}  // namespace

Admission GatewayLoad::take(std::uint32_t capacity, std::uint32_t calls_per_s, base::Nanos now) {
  const std::uint32_t before = calls_.fetch_add(1, std::memory_order_relaxed);
  const bool full = capacity != 0 && before >= capacity;
  if (!full && pace(calls_per_s, now)) return Admission::kTaken;
  give_back();
  return full ? Admission::kFull : Admission::kTooFast;
}

// The generic cell rate algorithm: each call moves the even schedule on by its share of a second;
// it may run a second ahead of the clock.
bool GatewayLoad::pace(std::uint32_t calls_per_s, base::Nanos now) {
  if (calls_per_s == 0) return true;
  const std::int64_t gap = kSecond / calls_per_s;
  std::int64_t seen = next_call_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t due = std::max(seen, now.count());
    if (due - now.count() > kSecond - gap) return false;
    if (next_call_.compare_exchange_weak(seen, due + gap, std::memory_order_relaxed)) return true;
  }
}

void GatewayLoad::rest(base::Nanos until) {
  std::int64_t seen = rests_until_.load(std::memory_order_relaxed);
  while (seen < until.count() && !rests_until_.compare_exchange_weak(seen, until.count())) {
  }
}

void GatewayLoad::note_outcome(bool answered) {
  asked_.fetch_add(1, std::memory_order_relaxed);
  if (answered) answered_.fetch_add(1, std::memory_order_relaxed);
  std::uint32_t seen = asr_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t aim = answered ? kAll : 0;
    const auto next = static_cast<std::uint32_t>(seen + (aim - std::int64_t{seen}) / kMemory);
    if (asr_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return;
  }
}

}  // namespace tandem::routing
