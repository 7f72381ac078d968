#include "perf/heap_account.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace tandem::perf {
namespace {

// Ahead of each block; keeps its alignment.
struct alignas(16) BlockHead {
  bool accounted;
};

thread_local int open_accounts = 0;
std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::uint64_t> allocations{0};

// With the allocator's own word for each block.
std::int64_t cost(BlockHead* head) {
  constexpr std::int64_t kOwn = sizeof(BlockHead);
  return static_cast<std::int64_t>(malloc_usable_size(head)) + 8 - kOwn;
}

void* take(std::size_t bytes) {
  auto* head = static_cast<BlockHead*>(std::malloc(bytes + sizeof(BlockHead)));
  if (head == nullptr) std::abort();
  head->accounted = open_accounts != 0;
  if (head->accounted) {
    live_bytes.fetch_add(cost(head), std::memory_order_relaxed);
    allocations.fetch_add(1, std::memory_order_relaxed);
  }
  return head + 1;
}

void give_back(void* block) {
  if (block == nullptr) return;
  auto* head = static_cast<BlockHead*>(block) - 1;
  if (head->accounted) live_bytes.fetch_sub(cost(head), std::memory_order_relaxed);
  std::free(head);
}

}  // namespace

HeapAccount::HeapAccount() { ++open_accounts; }
HeapAccount::~HeapAccount() { --open_accounts; }

HeapFigures HeapAccount::figures() { return {live_bytes.load(), allocations.load()}; }

}  // namespace tandem::perf

void* operator new(std::size_t bytes) { return tandem::perf::take(bytes); }
void* operator new[](std::size_t bytes) { return tandem::perf::take(bytes); }
void operator delete(void* block) noexcept { tandem::perf::give_back(block); }
void operator delete[](void* block) noexcept { tandem::perf::give_back(block); }
void operator delete(void* block, std::size_t) noexcept { tandem::perf::give_back(block); }
void operator delete[](void* block, std::size_t) noexcept { tandem::perf::give_back(block); }
