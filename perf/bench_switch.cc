#include "perf/bench_switch.h"

#include <unordered_set>

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;

Endpoint at(std::string_view text) { return *Endpoint::parse(text, 5060); }

constexpr routing::GatewayIndex kVendor = 1;
constexpr routing::GatewayIndex kRefuser = 2;

void add_million(config::Site& site) {
  base::SeededRandom random(1);
  site.routes.reserve(1'000'001);
  std::unordered_set<std::uint64_t> seen;
  while (seen.size() < 1'000'000) {
    const std::uint64_t prefix = 100'000 + random.next() % 99'900'000;
    if (seen.insert(prefix).second) site.routes.push_back({std::to_string(prefix), kVendor});
  }
}

std::string_view value_of(std::string_view request, std::string_view name) {
  const auto at = request.find(name) + name.size();
  return request.substr(at, request.find("\r\n", at) - at);
}

}  // namespace

// The fixture's, with room for many calls.
config::Site BenchSwitch::site(BenchSite kind) {
  config::Site site = make_site();
  if (kind == BenchSite::kFull) {
    add_million(site);
    site.gateways[0].callee_plan = "011:,00:,0|[1-9]:49";
    site.gateways[0].caller_plan = "00:,0|[1-9]:49";
    site.gateways[kVendor].callee_plan = "33:0033,1:001,49:+49";
    site.gateways[kVendor].caller_plan = "49:+49";
    site.gateways[kVendor].calls_per_s = 1'000'000;
    site.gateways[kVendor].overrides = {{"SS_SIP_TIMEOUT_INVITE", "4"}};
  } else if (kind == BenchSite::kRefused) {
    for (auto& route : site.routes) {
      if (route.gateway == kVendor) route.priority = 200;
    }
    const std::string prefix = site.routes.front().prefix;
    site.routes.push_back({prefix, kRefuser, 100});
  }
  for (auto& gateway : site.gateways) gateway.capacity = 0;
  CHECK(site.parameters.set("SS_RTP_PORT_RANGE", "1024,65535").ok());
  return site;
}

BenchSwitch::BenchSwitch(Nanos hold, BenchSite kind)
    : SwitchTest(site(kind)),
      parties_(*this, {at("10.77.1.1"), at("10.77.1.2"), at("10.77.2.2")}, hold) {
  net.attach(at("10.77.1.2").address, *this);
  net.attach(at("10.77.2.2").address, *this);
  net.attach(at("10.77.2.9").address, *this);
  net.keep_log(false);
}

// As a vendor that has no room.
void BenchSwitch::refuse(const sip::Path& path, std::string_view request) {
  if (!request.starts_with("INVITE")) return;
  std::string text = "SIP/2.0 503 No\r\n";
  for (const std::string_view header : {"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "}) {
    text.append(header).append(value_of(request, header)).append(header == "To: " ? ";tag=x" : "");
    text += "\r\n";
  }
  text += "Content-Length: 0\r\n\r\n";
  to_switch_.push_back({sip::Path{path.remote, path.local}, std::move(text)});
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
  if (path.local.address == at("10.77.2.9").address) {
    refuse(path, {bytes.data(), bytes.size()});
    return;
  }
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
