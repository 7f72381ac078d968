// A whole switch in one thread (the tests' fixture), fed by the load generator's parties. Only what
// the switch does is timed and accounted: its share begins with a datagram at its door and ends
// with its messages handed over; parties, network and the played worker are outside. Its virtual
// clock moves on with each call, so that timers are part of the price.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "perf/heap_account.h"
#include "perf/load/parties.h"
#include "perf/work_meter.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::perf {

// What the switch is set to.
enum class BenchSite : std::uint8_t {
  kBare,     // one customer, one route, one vendor
  kFull,     // the same vendor among a million prefixes, with dial plans and settings of their own
  kRefused,  // another vendor is asked first, and says 503
};

class BenchSwitch final : public test::SwitchTest, Wire, sip::TransportListener {
 public:
  // `hold`: how long calls stay answered, by the virtual clock.
  explicit BenchSwitch(Nanos hold, BenchSite kind = BenchSite::kBare);
  void TestBody() override {}

  // Begins a call and lets everything happen that does, then lets `pass` go by.
  void call(Nanos pass);
  void run(Nanos duration, Nanos step);

  // The switch's share since the last taking.
  double take_ns() { return std::exchange(spent_ns_, 0); }
  std::uint64_t take_instructions() { return std::exchange(instructions_, 0); }

  LoadFigures& figures() { return parties_.figures(); }
  std::uint32_t live_calls() const { return calls.live(); }

 private:
  struct Datagram {
    sip::Path path;  // as the switch sees it
    std::string bytes;
  };

  static config::Site site(BenchSite kind);
  void refuse(const sip::Path& path, std::string_view request);
  template <typename Work>
  void share(Work&& work);
  void settle();
  void pass(Nanos duration);
  void on_datagram(const sip::Path& path, std::span<char> bytes) override;

  void send(Party from, const Endpoint& to, std::string_view bytes) override;
  void flush() override {}
  std::uint32_t receive(WireListener&) override { return 0; }
  void wait(Nanos) override {}
  std::uint64_t lost() const override { return 0; }

  std::deque<Datagram> to_switch_;
  double spent_ns_ = 0;
  InstructionCounter counter_;
  std::uint64_t instructions_ = 0;
  Parties parties_;
};

}  // namespace tandem::perf
