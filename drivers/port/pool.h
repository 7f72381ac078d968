// The pool of packet buffers. Taken once at start; every worker gets and gives without a lock in
// the common case (a cache per lcore).
#pragma once

#include <cstdint>
#include <string>

#include "drivers/base/result.h"

struct rte_mempool;

namespace tandem::port {

struct PoolSize {
  std::uint32_t packets = 0;
  std::uint16_t room_bytes = 0;  // of one packet, headroom included: a whole frame fits

  std::uint64_t bytes() const;
};

// For `ports` ports with `workers` queues each, full rings, hand-over and waiting packets included.
PoolSize pool_size(std::uint32_t ports, std::uint32_t workers, std::uint32_t mtu_max);

// Every page of it is touched, so that no worker takes a page fault later.
base::Result<rte_mempool*> make_pool(const PoolSize& size);
void free_pool(rte_mempool* pool);

}  // namespace tandem::port
