#include "controlplane/calls/failover.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

using Parameters = config::Parameters;

constexpr std::uint64_t kRestMost = 3600;

bool is_busy(int status) { return status == 486 || status == 600; }

}  // namespace

bool goes_on(const Parameters& p, const config::Gateway& gateway, const Attempt& attempt) {
  if (p.SS_GATEWAY_SWITCH_UNTIL_CONNECT == Parameters::SwitchUntilConnect::on) return true;
  if (attempt.rang) return false;  // another gateway would ring the same person
  if (p.SS_GATEWAY_SWITCH_LIMIT != 0 && attempt.tried >= p.SS_GATEWAY_SWITCH_LIMIT) return false;
  if (attempt.described && p.SS_SIP_STOP_SWITCH_AFTER_SDP == Parameters::StopSwitchAfterSdp::on) {
    return false;
  }
  if (attempt.heard &&
      p.SS_GATEWAY_SWITCH_STOP_AFTER_RTP_START == Parameters::SwitchStopAfterRtpStart::on) {
    return false;
  }
  if (attempt.silent) {
    return p.SS_SIP_USER_AGENT_STOP_SWITCH_AFTER_INVITE_TIMEOUT ==
           Parameters::StopSwitchAfterInviteTimeout::off;
  }
  if (is_busy(attempt.status) &&
      p.SS_GATEWAY_SWITCH_STOP_AFTER_USER_BUSY == Parameters::SwitchStopAfterUserBusy::on) {
    return false;
  }
  return std::none_of(
      gateway.stop_codes.begin(), gateway.stop_codes.end(),
      [&](const config::StatusRange& range) { return range.covers(attempt.status); });
}

std::uint32_t rest_s(std::string_view retry_after) {
  const auto text = base::trim(retry_after);
  const auto digits = text.substr(0, text.find_first_of(";( "));
  if (!digits.empty() && std::all_of(digits.begin(), digits.end(), base::is_digit)) {
    return static_cast<std::uint32_t>(base::parse_uint(digits, kRestMost).value_or(kRestMost));
  }
  return 0;
}

}  // namespace tandem::calls
