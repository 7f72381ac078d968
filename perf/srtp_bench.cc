// srtp_bench: what encrypted media costs a worker, in one thread and in memory, without network:
// SRTP by burst size and by how many sessions there are, SRTCP, keys, and the legacy modes.
//
// Prints "NAME VALUE ns", of one packet unless the name says otherwise, the median of the rounds;
// in time of this thread alone. Compare only figures of one run.
//
// Usage: srtp_bench [quick]: quick is for the tests, which only see that it runs.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "drivers/crypto/payload_cipher.h"
#include "drivers/crypto/srtp_batch.h"
#include "perf/srtp_driver.h"

namespace tandem::perf {
namespace {

using namespace crypto;

constexpr std::size_t kBatch = SrtpBatch::kMax;

class Bench {
 public:
  Bench(int rounds, int times, std::size_t sessions)
      : rounds_(rounds),
        times_(times),
        count_(sessions),
        sessions_(std::make_unique<SrtpContext[]>(sessions)),
        crypto_(IpsecMb::open().value()),
        batch_(crypto_),
        cipher_(crypto_),
        sequences_(sessions) {
    for (auto& packet : packets_) packet.fill(0x55);
  }

  // By packets in a burst, all of different sessions.
  void bursts(SrtpSuite suite, const char* name) {
    start(suite);
    for (const std::size_t burst : {1u, 4u, 8u, 16u, 32u, 64u}) {
      print(name + ("_160_protect_burst" + std::to_string(burst)), burst, [&] {
        for (std::size_t i = 0; i < burst; ++i) who_[i] = i;
        make(burst, [](std::size_t) { return std::size_t{160}; });
        protect(burst);
      });
    }
    for (std::size_t i = 0; i < 32; ++i) who_[i] = i;
    print(name + std::string("_20_to_1400_protect_burst32"), 32, [&] {
      make(32, [](std::size_t i) { return 20 + i * 44; });
      protect(32);
    });
  }

  // Any of all the sessions: their keys aren't in the caches.
  void many(SrtpSuite suite, const char* name) {
    start(suite);
    std::mt19937 random(1);
    for (const bool prefetch : {false, true}) {
      print(name + ("_160_protect_of_" + std::to_string(count_)) + (prefetch ? "_prefetched" : ""),
            32, [&] {
              for (std::size_t i = 0; i < 32; ++i) who_[i] = random() % count_;
              if (prefetch) {
                for (std::size_t i = 0; i < 32; ++i) sessions_[who_[i]].prefetch();
              }
              make(32, [](std::size_t) { return std::size_t{160}; });
              protect(32);
            });
    }
  }

  void control(SrtpSuite suite, const char* name) {
    start(suite);
    print(name + std::string("_rtcp_100_protect"), 1, [&] {
      auto& packet = packets_[0];
      packet[0] = 0x80;
      packet[1] = 200;
      jobs_[0] = {{packet.data(), 100}, kSrtpGrowthMax, &sessions_[0], SrtpKind::kRtcp, {}};
      protect(1);
    });
    const Masters masters = masters_of(suite);
    print(name + std::string("_key_both_ways"), 1, [&] {
      sessions_[0].rekey(crypto_, masters[0]);
      sessions_[1].rekey(crypto_, masters[1]);
    });
  }

  void payload(PayloadMode mode, const char* name) {
    const PayloadKey key = make_payload_key(crypto_, mode, "sixteen octets..").value();
    std::array<PayloadJob, 32> jobs;
    print(name + std::string("_160"), jobs.size(), [&] {
      make(jobs.size(), [](std::size_t) { return std::size_t{160}; });
      for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i] = {jobs_[i].packet, &key, false};
      cipher_.run(jobs);
    });
  }

 private:
  void start(SrtpSuite suite) {
    const Masters masters = masters_of(suite);
    for (std::size_t i = 0; i < count_; ++i) {
      sessions_[i].start(crypto_, masters[i % masters.size()], SrtpDirection::kProtect);
    }
  }

  // The next packet of each one's session.
  void make(std::size_t burst, const std::function<std::size_t(std::size_t)>& size) {
    for (std::size_t i = 0; i < burst; ++i) {
      const std::uint16_t sequence = ++sequences_[who_[i]];
      auto& packet = packets_[i];
      packet[0] = 0x80;
      packet[2] = static_cast<std::uint8_t>(sequence >> 8);
      packet[3] = static_cast<std::uint8_t>(sequence);
      jobs_[i] = {{packet.data(), kRtpHeader + size(i)},
                  kSrtpGrowthMax,
                  &sessions_[who_[i]],
                  SrtpKind::kRtp,
                  {}};
    }
  }

  void protect(std::size_t burst) {
    batch_.run({jobs_.data(), burst});
    for (std::size_t i = 0; i < burst; ++i) must_pass(jobs_[i].verdict == SrtpVerdict::kOk);
  }

  template <typename Work>
  void print(const std::string& name, std::size_t packets, Work&& work) {
    std::vector<double> nanos;
    for (int i = 0; i < times_ / 10 + 1; ++i) work();
    for (int round = 0; round < rounds_; ++round) {
      const double before = thread_nanos();
      for (int i = 0; i < times_; ++i) work();
      nanos.push_back((thread_nanos() - before) / times_ / static_cast<double>(packets));
    }
    std::nth_element(nanos.begin(), nanos.begin() + rounds_ / 2, nanos.end());
    std::printf("%s %.1f ns\n", name.c_str(), nanos[static_cast<std::size_t>(rounds_ / 2)]);
  }

  int rounds_;
  int times_;
  std::size_t count_;
  std::unique_ptr<SrtpContext[]> sessions_;
  IpsecMb crypto_;
  SrtpBatch batch_;
  PayloadCipher cipher_;
  std::vector<std::uint16_t> sequences_;
  std::array<std::size_t, kBatch> who_{};
  std::array<std::array<std::uint8_t, 1536>, kBatch> packets_;
  std::array<SrtpJob, kBatch> jobs_{};
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using tandem::crypto::PayloadMode;
  using tandem::crypto::SrtpSuite;
  const bool quick = argc > 1 && std::string(argv[1]) == "quick";
  tandem::perf::Bench bench(quick ? 1 : 7, quick ? 20 : 5000, quick ? 100 : 100'000);
  struct {
    SrtpSuite suite;
    const char* name;
  } const suites[] = {{SrtpSuite::kAesCm128HmacSha1_80, "cm128"},
                      {SrtpSuite::kAesCm256HmacSha1_80, "cm256"},
                      {SrtpSuite::kAeadAes128Gcm, "gcm128"},
                      {SrtpSuite::kAeadAes256Gcm, "gcm256"}};
  for (const auto& [suite, name] : suites) bench.bursts(suite, name);
  for (const auto& [suite, name] : suites) bench.control(suite, name);
  for (const auto& [suite, name] : suites) bench.many(suite, name);
  bench.payload(PayloadMode::kXor, "xor");
  bench.payload(PayloadMode::kAes128, "aes128");
  bench.payload(PayloadMode::kRc4, "rc4");
  return 0;
}
