// One side of `perf/compare srtp`: what ours and each peer's driver share. A driver is a class with
//   Driver(suite, masters)      sessions with these keys, each way
//   void protect(Burst&)        each packet of the burst in place, packet n by session n
//   void unprotect(Burst&)      the same packets again
// and ends the program when a packet doesn't pass.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "drivers/crypto/srtp_key.h"
#include "perf/work_meter.h"

namespace tandem::perf {

inline constexpr std::size_t kBurst = 32;
// Bursts between two looks at the clock, which is a system call.
inline constexpr std::size_t kBurstsInOne = 8;
inline constexpr std::size_t kRtpHeader = 12;
// Of payload: of a low-rate codec, of 20 ms of G.711, and of video.
inline constexpr std::array<std::size_t, 3> kSizes = {20, 160, 1200};

using Masters = std::array<crypto::SrtpMaster, kBurst>;

struct Burst {
  struct Packet {
    std::size_t size;
    alignas(64) std::array<std::uint8_t, 1280> octets;
  };
  std::array<Packet, kBurst> packets;

  // Packets that haven't been sent yet.
  void make(std::size_t payload, std::uint16_t sequence) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      Packet& one = packets[i];
      one.size = kRtpHeader + payload;
      one.octets[0] = 0x80;
      one.octets[1] = 0;
      one.octets[2] = static_cast<std::uint8_t>(sequence >> 8);
      one.octets[3] = static_cast<std::uint8_t>(sequence);
      crypto::store32(&one.octets[4], 160u * sequence);
      crypto::store32(&one.octets[8], static_cast<std::uint32_t>(i));
    }
  }
};

inline Masters masters_of(crypto::SrtpSuite suite) {
  std::mt19937_64 random(1);
  Masters out;
  for (crypto::SrtpMaster& one : out) {
    one.suite = suite;
    for (auto& octet : one.key) octet = static_cast<std::uint8_t>(random());
    for (auto& octet : one.salt) octet = static_cast<std::uint8_t>(random());
  }
  return out;
}

inline std::string name_of(const crypto::SrtpSuiteFacts& facts, std::size_t size) {
  return std::string(facts.name) + "_" + std::to_string(size);
}

// What the protected packets are, to see that all sides do the same.
template <typename Driver>
void print_packets(const crypto::SrtpSuiteFacts& facts, std::size_t size) {
  Driver driver(facts.suite, masters_of(facts.suite));
  std::vector<Burst> bursts(1);
  std::uint64_t sum = 14695981039346656037u;  // FNV-1a
  for (std::uint16_t sequence = 65530; sequence != 5; ++sequence) {
    for (auto& packet : bursts[0].packets) packet.octets.fill(0x55);
    bursts[0].make(size, sequence);
    driver.protect(bursts[0]);
    for (const auto& packet : bursts[0].packets) {
      for (std::size_t i = 0; i < packet.size; ++i) sum = (sum ^ packet.octets[i]) * 1099511628211u;
    }
    driver.unprotect(bursts[0]);
  }
  std::printf("%s %016llx\n", name_of(facts, size).c_str(), static_cast<unsigned long long>(sum));
}

template <typename Driver>
void print_times(const crypto::SrtpSuiteFacts& facts, std::size_t size, int times) {
  Driver driver(facts.suite, masters_of(facts.suite));
  std::vector<Burst> bursts(kBurstsInOne);
  for (Burst& burst : bursts) {
    for (auto& packet : burst.packets) packet.octets.fill(0x55);
  }
  std::uint16_t sequence = 0;
  std::vector<double> protect;
  std::vector<double> unprotect;
  for (int i = 0; i < times; ++i) {
    for (Burst& burst : bursts) burst.make(size, ++sequence);
    const double start = thread_nanos();
    for (Burst& burst : bursts) driver.protect(burst);
    const double middle = thread_nanos();
    for (Burst& burst : bursts) driver.unprotect(burst);
    unprotect.push_back(thread_nanos() - middle);
    protect.push_back(middle - start);
  }
  // The median leaves out what interrupts did.
  const auto each = [](std::vector<double>& values) {
    const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), half, values.end());
    return *half / static_cast<double>(kBurst * kBurstsInOne);
  };
  const double a = each(protect);
  const double b = each(unprotect);
  const std::string name = name_of(facts, size);
  std::printf("%s_protect %.1f\n%s_unprotect %.1f\n%s %.1f\n", name.c_str(), a, name.c_str(), b,
              name.c_str(), a + b);
}

// DRIVER packets: a digest of what is sent, by suite and size. DRIVER TIMES: "NAME NANOSECONDS" per
// packet, protected, unprotected and both, so many times 256 packets each.
template <typename Driver>
int run_driver(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s packets|TIMES\n", argv[0]);
    return 2;
  }
  const bool packets = std::strcmp(argv[1], "packets") == 0;
  const int times = std::atoi(argv[1]);
  if (!packets && times < 1) return 2;
  for (const crypto::SrtpSuiteFacts& facts : crypto::kSrtpSuites) {
    if (facts.suite == crypto::SrtpSuite::kNone) continue;
    for (const std::size_t size : kSizes) {
      if (packets) {
        print_packets<Driver>(facts, size);
      } else {
        print_times<Driver>(facts, size, times);
      }
    }
  }
  return 0;
}

inline void must_pass(bool passed) {
  if (passed) return;
  std::fprintf(stderr, "a good packet was refused\n");
  std::exit(1);
}

}  // namespace tandem::perf
