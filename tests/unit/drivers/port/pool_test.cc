#include "drivers/port/pool.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "drivers/port/device.h"

namespace tandem::port {
namespace {

TEST(Pool, CoversEveryQueueAtOnce) {
  for (const std::uint32_t workers : {1u, 2u, 8u}) {
    const PoolSize size = pool_size(2, workers, 1500);
    EXPECT_GE(size.packets, 2 * workers * (kRxDescriptors + kTxDescriptors) +
                                workers * (workers - 1) * kHandoverPackets);
  }
}

TEST(Pool, HoldsAWholeFrameInOnePiece) {
  EXPECT_EQ(pool_size(1, 1, 1500).room_bytes, RTE_MBUF_DEFAULT_BUF_SIZE);
  EXPECT_GE(pool_size(1, 1, 9000).room_bytes, RTE_PKTMBUF_HEADROOM + 9000 + RTE_ETHER_HDR_LEN);
}

}  // namespace
}  // namespace tandem::port
