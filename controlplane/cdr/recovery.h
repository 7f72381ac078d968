// After a kill: the records that the former life kept (open_calls.h) and hadn't brought to the
// disk. Main thread, before calls are taken.
#pragma once

#include <cstdint>
#include <string_view>

#include "controlplane/cdr/journal.h"
#include "controlplane/cdr/open_calls.h"

namespace tandem::cdr {

struct Recovered {
  std::uint64_t finished = 0;  // of calls that had ended; appended now
  std::uint64_t up = 0;        // of calls that were up; appended now with `lost` as their end
  std::uint64_t corrupt = 0;   // slots that made no sense; freed

  friend bool operator==(const Recovered&, const Recovered&) = default;
};

// `lost`: the end reason of a call that was up when the former life was killed; it ended, as far as
// we know, when that was last seen alive. Being killed in here, and run again, does no harm.
Recovered recover(OpenCalls& calls, Journal& journal, std::string_view lost);

}  // namespace tandem::cdr
