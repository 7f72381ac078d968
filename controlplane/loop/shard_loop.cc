#include "controlplane/loop/shard_loop.h"

#include <pthread.h>

#include <ctime>
#include <utility>

namespace tandem::loop {
namespace {

constexpr Nanos kTick = base::Millis{8};
constexpr std::uint32_t kSlots = 8192;
// Bounds a turn, so that a burst of time-outs can't keep new messages waiting.
constexpr std::uint32_t kTimersPerTurn = 512;

constexpr Nanos kSpin{50'000};
constexpr Nanos kShortNap{250'000};
constexpr Nanos kLongNap{1'000'000};
constexpr Nanos kIdleAfter = base::Millis{50};

void nap(Nanos length) {
  const timespec t{0, static_cast<long>(length.count())};
  nanosleep(&t, nullptr);
}

}  // namespace

ShardLoop::ShardLoop(std::uint32_t shard, Nanos start)
    : shard_(shard), wheel_(kTick, kSlots, start) {}

ShardLoop::~ShardLoop() { stop(); }

void ShardLoop::start(std::function<bool()> turn) {
  running_.store(true, std::memory_order_release);
  thread_ = std::thread([this, work = std::move(turn)] { live(work); });
  pthread_setname_np(thread_.native_handle(), ("shard-" + std::to_string(shard_)).c_str());
}

void ShardLoop::stop() {
  running_.store(false, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
}

bool ShardLoop::turn(Nanos now, const std::function<bool()>& work) {
  const bool fired = wheel_.advance(now, kTimersPerTurn) != 0;
  const bool errands = inbox_.run() != 0;
  return work() || fired || errands;
}

void ShardLoop::live(const std::function<bool()>& work) {
  Nanos last_work = base::monotonic_now();
  while (running_.load(std::memory_order_acquire)) {
    const Nanos now = base::monotonic_now();
    if (turn(now, work)) {
      last_work = now;
      continue;
    }
    const Nanos idle = now - last_work;
    if (idle < kSpin) continue;
    nap(idle < kIdleAfter ? kShortNap : kLongNap);
  }
}

}  // namespace tandem::loop
