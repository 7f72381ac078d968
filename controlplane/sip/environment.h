// What every unit of the SIP room works with: its thread's time, its way out, its counters. One per
// shard; outlives them all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/loop/timer_wheel.h"
#include "controlplane/sip/transport.h"
#include "drivers/base/keyed_hash.h"
#include "drivers/base/random.h"
#include "drivers/wire/counters.h"

namespace tandem::sip {

using base::Nanos;

// RFC 3261 §17.1.1.1, table 4. resend_gaps replaces the doubling of timers A and E: the gaps
// between retransmissions of a request (SS_SIP_RESEND_INTERVAL); after the last one there are no
// more.
struct TimerValues {
  Nanos t1 = base::Millis{500};
  Nanos t2 = base::Seconds{4};
  Nanos t4 = base::Seconds{5};
  Nanos d = base::Seconds{32};
  std::vector<Nanos> resend_gaps;
  Nanos life() const { return 64 * t1; }  // B, F, H, J, L, M
};

struct Limits {
  std::uint32_t transactions = 200'000;  // each kind
  std::uint32_t sessions = 100'000;      // legs
};

// RFC 3262.
inline constexpr std::string_view kReliableOption = "100rel";

// The methods that our legs take part in.
inline constexpr std::string_view kAllowedMethods =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY";

struct Environment {
  loop::TimerWheel& wheel;
  Transport& transport;
  wire::CounterBlock& counters;
  base::Random& random;
  std::uint32_t shard = 0;
  TimerValues timers{};
  Limits limits{};
  // How full what waits for this thread is, in hundredths: above a few it can't keep up with what
  // comes. Written once a turn by whoever owns the thread.
  std::uint32_t backlog = 0;
  // Allow and Allow-Events as our messages say them: what policy takes besides stands in there too.
  // Allow-Events empty: no event package is ours (RFC 6665), so SUBSCRIBE is no method of ours.
  std::string allow{kAllowedMethods};
  std::string allow_events{};
  // The extensions that we take part in (Supported); what a peer requires beyond them gets 420.
  std::string supported{kReliableOption};
  // Marks the calls that we make, so that one that comes back is known (§16.3). The same for all
  // shards of a switch and for no other switch; left empty, the user agent makes one up.
  base::KeyedHash::Key loop_key{};
};

// Counts both outcomes.
inline bool send_counted(Environment& env, const Path& path, std::string_view message) {
  const bool sent = env.transport.send(path, message);
  env.counters.add(sent ? wire::Counter::sip_sent : wire::Counter::drop_sip_send);
  return sent;
}

}  // namespace tandem::sip
