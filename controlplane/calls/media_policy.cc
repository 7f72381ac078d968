#include "controlplane/calls/media_policy.h"

#include <array>
#include <utility>

namespace tandem::calls {
namespace {

using media::SrtpPolicy;
using Mode = MediaParty::Mode;

constexpr std::array<std::string_view, 14> kNames{
    "system_must_on",   "party_must_on", "payload_encryption", "srtp_required", "system_off",
    "party_off",        "system_on",     "party_on",           "local_ring",    "encrypted",
    "between_networks", "same_nat",      "behind_nat",         "otherwise"};
static_assert(kNames.size() == static_cast<std::size_t>(MediaRule::kOtherwise) + 1);

bool either(const MediaParty& caller, const MediaParty& callee, Mode mode) {
  return caller.mode == mode || callee.mode == mode;
}

bool either(const MediaParty& caller, const MediaParty& callee, SrtpPolicy policy) {
  return caller.srtp == policy || callee.srtp == policy;
}

}  // namespace

std::string_view name_of(MediaRule rule) { return kNames[static_cast<std::size_t>(rule)]; }

MediaSwitches media_switches_of(const config::Parameters& system) {
  using P = config::Parameters;
  return {.mode = system.SS_MEDIAPROXYMODE,
          .between_networks = system.SS_MEDIAPROXYBETWEENNET == P::MediaProxyBetweenNet::on,
          .same_nat = system.SS_MEDIAPROXYSAMENAT == P::MediaProxySameNat::on,
          .behind_nat = system.SS_MEDIAPROXYBEHINDNAT == P::MediaProxyBehindNat::on};
}

MediaDecision decide_media(const MediaSwitches& system, const MediaParty& caller,
                           const MediaParty& callee) {
  if (system.mode == Mode::mustOn) return {true, MediaRule::kSystemMustOn};
  if (either(caller, callee, Mode::mustOn)) return {true, MediaRule::kPartyMustOn};
  if (caller.encrypted_payload || callee.encrypted_payload) {
    return {true, MediaRule::kPayloadEncryption};
  }
  if (either(caller, callee, SrtpPolicy::kRequired)) return {true, MediaRule::kSrtpRequired};
  if (system.mode == Mode::off) return {false, MediaRule::kSystemOff};
  if (either(caller, callee, Mode::off)) return {false, MediaRule::kPartyOff};
  if (system.mode == Mode::on) return {true, MediaRule::kSystemOn};
  if (either(caller, callee, Mode::on)) return {true, MediaRule::kPartyOn};
  if (callee.local_ring) return {true, MediaRule::kLocalRing};
  if (either(caller, callee, SrtpPolicy::kOptional)) return {true, MediaRule::kEncrypted};
  if (system.between_networks && caller.network != callee.network) {
    return {true, MediaRule::kBetweenNetworks};
  }
  const bool known = caller.address != base::IpAddress{} && callee.address != base::IpAddress{};
  const bool one_nat =
      known && caller.behind_nat && callee.behind_nat && caller.address == callee.address;
  if (one_nat) {
    if (system.same_nat) return {true, MediaRule::kSameNat};
    return {false, MediaRule::kOtherwise};
  }
  const bool reachable = !caller.behind_nat && !callee.behind_nat &&
                         (!known || caller.address.is_private() == callee.address.is_private());
  if (system.behind_nat && !reachable) return {true, MediaRule::kBehindNat};
  return {false, MediaRule::kOtherwise};
}

}  // namespace tandem::calls
