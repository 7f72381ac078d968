#include "controlplane/sdp/sending.h"

#include <algorithm>

namespace tandem::sdp {
namespace {

bool may_send(const Media& media) {
  return media.direction == Direction::kSendRecv || media.direction == Direction::kSendOnly;
}

bool takes(const Media& media) {
  return media.rtp.address != base::IpAddress::ip4(0, 0, 0, 0) &&
         (media.direction == Direction::kSendRecv || media.direction == Direction::kRecvOnly);
}

}  // namespace

bool sends(const Description& party, const Description& other) {
  const std::size_t sections = std::min(party.media.size(), other.media.size());
  for (std::size_t i = 0; i < sections; ++i) {
    const Media& own = party.media[i];
    const Media& far = other.media[i];
    if (own.port != 0 && far.port != 0 && may_send(own) && takes(far)) return true;
  }
  return false;
}

}  // namespace tandem::sdp
