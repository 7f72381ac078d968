#include "controlplane/calls/release_cause.h"

#include <fmt/format.h>

namespace tandem::calls {

const ReleaseInfo& release_info(ReleaseCause cause) {
  static constexpr ReleaseInfo kInfos[] = {
#define RELEASE(name, sip, q850, text) {#name, sip, q850, text},
#include "controlplane/calls/release_cause.def"
#undef RELEASE
  };
  return kInfos[static_cast<std::size_t>(cause)];
}

std::string reason_value(ReleaseCause cause) {
  const ReleaseInfo& info = release_info(cause);
  return fmt::format("Q.850;cause={};text=\"{}\"", info.q850, info.text);
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
    case 502:
      return ReleaseCause::GatewayFault;
    default:
      return ReleaseCause::GatewayRefused;
  }
}

}  // namespace tandem::calls
