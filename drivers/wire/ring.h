// A ring of small fixed-size messages between exactly one producer and one consumer, in shared
// memory, over DPDK's rte_ring header (no DPDK library is linked for it).
//
// Each end has a generation that grows with every attach. An end that died between moving its head
// and its tail left them apart; the next one to attach moves head back to tail: what was not
// published is lost, nothing stale is ever handed out. The peer's process may write anything into
// the memory: the geometry is compared with our own before every use, and indexes that can't be are
// mended by the end that owns them; the consumer then empties the ring.
//
// RTE_USE_C11_MEM_MODEL: the same instructions on x86, and atomics that a race checker can follow.
#pragma once

#ifndef RTE_USE_C11_MEM_MODEL
#define RTE_USE_C11_MEM_MODEL
#endif
#include <rte_config.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace tandem::wire {

// What lies in shared memory ahead of the elements.
struct RingMemory {
  std::atomic<std::uint32_t> producer_generation;
  std::atomic<std::uint32_t> consumer_generation;
  alignas(64) rte_ring ring;
};
static_assert(sizeof(RingMemory) % 64 == 0);

template <typename T, std::uint32_t kCount>
class Ring {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 16 == 0);
  static_assert((kCount & (kCount - 1)) == 0, "a power of two");

 public:
  static constexpr std::size_t kBytes = sizeof(RingMemory) + sizeof(T) * kCount;
  static constexpr std::uint32_t kCapacity = kCount - 1;  // one slot tells full from empty

  // Once, by the creator of the segment. `memory` is 64-byte aligned, kBytes long and zeroed.
  static void format(void* memory) {
    auto* m = static_cast<RingMemory*>(memory);
    rte_ring& r = m->ring;
    std::memcpy(r.name, "corridor", 9);
    r.flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
    r.size = kCount;
    r.mask = kCount - 1;
    r.capacity = kCapacity;
    r.prod.sync_type = RTE_RING_SYNC_ST;
    r.cons.sync_type = RTE_RING_SYNC_ST;
  }

  Ring() = default;
  explicit Ring(void* memory) : memory_(static_cast<RingMemory*>(memory)) {}

  // Call before the first use, and only while no other process holds this end.
  void attach_producer() {
    memory_->ring.prod.head = memory_->ring.prod.tail;
    memory_->producer_generation.fetch_add(1, std::memory_order_acq_rel);
  }
  // Messages left by a former life are thrown away; returns how many.
  std::uint32_t attach_consumer_and_drain() {
    rte_ring& r = memory_->ring;
    r.cons.head = r.cons.tail;
    memory_->consumer_generation.fetch_add(1, std::memory_order_acq_rel);
    std::uint32_t stale = 0;
    T ignored;
    while (stale <= kCount && dequeue(std::span(&ignored, 1)) == 1) ++stale;
    return stale;
  }

  // False: full (or the memory was tampered with). The caller counts it.
  bool enqueue(const T& value) {
    if (!sane()) return false;
    rte_ring& r = memory_->ring;
    if (r.prod.head != r.prod.tail) r.prod.head = r.prod.tail;
    if (r.prod.head - __atomic_load_n(&r.cons.tail, __ATOMIC_ACQUIRE) > kCapacity) return false;
    return rte_ring_sp_enqueue_bulk_elem(&r, &value, sizeof(T), 1, nullptr) == 1;
  }
  // Returns how many were taken, 0..out.size().
  std::uint32_t dequeue(std::span<T> out) {
    if (!sane()) return 0;
    rte_ring& r = memory_->ring;
    const std::uint32_t published = __atomic_load_n(&r.prod.tail, __ATOMIC_ACQUIRE);
    if (r.cons.head != r.cons.tail || published - r.cons.tail > kCapacity) {
      r.cons.head = published;
      __atomic_store_n(&r.cons.tail, published, __ATOMIC_RELEASE);
      return 0;
    }
    return rte_ring_sc_dequeue_burst_elem(&r, out.data(), sizeof(T),
                                          static_cast<unsigned>(out.size()), nullptr);
  }
  std::uint32_t count() const { return rte_ring_count(&memory_->ring); }
  bool sane() const {
    const rte_ring& r = memory_->ring;
    return r.size == kCount && r.mask == kCount - 1 && r.capacity == kCapacity &&
           r.prod.sync_type == RTE_RING_SYNC_ST && r.cons.sync_type == RTE_RING_SYNC_ST;
  }

 private:
  RingMemory* memory_ = nullptr;
};

}  // namespace tandem::wire
