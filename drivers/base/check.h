// CHECK: our own broken promise ends the process, in every build type, with file and line.
// Never for what a peer, a file or an operator sends: those get a status, a counter or an Error.
#pragma once

namespace tandem::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace tandem::base

#define CHECK(condition)              \
  ((condition) ? static_cast<void>(0) \
               : ::tandem::base::check_failed(#condition, __FILE__, __LINE__))
