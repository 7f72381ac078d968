#include "drivers/wire/counters.h"

namespace tandem::wire {

const std::array<CounterInfo, kCounterCount>& counter_infos() {
  static constexpr std::array<CounterInfo, kCounterCount> kInfos{{
#define COUNTER(name, unit, sentence) {#name, #unit, sentence},
#include "drivers/wire/counters.def"
#undef COUNTER
  }};
  return kInfos;
}

}  // namespace tandem::wire
