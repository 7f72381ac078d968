#include "perf/bench_switch.h"

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;

Endpoint at(std::string_view text) { return *Endpoint::parse(text, 5060); }

}  // namespace

// The fixture's, with room for many calls.
config::Site BenchSwitch::site() {
  config::Site site = make_site();
  for (auto& gateway : site.gateways) gateway.capacity = 0;
  CHECK(site.parameters.set("SS_RTP_PORT_RANGE", "1024,65535").ok());
  return site;
}

BenchSwitch::BenchSwitch(Nanos hold)
    : SwitchTest(site()),
      parties_(*this, {at("10.77.1.1"), at("10.77.1.2"), at("10.77.2.2")}, hold) {
  net.attach(at("10.77.1.2").address, *this);
  net.attach(at("10.77.2.2").address, *this);
  net.keep_log(false);
}

template <typename Work>
void BenchSwitch::share(Work&& work) {
  const HeapAccount account;
  const auto before = counter_.read();
  const auto start = Clock::now();
  work();
  spent_ns_ += std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  const auto after = counter_.read();
  if (before && after) instructions_ += *after - *before;
}

void BenchSwitch::settle() {
  while (!to_switch_.empty()) {
    Datagram datagram = std::move(to_switch_.front());
    to_switch_.pop_front();
    share([&] {
      agent.on_datagram(datagram.path, {datagram.bytes.data(), datagram.bytes.size()});
      agent.tidy();
      calls.tidy();
    });
    work();  // the worker's
    share([&] {
      datapath.poll(calls);
      agent.tidy();
      calls.tidy();
    });
    net.settle();
  }
}

void BenchSwitch::pass(Nanos duration) {
  const Nanos now = net.wheel().now() + duration;
  share([&] {
    net.wheel().advance(now);
    agent.tidy();
    calls.tidy();
  });
  net.settle();
  parties_.tick(now);
  settle();
}

void BenchSwitch::call(Nanos time) {
  CHECK(parties_.start(net.wheel().now()));
  settle();
  pass(time);
}

void BenchSwitch::run(Nanos duration, Nanos step) {
  for (Nanos gone{}; gone < duration; gone += step) pass(step);
}

void BenchSwitch::on_datagram(const sip::Path& path, std::span<char> bytes) {
  const bool to_caller = path.local.address == at("10.77.1.2").address;
  parties_.on_datagram(to_caller ? Party::kCaller : Party::kCallee, path.remote,
                       {bytes.data(), bytes.size()});
}

void BenchSwitch::send(Party from, const Endpoint&, std::string_view bytes) {
  const bool caller = from == Party::kCaller;
  const sip::Path path{at(caller ? "10.77.1.1" : "10.77.2.1"),
                       at(caller ? "10.77.1.2" : "10.77.2.2")};
  to_switch_.push_back({path, std::string(bytes)});
}

}  // namespace tandem::perf
