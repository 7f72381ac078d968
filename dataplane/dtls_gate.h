// How much DTLS goes up to the control plane: what handshakes take and no more, so that neither a
// party nor all of them together can fill its ring, or its time, with what a worker costs nothing.
// Owner: the worker.
#pragma once

#include <cstdint>

#include "dataplane/headers.h"
#include "drivers/base/clock.h"

namespace tandem::dataplane {

// RFC 7983 §7. REQUIRES: came on a media port that isn't a fax's.
inline bool is_dtls(ConstBytes payload) {
  return !payload.empty() && payload[0] >= std::byte{20} && payload[0] <= std::byte{63};
}

// How many have passed in the second that it is about.
struct DtlsCount {
  std::uint32_t second = 0;
  std::uint32_t passed = 0;
};

class DtlsGate {
 public:
  // A second. A handshake is four flights, each of which a peer with small datagrams and a large
  // certificate sends in a dozen, and may have to repeat at once.
  static constexpr std::uint32_t kOfFlow = 64;
  static constexpr std::uint32_t kOfAll = 10'000;

  // `flow`: its own count.
  bool passes(DtlsCount& flow, base::Nanos now) {
    const auto second = static_cast<std::uint32_t>(now / base::Seconds{1});
    return add(flow, second, kOfFlow) && add(all_, second, kOfAll);
  }

 private:
  static bool add(DtlsCount& count, std::uint32_t second, std::uint32_t most) {
    if (count.second != second) count = {second, 0};
    return count.passed < most && ++count.passed != 0;
  }

  DtlsCount all_;
};

}  // namespace tandem::dataplane
