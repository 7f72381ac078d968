// The control plane's heap as a whole.
#pragma once

namespace tandem {

// What was needed for the start alone goes back to the kernel. Takes a while; not for the threads
// that signal.
void give_heap_back();

}  // namespace tandem
