// Whether a call that one gateway didn't take is tried by the next one: the switching table of the
// parameters SS_GATEWAY_SWITCH_… and SS_SIP_…STOP_SWITCH_…. Pure.
#pragma once

#include <cstdint>

#include "controlplane/config/gateway.h"
#include "controlplane/config/parameters.h"

namespace tandem::calls {

// What became of the gateway that was asked.
struct Attempt {
  int status = 0;           // its final response (300–699); 0: none
  bool silent = false;      // it said nothing at all, or nothing more, within its time-out
  bool rang = false;        // it rang, but nobody answered
  bool described = false;   // it has described media, which the caller was told of
  bool heard = false;       // RTP came from it
  std::uint64_t tried = 1;  // gateways of this call, this one too
};

// `parameters`: with what the gateway has otherwise than the system.
bool goes_on(const config::Parameters& parameters, const config::Gateway& gateway,
             const Attempt& attempt);

// How long a gateway that answered 503 with this Retry-After rests (RFC 3261 §20.33): its seconds,
// an hour at most; 0: it doesn't say.
std::uint32_t rest_s(std::string_view retry_after);

}  // namespace tandem::calls
