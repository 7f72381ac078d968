// In place of heap.cc where another allocator is watched: there is nothing to give back.
#include "controlplane/heap.h"

namespace tandem {

void give_heap_back() {}

}  // namespace tandem
