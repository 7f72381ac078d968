// What the legs of a call get of its parameters for their session timers (RFC 4028).
#pragma once

#include "controlplane/config/parameters.h"
#include "controlplane/sip/session_timer.h"

namespace tandem::calls {

inline sip::SessionTimerSettings session_timer_of(const config::Parameters& parameters) {
  return {.ttl = parameters.SS_SIP_SESSION_TTL,
          .segments = static_cast<std::uint32_t>(parameters.SS_SIP_SESSION_UPDATE_SEGMENT),
          .early_hangup = parameters.SS_SIP_SESSION_TIMEOUT_EARLY_HANGUP,
          .min_se = parameters.TD_SIP_MIN_SE};
}

}  // namespace tandem::calls
