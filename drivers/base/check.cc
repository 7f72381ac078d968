#include "drivers/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tandem::base {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tandem: promise broken: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace tandem::base
