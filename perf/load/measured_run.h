// How a load runs on a device under test: begun evenly (open loop) or so many at once (closed
// loop), first to warm up, then measured until enough are completed or time is up; then what is
// open is let end. Owner: the generator's one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <type_traits>
#include <utility>

#include "drivers/base/clock.h"
#include "perf/load/corridor_end.h"
#include "perf/load/wire.h"

namespace tandem::perf {

inline Nanos of_seconds(double s) { return Nanos{static_cast<std::int64_t>(s * 1e9)}; }

// When the next one begins.
class Pace {
 public:
  struct Options {
    double rate = 0;  // a second; 0: `in_flight` at once
    bool poisson = false;
    std::size_t in_flight = 0;
  };
  explicit Pace(const Options& options) : options_(options) {}

  bool due(Nanos now, std::size_t open) const {
    return options_.rate > 0 ? now >= next_ : open < options_.in_flight;
  }
  void begun(Nanos now) {
    if (next_ == Nanos{}) next_ = now;
    const double gap = options_.poisson ? gaps_(random_) : 1;
    if (options_.rate > 0) next_ += of_seconds(gap / options_.rate);
  }
  // How long nothing is to be begun.
  Nanos idle(Nanos now) const {
    constexpr Nanos kLongest = base::Millis{1};
    if (options_.rate <= 0 || next_ == Nanos{}) return kLongest;
    return std::clamp(next_ - now, Nanos{}, kLongest);
  }

 private:
  Options options_;
  Nanos next_{};
  std::mt19937_64 random_{1};
  mutable std::exponential_distribution<double> gaps_{1.0};
};

struct Limits {
  double warm;              // seconds
  double seconds;           // measured, at most
  std::uint64_t completed;  // likewise
};

template <typename Figures>
struct Measured {
  Figures figures;  // `lost` and `refused`: of what was open at the end, too
  Figures warm;     // before it was measured
  double seconds;
};

// A Player starts one (false: none can be), is told of datagrams and of the time, and counts. Says
// "measuring" and "measured" when they begin and end, for whoever watches the device.
template <typename Player>
auto measured_run(Player& player, Wire& wire, CorridorEnd* corridor, Pace pace,
                  const Limits& limits) {
  using Figures = std::remove_reference_t<decltype(player.figures())>;
  const auto say = [](const char* word) {
    std::puts(word);
    std::fflush(stdout);
  };
  const Nanos began = base::monotonic_now();
  const Nanos warm_until = began + of_seconds(limits.warm);
  const Nanos end = warm_until + of_seconds(limits.seconds);
  Nanos measuring{};
  Nanos measured{};
  Measured<Figures> out{};
  for (;;) {
    const Nanos now = base::monotonic_now();
    if (measuring == Nanos{} && now >= warm_until) {
      measuring = now;
      out.warm = std::exchange(player.figures(), {});
      say("measuring");
    }
    const Figures& so_far = player.figures();
    const bool enough = so_far.completed >= limits.completed || now >= end;
    if (measuring != Nanos{} && measured == Nanos{} && enough) {
      measured = now;
      out.figures = so_far;
      say("measured");
    }
    const bool over = player.open() == 0 || now > measured + 2 * Player::kPatience;
    if (measured != Nanos{} && over) break;
    std::uint32_t begun = 0;
    while (measured == Nanos{} && begun < 64 && pace.due(now, player.open()) && player.start(now)) {
      pace.begun(now);
      ++begun;
    }
    player.tick(now);
    const std::uint32_t taken = wire.receive(player);
    wire.flush();
    if (corridor != nullptr) corridor->attend(now);
    if (taken == 0 && begun == 0) wire.wait(pace.idle(now));
  }
  out.figures.lost = player.figures().lost;
  out.figures.refused = player.figures().refused;
  out.seconds = static_cast<double>((measured - measuring).count()) / 1e9;
  return out;
}

}  // namespace tandem::perf
