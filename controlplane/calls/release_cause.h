// Call end reasons as a type, with what they mean on the wire.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "drivers/base/random.h"

namespace tandem::calls {

enum class ReleaseCause : std::uint8_t {
#define RELEASE(name, sip, q850, text) name,
#include "controlplane/calls/release_cause.def"
#undef RELEASE
};

struct ReleaseInfo {
  std::string_view name;
  int sip;
  int q850;
  std::string_view text;
};
const ReleaseInfo& release_info(ReleaseCause cause);
bool is_release_cause(std::string_view name);

// The value of a Reason header (RFC 3326): Q.850;cause=17;text="…".
std::string reason_value(ReleaseCause cause);

// Seconds that a refused caller had better wait (RFC 3261 §20.33), each another number; 0: as long
// as it likes. Only where the switch itself is short of something: whoever gets it sends nothing at
// all for so long (§21.5.4), which would be too much for one full gateway.
std::uint32_t retry_after_s(ReleaseCause cause, base::Random& random);

// Who ended the call.
enum class Direction : std::uint8_t { kCaller, kCallee, kSwitch };
std::string_view direction_name(Direction direction);

// What a routing gateway's final response (300–699) means.
ReleaseCause cause_of_refusal(int status);
// The same where a phone was called, or where nobody said anything: `status` is what that is as
// good as (408, 503).
ReleaseCause why_refused(int status, bool answered, bool by_endpoint);

}  // namespace tandem::calls
