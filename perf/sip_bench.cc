// sip_bench: what SIP costs the control plane, in one thread and in process: parsing, transactions,
// and whole calls through the B2BUA (bench_switch.h says what of them is timed).
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

#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/parser.h"
#include "perf/bench_switch.h"
#include "perf/messages.h"

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

double median_of(int rounds, const std::function<double()>& measure) {
  std::vector<double> values;
  for (int i = 0; i < rounds; ++i) values.push_back(measure());
  return median(values);
}

double parse_ns(int times) {
  std::string buffer(kInvite);
  sip::Message message;
  const auto start = Clock::now();
  for (int i = 0; i < times; ++i) {
    std::copy(kInvite.begin(), kInvite.end(), buffer.begin());
    const auto outcome = sip::Parser::parse({buffer.data(), buffer.size()}, message);
    if (outcome.verdict != sip::ParseVerdict::kOk) std::abort();
  }
  return nanos_since(start) / times;
}

// Server transactions alone: parsed requests in, responses to nowhere.
class TransactionBench final : sip::ServerUser, sip::Transport {
 public:
  // A request's whole life: received, answered once, retired by its timer.
  double life_ns(int rounds) {
    std::vector<std::string> bytes(kRequests);
    std::vector<sip::Message> requests(kRequests);
    for (std::size_t i = 0; i < kRequests; ++i) {
      bytes[i] = kInvite;
      bytes[i].replace(bytes[i].find("z9hG4bK") + 7, 4, std::to_string(1000 + i));
      if (sip::Parser::parse(bytes[i], requests[i]).verdict != sip::ParseVerdict::kOk) std::abort();
    }
    const auto start = Clock::now();
    for (int round = 0; round < rounds; ++round) {
      for (const auto& request : requests) {
        servers_.receive(request, path_);
        servers_.respond(last_, {.status = 200, .to_tag = "tag"});
      }
      wheel_.advance(wheel_.now() + base::Seconds{33});
    }
    if (servers_.live_count() != 0) std::abort();
    return nanos_since(start) / (rounds * static_cast<double>(kRequests));
  }
  // One more response on a transaction that is there.
  double respond_ns(int times) {
    std::string bytes(kInvite);
    sip::Message request;
    sip::Parser::parse(bytes, request);
    servers_.receive(request, path_);
    const auto start = Clock::now();
    for (int i = 0; i < times; ++i) servers_.respond(last_, {.status = 180, .to_tag = "tag"});
    return nanos_since(start) / times;
  }

 private:
  static constexpr std::size_t kRequests = 256;

  bool send(const sip::Path&, std::string_view) override { return true; }
  int refuse_at_the_door(const sip::Message&, const sip::Path&) override { return 0; }
  void on_request(sip::ServerId id, const sip::Message&, const sip::Path&) override { last_ = id; }
  void on_cancel(sip::ServerId, sip::ServerId, const sip::Message&, const sip::Path&) override {}
  void on_ack(const sip::Message&, const sip::Path&) override {}

  sip::Path path_{*Endpoint::parse("198.51.100.1", 5060), *Endpoint::parse("192.0.2.10", 5060)};
  loop::TimerWheel wheel_{base::Millis{8}, 8192, base::Seconds{1000}};
  wire::CounterBlock counters_;
  base::SeededRandom random_{1};
  sip::Environment env_{
      .wheel = wheel_, .transport = *this, .counters = counters_, .random = random_};
  sip::ServerTransactions servers_{env_, *this};
  sip::ServerId last_;
};

// Client transactions alone: requests to nowhere, parsed responses in.
class ClientBench final : sip::ClientUser, sip::Transport {
 public:
  // A request's whole life: sent, answered once, retired by its timer. Reading the answers isn't
  // timed.
  double life_ns(int rounds) {
    std::vector<std::string> vias(kRequests);
    std::vector<std::string> bytes(kRequests);
    std::vector<sip::Message> answers(kRequests);
    double nanos = 0;
    for (int round = 0; round < rounds; ++round) {
      const auto begun = Clock::now();
      for (auto& via : vias) {
        const sip::ClientId id = clients_.begin(sip::Method::kInvite, 1, path_);
        via = clients_.via(id);
        if (!clients_.send(id, std::string(kInvite))) std::abort();
      }
      nanos += nanos_since(begun);
      for (std::size_t i = 0; i < kRequests; ++i) {
        bytes[i] = "SIP/2.0 200 OK\r\nVia: " + vias[i] +
                   "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c@h\r\n"
                   "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
        const auto outcome = sip::Parser::parse(bytes[i], answers[i]);
        if (outcome.verdict != sip::ParseVerdict::kOk) std::abort();
      }
      const auto answered = Clock::now();
      for (const auto& answer : answers) {
        if (!clients_.receive(answer)) std::abort();
      }
      wheel_.advance(wheel_.now() + base::Seconds{33});
      nanos += nanos_since(answered);
    }
    const auto lives = static_cast<std::uint64_t>(rounds) * kRequests;
    if (clients_.live() != 0 || answered_ != lives) std::abort();
    return nanos / static_cast<double>(lives);
  }

 private:
  static constexpr std::size_t kRequests = 256;

  bool send(const sip::Path&, std::string_view) override { return true; }
  void on_response(sip::ClientId, std::uint64_t, const sip::Message&) override { ++answered_; }
  void on_timeout(sip::ClientId, std::uint64_t) override { std::abort(); }
  void on_failure(sip::ClientId, std::uint64_t) override { std::abort(); }
  void on_client_end(sip::ClientId, std::uint64_t) override {}

  sip::Path path_{*Endpoint::parse("192.0.2.10", 5060), *Endpoint::parse("198.51.100.1", 5060)};
  loop::TimerWheel wheel_{base::Millis{8}, 8192, base::Seconds{1000}};
  wire::CounterBlock counters_;
  base::SeededRandom random_{1};
  sip::Environment env_{
      .wheel = wheel_, .transport = *this, .counters = counters_, .random = random_};
  sip::ClientTransactions clients_{env_, *this};
  std::uint64_t answered_ = 0;
};

// CPU of all threads but this one: the record writer.
double others_cpu_ns() {
  const auto nanos = [](int who) {
    rusage usage{};
    getrusage(who, &usage);
    const auto seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
    const auto micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return static_cast<double>(seconds) * 1e9 + static_cast<double>(micros) * 1e3;
  };
  return nanos(RUSAGE_SELF) - nanos(RUSAGE_THREAD);
}

struct CallFigures {
  std::vector<double> call_ns;
  std::vector<double> allocations;
  std::vector<double> instructions;
  std::vector<double> writer_ns;
};

// Calls as 1000 a second make them, with what a former 40 s of them left behind.
void measure_calls(BenchSite site, int times, int former, CallFigures& out) {
  constexpr Nanos kGap = base::Millis{1};
  BenchSwitch bench(Nanos{}, site);
  for (int i = 0; i < former; ++i) bench.call(kGap);
  bench.take_ns();
  bench.take_instructions();
  std::vector<double> each;
  const auto allocations = HeapAccount::figures().allocations;
  const double writer = others_cpu_ns();
  for (int i = 0; i < times; ++i) {
    bench.call(kGap);
    each.push_back(bench.take_ns());
  }
  if (bench.figures().completed != static_cast<std::uint64_t>(former + times)) std::abort();
  // Of each call's price the median: a call during which others got our core is no measure.
  out.call_ns.push_back(median(each));
  out.allocations.push_back(static_cast<double>(HeapAccount::figures().allocations - allocations) /
                            times);
  out.instructions.push_back(static_cast<double>(bench.take_instructions()) / times);
  out.writer_ns.push_back((others_cpu_ns() - writer) / times);
}

// What an answered call holds: right after its answer, and once its transactions are over.
void print_memory(int calls) {
  BenchSwitch bench(base::Seconds{300});
  const auto before = HeapAccount::figures().live_bytes;
  const auto per_call = [&] {
    return static_cast<double>(HeapAccount::figures().live_bytes - before) / calls;
  };
  for (int i = 0; i < calls; ++i) bench.call(base::Nanos{1000});
  if (bench.live_calls() != static_cast<std::uint32_t>(calls)) std::abort();
  std::printf("bytes_per_fresh_call %.0f octets\n", per_call());
  bench.run(base::Seconds{40}, base::Millis{100});
  if (bench.live_calls() != static_cast<std::uint32_t>(calls)) std::abort();
  std::printf("bytes_per_answered_call %.0f octets\n", per_call());
}

// Each round one of each, so that they share the machine's moods.
void print_calls(int rounds, int times, int former) {
  CallFigures figures;
  CallFigures full;
  CallFigures refused;
  for (int i = 0; i < rounds; ++i) {
    measure_calls(BenchSite::kBare, times, former, figures);
    measure_calls(BenchSite::kFull, times, former, full);
    measure_calls(BenchSite::kRefused, times, former, refused);
  }
  const double bare = median(figures.call_ns);
  std::printf("call_full_path %.3f of a bare call\n", median(full.call_ns) / bare);
  std::printf("call_next_gateway %.0f ns more, the refused INVITE and its ACK too\n",
              median(refused.call_ns) - bare);
  std::printf("call_invite_to_bye %.0f ns\n", median(figures.call_ns));
  std::printf("call_record_writer %.0f ns\n", median(figures.writer_ns));
  std::printf("call_allocations %.1f allocations\n", median(figures.allocations));
  if (InstructionCounter().read()) {
    std::printf("call_instructions %.0f instructions\n", median(figures.instructions));
  }
}

}  // namespace
}  // namespace tandem::perf

// Usage: sip_bench [quick]: quick is for the tests, which only see that it runs.
int main(int argc, char** argv) {
  using namespace tandem::perf;
  const bool quick = argc > 1 && std::string(argv[1]) == "quick";
  const int rounds = quick ? 1 : 7;
  const int scale = quick ? 1 : 100;
  std::printf("parse_invite %.0f ns\n", median_of(rounds, [&] { return parse_ns(2000 * scale); }));
  std::printf("server_transaction %.0f ns\n",
              median_of(rounds, [&] { return TransactionBench().life_ns(2 * scale); }));
  std::printf("client_transaction %.0f ns\n",
              median_of(rounds, [&] { return ClientBench().life_ns(2 * scale); }));
  std::printf("respond %.0f ns\n",
              median_of(rounds, [&] { return TransactionBench().respond_ns(1000 * scale); }));
  print_memory(20 * scale);
  print_calls(quick ? 1 : 3, 40 * scale, 400 * scale);
  return 0;
}
