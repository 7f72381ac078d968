// DPDK starts once for all tests of this program: plain memory, no NIC. Every packet that a test
// took must be back in the pool at the end.
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "drivers/port/eal.h"
#include "tests/unit/dataplane/eal_environment.h"

namespace tandem::dataplane::testing {
namespace {

rte_mempool* shared_pool = nullptr;

class Environment : public ::testing::Environment {
 public:
  void SetUp() override {
    const auto started =
        port::start_eal({"worker_test", "--no-huge", "--no-pci", "-m", "192", "--no-shconf",
                         "--no-telemetry", "--lcores", "0@(0-1),1@(0-1),2@(0-1)", "--log-level",
                         "4", "--file-prefix", "tandem_worker_test", "--vdev", "net_ring0",
                         "--vdev", "net_ring1", "--vdev", "net_ring2"});
    ASSERT_TRUE(started.ok()) << started.error_text();
    shared_pool =
        rte_pktmbuf_pool_create("bench", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(shared_pool, nullptr);
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_in_use_count(shared_pool), 0u) << "packets were lost";
    rte_mempool_free(shared_pool);
    port::stop_eal();
  }
};

}  // namespace

rte_mempool* pool() { return shared_pool; }

}  // namespace tandem::dataplane::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new tandem::dataplane::testing::Environment);
  return RUN_ALL_TESTS();
}
