// Whether a call's media go through us or straight from one party to the other, and by which rule
// (SS_MEDIAPROXYMODE). Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "controlplane/config/parameters.h"
#include "controlplane/media/srtp_leg.h"
#include "drivers/base/endpoint.h"

namespace tandem::calls {

// The first one that decides, in this order.
enum class MediaRule : std::uint8_t {
  kSystemMustOn,
  kPartyMustOn,
  kPayloadEncryption,  // else there would be none
  kSrtpRequired,       // likewise
  kSystemOff,
  kPartyOff,
  kSystemOn,
  kPartyOn,
  kLocalRing,
  kEncrypted,
  kBetweenNetworks,
  kSameNat,
  kBehindNat,
  kOtherwise,  // direct
};
// As records and `show calls` have it.
std::string_view name_of(MediaRule rule);

struct MediaParty {
  using Mode = config::Parameters::MediaProxyMode;

  Mode mode = Mode::auto_;    // its own, else the system's
  std::uint32_t network = 0;  // the media address that it would be given
  // Where its signalling comes from, or goes to; unset: not known.
  base::IpAddress address{};
  bool behind_nat = false;
  media::SrtpPolicy srtp = media::SrtpPolicy::kOff;  // TD_SRTP, TD_ENDPOINT_SRTP
  bool encrypted_payload = false;  // its gateway's payloads are (SS_RTPENCRYPTIONMODE)
  bool local_ring = false;         // callee: we play what the caller hears meanwhile
};

struct MediaSwitches {
  MediaParty::Mode mode = MediaParty::Mode::auto_;  // SS_MEDIAPROXYMODE
  bool between_networks = true;                     // SS_MEDIAPROXYBETWEENNET
  bool same_nat = false;                            // SS_MEDIAPROXYSAMENAT
  bool behind_nat = true;                           // SS_MEDIAPROXYBEHINDNAT
};
MediaSwitches media_switches_of(const config::Parameters& system);

struct MediaDecision {
  bool proxied;
  MediaRule rule;

  friend bool operator==(const MediaDecision&, const MediaDecision&) = default;
};
MediaDecision decide_media(const MediaSwitches& system, const MediaParty& caller,
                           const MediaParty& callee);

}  // namespace tandem::calls
