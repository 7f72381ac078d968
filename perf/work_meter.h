// What a piece of work costs this thread: its own time, and its instructions where the machine
// counts them for us (virtual machines often don't).
#pragma once

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

namespace tandem::perf {

// Of this thread's own computing: what others do on the machine meanwhile isn't ours.
inline double thread_nanos() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Instructions of this thread in user space.
class InstructionCounter {
 public:
  InstructionCounter() {
    perf_event_attr asked{};
    asked.type = PERF_TYPE_HARDWARE;
    asked.size = sizeof asked;
    asked.config = PERF_COUNT_HW_INSTRUCTIONS;
    asked.exclude_kernel = 1;
    asked.exclude_hv = 1;
    descriptor_ = static_cast<int>(syscall(SYS_perf_event_open, &asked, 0, -1, -1, 0));
  }
  ~InstructionCounter() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  InstructionCounter(const InstructionCounter&) = delete;
  InstructionCounter& operator=(const InstructionCounter&) = delete;

  // No value: nobody counts.
  std::optional<std::uint64_t> read() const {
    std::uint64_t count = 0;
    if (descriptor_ < 0 || ::read(descriptor_, &count, sizeof count) != sizeof count) return {};
    return count;
  }

 private:
  int descriptor_ = -1;
};

// Does `work` so many times in each of so many rounds; prints "NAME VALUE ns", the median of the
// rounds, and "NAME_instructions VALUE" where they are counted.
template <typename Work>
void measure(const char* name, int rounds, int times, Work&& work) {
  const InstructionCounter counter;
  std::vector<double> nanos;
  for (int i = 0; i < times / 10 + 1; ++i) work();
  const auto before = counter.read();
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_nanos();
    for (int i = 0; i < times; ++i) work();
    nanos.push_back((thread_nanos() - start) / times);
  }
  const auto after = counter.read();
  std::nth_element(nanos.begin(), nanos.begin() + rounds / 2, nanos.end());
  std::printf("%s %.0f ns\n", name, nanos[static_cast<std::size_t>(rounds / 2)]);
  if (before && after) {
    const auto each = static_cast<double>(*after - *before) / rounds / times;
    std::printf("%s_instructions %.0f\n", name, each);
  }
}

}  // namespace tandem::perf
