#include "perf/resident.h"

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

extern "C" {
// jemalloc's (3), where it is linked in.
[[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh,
                          std::size_t fresh_size);
}

namespace tandem::perf {

double resident() {
  if (mallctl != nullptr)
    (void)mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // of all arenas
  else
    malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace tandem::perf
