// What a thread's own code holds of the heap: allocations made while an Account is open on this
// thread are its, whoever frees them and when. Replaces the global operator new of the program that
// it is linked to. For benches only.
#pragma once

#include <cstdint>

namespace tandem::perf {

struct HeapFigures {
  std::int64_t live_bytes = 0;
  std::uint64_t allocations = 0;
};

class HeapAccount {
 public:
  HeapAccount();
  ~HeapAccount();
  HeapAccount(const HeapAccount&) = delete;
  HeapAccount& operator=(const HeapAccount&) = delete;

  // Of all accounts so far.
  static HeapFigures figures();
};

}  // namespace tandem::perf
