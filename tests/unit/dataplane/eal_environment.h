// What the tests share that run with DPDK.
#pragma once

struct rte_mempool;

namespace tandem::dataplane::testing {

// The packets of all tests.
rte_mempool* pool();

}  // namespace tandem::dataplane::testing
