// The control plane's heap is jemalloc, linked into the program alone; this tells it how. A call's
// blocks lie untouched for half a minute (INVITE transactions, RFC 3261 §17) among hundreds of
// megabytes of other calls': on pages of 2 MiB they are found without a walk through page tables
// each. What was needed once is needed again and is kept: a signalling thread never gives memory
// back to the kernel on the way. MALLOC_CONF in the environment has the last word.
#include "controlplane/heap.h"

#include <jemalloc/jemalloc.h>

extern "C" {
// jemalloc(3), TUNING; read before main.
const char* malloc_conf = "thp:always,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1";
}

namespace tandem {

void give_heap_back() {
  // MALLCTL_ARENAS_ALL
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

}  // namespace tandem
