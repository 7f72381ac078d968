#include "controlplane/loop/shard_loop.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <ctime>
#include <utility>

#include "controlplane/loop/rest.h"

namespace tandem::loop {
namespace {

constexpr Nanos kTick = base::Millis{8};
constexpr std::uint32_t kSlots = 8192;
// Bounds a turn, so that a burst of time-outs can't keep new messages waiting.
constexpr std::uint32_t kTimersPerTurn = 512;

// Naps end when asked, not up to 50 µs later.
constexpr unsigned long kTimerSlackNs = 1000;

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
  const bool ready = sockets_.poll(now);
  found_by_look_ = work();
  return found_by_look_ || fired || errands || ready;
}

// `light`: sockets end it.
void ShardLoop::nap(Nanos length, bool light) {
  if (light && !sockets_.empty()) {
    sockets_.nap(length);
    return;
  }
  const timespec t{0, static_cast<long>(length.count())};
  nanosleep(&t, nullptr);
}

void ShardLoop::live(const std::function<bool()>& work) {
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  Rest rest(base::monotonic_now());
  while (running_.load(std::memory_order_acquire)) {
    const Nanos now = base::monotonic_now();
    const bool worked = turn(now, work);
    if (found_by_look_) rest.found(now);
    rest.brought(now, std::exchange(brought_, 0));
    if (worked) continue;
    if (const Nanos length = rest.length(now); length != Nanos{}) nap(length, rest.light());
  }
}

}  // namespace tandem::loop
