// sip_bench: what SIP costs the control plane, in one thread and in process: parsing, and whole
// calls through the B2BUA between two phones on a virtual network. Only the switch's own share is
// timed.
//
// Prints one line a measure, "NAME VALUE UNIT", the median of the rounds. Compare only figures of
// one run; the machine may be shared.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "controlplane/sip/parser.h"
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;

double nanos_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// An INVITE as carriers send it, about 950 bytes with its session description.
std::string carrier_invite() {
  const std::string sdp =
      "v=0\r\no=- 1790000000 1790000000 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 "
      "0\r\n"
      "m=audio 18840 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
      "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n"
      "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
  return "INVITE sip:4930123456789@198.51.100.1:5060;user=phone SIP/2.0\r\n"
         "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---4dff7a6c1a2b3c4d;rport\r\n"
         "Max-Forwards: 68\r\n"
         "Contact: <sip:4989555123@192.0.2.10:5060;transport=udp>\r\n"
         "To: <sip:4930123456789@198.51.100.1;user=phone>\r\n"
         "From: \"Carrier One\" <sip:4989555123@192.0.2.10;user=phone>;tag=1f3c5a77\r\n"
         "Call-ID: 84bd1e0f9d5a4c0c9f3ff0a2b6a9d1e4@192.0.2.10\r\n"
         "CSeq: 1 INVITE\r\n"
         "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK\r\n"
         "Supported: timer, 100rel\r\nUser-Agent: CarrierSBC/7.4\r\n"
         "Content-Type: application/sdp\r\nContent-Length: " +
         std::to_string(sdp.size()) + "\r\n\r\n" + sdp;
}

double parse_ns(int times) {
  const std::string bytes = carrier_invite();
  std::string buffer = bytes;
  sip::Message message;
  const auto start = Clock::now();
  for (int i = 0; i < times; ++i) {
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    const auto outcome = sip::Parser::parse({buffer.data(), buffer.size()}, message);
    if (outcome.verdict != sip::ParseVerdict::kOk) std::abort();
  }
  return nanos_since(start) / times;
}

// Times what the switch does with each datagram, and its housekeeping.
class TimedSwitch final : public test::SwitchTest, sip::TransportListener {
 public:
  TimedSwitch() {
    for (const auto& port : site.ports) net.attach(port.address, *this);
    net.keep_log(false);
  }
  void TestBody() override {}

  // One call from INVITE to both BYEs.
  void call() {
    alice.dial("10.77.1.1:5060", "4930");
    net.settle();
    alice.leg()->finish(0);
    net.settle();
    ports_rest();
  }
  std::uint64_t answered() const { return counters.get(wire::Counter::calls_answered); }
  double spent_ns = 0;

 private:
  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    const auto start = Clock::now();
    agent.on_datagram(path, bytes);
    datapath.poll(calls);
    agent.tidy();
    calls.tidy();
    spent_ns += nanos_since(start);
  }
  // Lets transactions and the ports' quarantine run out now and then; their timers are part of a
  // call's price.
  void ports_rest() {
    if (++calls_made_ % 4 != 0) return;
    const auto start = Clock::now();
    net.wheel().advance(net.wheel().now() + base::Seconds{3});
    spent_ns += nanos_since(start);
    net.settle();
  }

  int calls_made_ = 0;
};

double call_ns(int times) {
  TimedSwitch bench;
  for (int i = 0; i < times / 10 + 4; ++i) bench.call();
  bench.spent_ns = 0;
  for (int i = 0; i < times; ++i) bench.call();
  if (bench.answered() != static_cast<std::uint64_t>(times + times / 10 + 4)) std::abort();
  return bench.spent_ns / times;
}

double median_of(int rounds, const std::function<double()>& measure) {
  std::vector<double> values;
  for (int i = 0; i < rounds; ++i) values.push_back(measure());
  return median(values);
}

}  // namespace
}  // namespace tandem::perf

// Usage: sip_bench [quick]: quick is for the tests, which only see that it runs.
int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string(argv[1]) == "quick";
  const int rounds = quick ? 1 : 7;
  const int scale = quick ? 1 : 100;
  std::printf("parse_invite %.0f ns\n", tandem::perf::median_of(rounds, [&] {
                return tandem::perf::parse_ns(2000 * scale);
              }));
  std::printf("call_invite_to_bye %.0f ns\n",
              tandem::perf::median_of(rounds, [&] { return tandem::perf::call_ns(40 * scale); }));
  return 0;
}
