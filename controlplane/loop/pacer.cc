#include "controlplane/loop/pacer.h"

#include <algorithm>

#include "drivers/base/check.h"

namespace tandem::loop {

Pacer::Pacer(std::uint64_t batch, Nanos interval, Nanos start)
    : batch_(batch), price_(static_cast<std::uint64_t>(interval.count())), last_(start) {
  CHECK(batch >= 1 && batch <= 1'000'000 && interval.count() > 0 && interval <= base::Seconds{60});
}

std::uint32_t Pacer::draw(Nanos now, std::uint32_t most) {
  const std::lock_guard lock(door_);
  const Nanos idle = now - last_;
  if (idle > Nanos{}) {
    last_ = now;
    auto elapsed = static_cast<std::uint64_t>(idle.count());
    // Nobody has drawn for so long because nobody wanted any: that isn't made up for.
    if (idle > kMemory) credit_ = elapsed = 0;
    const auto most_of = [&](Nanos time) {
      return std::max(price_, static_cast<std::uint64_t>(time.count()) * batch_);
    };
    credit_ = std::min(credit_ + elapsed * batch_, most_of(kMemory));
    breath_ = std::min(breath_ + elapsed * batch_ * 6 / 5, most_of(kGulp));
  }
  const std::uint64_t tokens = std::min({credit_ / price_, breath_ / price_, std::uint64_t{most}});
  credit_ -= tokens * price_;
  breath_ -= tokens * price_;
  return static_cast<std::uint32_t>(tokens);
}

Nanos Pacer::time_for(std::uint64_t count) const {
  return Nanos{static_cast<std::int64_t>((count * price_ + batch_ - 1) / batch_)};
}

}  // namespace tandem::loop
