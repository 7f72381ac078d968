// How much memory this process really has, for benches that tell what things hold. They run on the
// control plane's allocator, jemalloc, where the build has it (not with sanitizers).
#pragma once

namespace tandem::perf {

// In octets, once all that is free has been given back to the kernel.
double resident();

}  // namespace tandem::perf
