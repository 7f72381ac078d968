#include "controlplane/loop/pacer.h"

#include <algorithm>
#include <cmath>

#include "drivers/base/check.h"

namespace tandem::loop {
namespace {

// Sums of many small parts are a little less than the whole.
constexpr double kAlmost = 1 - 1e-6;

double ns_of(Nanos time) { return static_cast<double>(time.count()); }

// What a bucket of this depth holds: one token at least.
double most(Nanos depth, double rate) { return std::max(1.0, ns_of(depth) * rate); }

}  // namespace

Pacer::Pacer(std::uint64_t batch, Nanos interval, Nanos start)
    : per_ns_(static_cast<double>(batch) / ns_of(interval)), last_(start) {
  CHECK(batch != 0 && interval > Nanos{});
}

void Pacer::refill(Nanos now) {
  const Nanos idle = now - last_;
  if (idle <= Nanos{}) return;
  last_ = now;
  const double rate = per_ns_ * share_;
  // Nobody has drawn for so long because nobody wanted any: that isn't made up for.
  credit_ = idle > kMemory ? 0 : std::min(credit_ + ns_of(idle) * rate, most(kMemory, rate));
  breath_ = std::min(breath_ + ns_of(idle) * rate * 1.2, most(kGulp, rate));
}

bool Pacer::draw(Nanos now) {
  refill(now);
  if (credit_ < kAlmost || breath_ < kAlmost) return false;
  credit_ -= 1;
  breath_ -= 1;
  return true;
}

Nanos Pacer::time_for(std::uint64_t count) const {
  return Nanos{std::llround(static_cast<double>(count) / per_ns_)};
}

}  // namespace tandem::loop
