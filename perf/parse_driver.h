// One side of `perf/compare parse`: what ours and each peer's driver share. A driver is a class
// with
//   bool parse(std::string_view bytes)  one message, from bytes as the network gave them to the
//                                       values that a transaction needs, each of them touched;
//                                       memory that it took is given back
//   Needs needs(std::string_view bytes) the same values as text, to see that all sides agree
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "perf/messages.h"
#include "perf/work_meter.h"

namespace tandem::perf {

// What a transaction layer and the call above it ask of each message, method or status first. A
// number that isn't there is 0, a text that isn't there is empty.
struct Needs {
  std::string start;  // the method, or the status
  std::string uri_user, uri_host;
  int uri_port = 0;
  std::string via_host, via_branch;
  int via_port = 0;
  std::string from_user, from_tag, to_user, to_tag;
  std::string call_id, cseq_method;
  unsigned cseq = 0, max_forwards = 0;
  std::string contact_user, contact_host;
  std::size_t body_size = 0;
};

// Keeps the compiler from leaving out the work for a value that nobody uses.
template <typename T>
void touch(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

inline void print(const char* name, const Needs& n) {
  std::printf("needs %s [%s] [%s@%s:%d] via [%s:%d] [%s] from [%s] [%s] to [%s] [%s] call [%s] ",
              name, n.start.c_str(), n.uri_user.c_str(), n.uri_host.c_str(), n.uri_port,
              n.via_host.c_str(), n.via_port, n.via_branch.c_str(), n.from_user.c_str(),
              n.from_tag.c_str(), n.to_user.c_str(), n.to_tag.c_str(), n.call_id.c_str());
  std::printf("cseq [%u] [%s] hops [%u] contact [%s@%s] body [%zu]\n", n.cseq,
              n.cseq_method.c_str(), n.max_forwards, n.contact_user.c_str(), n.contact_host.c_str(),
              n.body_size);
}

template <typename Driver>
double nanos_each(Driver& driver, std::string_view bytes, int times) {
  const double start = thread_nanos();
  for (int i = 0; i < times; ++i) {
    if (!driver.parse(bytes)) {
      std::fprintf(stderr, "a valid message was refused\n");
      std::exit(1);
    }
  }
  return (thread_nanos() - start) / times;
}

// DRIVER needs: what was read of each sample. DRIVER TIMES: "NAME NANOSECONDS" a sample, and "mix",
// the samples one after the other, per message.
template <typename Driver>
int run_driver(int argc, char** argv, Driver& driver) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s needs|TIMES\n", argv[0]);
    return 2;
  }
  if (std::strcmp(argv[1], "needs") == 0) {
    for (const Sample& sample : kSamples) print(sample.name.data(), driver.needs(sample.bytes));
    return 0;
  }
  const int times = std::atoi(argv[1]);
  double sum = 0;
  for (const Sample& sample : kSamples) {
    nanos_each(driver, sample.bytes, times / 10 + 1);
    const double nanos = nanos_each(driver, sample.bytes, times);
    std::printf("%s %.1f\n", sample.name.data(), nanos);
    sum += nanos;
  }
  std::printf("mix %.1f\n", sum / static_cast<double>(kSamples.size()));
  return 0;
}

}  // namespace tandem::perf
