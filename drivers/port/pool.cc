#include "drivers/port/pool.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "drivers/port/device.h"

namespace tandem::port {
namespace {

constexpr std::uint32_t kCachePerLcore = 256;
// Of one worker: waiting room, a send queue per port, in hand a burst or the fragments of a
// datagram, its own cache.
constexpr std::uint32_t kInWorker = 256 + 16 * 64 + 128 + 2 * kCachePerLcore;
constexpr std::uint32_t kInHandoverRing = kHandoverPackets;
constexpr std::uint64_t kOverheadBytes = 256;  // mbuf, object header, alignment

void touch(rte_mempool*, void*, void* object, unsigned) {
  auto* packet = static_cast<rte_mbuf*>(object);
  std::memset(packet->buf_addr, 0, packet->buf_len);
}

}  // namespace

std::uint64_t PoolSize::bytes() const { return packets * (room_bytes + kOverheadBytes); }

PoolSize pool_size(std::uint32_t ports, std::uint32_t workers, std::uint32_t mtu_max) {
  const std::uint32_t in_rings = ports * workers * (kRxDescriptors + kTxDescriptors);
  const std::uint32_t between = workers * (workers - 1) * kInHandoverRing;
  const std::uint32_t need = in_rings + between + workers * kInWorker;
  PoolSize out;
  out.packets = std::bit_ceil(need) - 1;  // what the mempool's ring holds best
  if (out.packets < need) out.packets = need;
  const std::uint32_t frame = mtu_max + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 2 * RTE_VLAN_HLEN;
  out.room_bytes = static_cast<std::uint16_t>(
      std::max<std::uint32_t>(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + frame));
  return out;
}

base::Result<rte_mempool*> make_pool(const PoolSize& size) {
  rte_mempool* pool = rte_pktmbuf_pool_create("packets", size.packets, kCachePerLcore, 0,
                                              size.room_bytes, SOCKET_ID_ANY);
  if (pool == nullptr) {
    return base::error(fmt::format("no memory for {} packets of {} octets ({}); raise memory_mb",
                                   size.packets, size.room_bytes, rte_strerror(rte_errno)));
  }
  rte_mempool_obj_iter(pool, touch, nullptr);
  return pool;
}

void free_pool(rte_mempool* pool) { rte_mempool_free(pool); }

}  // namespace tandem::port
