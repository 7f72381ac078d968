#include "controlplane/calls/release_cause.h"

#include <fmt/format.h>

#include "controlplane/sip/end_to_end.h"

namespace tandem::calls {

namespace {

constexpr ReleaseInfo kInfos[] = {
#define RELEASE(name, sip, q850, text) {#name, sip, q850, text},
#include "controlplane/calls/release_cause.def"
#undef RELEASE
};

}  // namespace

bool is_release_cause(std::string_view name) {
  for (const ReleaseInfo& info : kInfos) {
    if (info.name == name) return true;
  }
  return false;
}

const ReleaseInfo& release_info(ReleaseCause cause) {
  return kInfos[static_cast<std::size_t>(cause)];
}

std::string reason_value(ReleaseCause cause) {
  const ReleaseInfo& info = release_info(cause);
  return fmt::format("Q.850;cause={};text=\"{}\"", info.q850, info.text);
}

std::uint32_t retry_after_s(ReleaseCause cause, base::Random& random) {
  constexpr std::uint32_t kLeast = 2;
  constexpr std::uint32_t kMost = 10;
  switch (cause) {
    case ReleaseCause::RecordQueueFull:
    case ReleaseCause::NoMediaPort:
    case ReleaseCause::NoResource:
    case ReleaseCause::Shutdown:
      return kLeast + static_cast<std::uint32_t>(random.next() % (kMost - kLeast + 1));
    default:
      return 0;
  }
}

std::string_view direction_name(Direction direction) {
  switch (direction) {
    case Direction::kCaller:
      return "caller";
    case Direction::kCallee:
      return "callee";
    case Direction::kSwitch:
      return "switch";
  }
  return "switch";
}

ReleaseCause cause_of_refusal(int status) {
  if (status < 400) return ReleaseCause::GatewayRedirected;
  switch (status) {
    case 401:
    case 407:
      return ReleaseCause::GatewayUnauthorized;
    case 486:
    case 600:
      return ReleaseCause::UserBusy;
    case 503:  // about the gateway, not about us (RFC 3261 §16.7): we have room
      return ReleaseCause::GatewayUnavailable;
    default:
      return sip::refusal_passes(status) ? ReleaseCause::GatewayRefused
                                         : ReleaseCause::GatewayFault;
  }
}

ReleaseCause why_refused(int status, bool answered, bool by_endpoint) {
  if (!answered) {
    if (by_endpoint) {
      return status == 480 ? ReleaseCause::EndpointRefused : ReleaseCause::EndpointUnreachable;
    }
    return status == 503 ? ReleaseCause::GatewayUnreachable : ReleaseCause::InviteTimeout;
  }
  const ReleaseCause cause = cause_of_refusal(status);
  if (!by_endpoint || cause == ReleaseCause::UserBusy) return cause;
  return cause == ReleaseCause::GatewayRefused ? ReleaseCause::EndpointRefused
                                               : ReleaseCause::EndpointFault;
}

}  // namespace tandem::calls
