// Who sends media, by what both parties have described (RFC 3264 §5.1, §6.1, §8.4).
#pragma once

#include "controlplane/sdp/sdp.h"

namespace tandem::sdp {

// In some section that neither has rejected, `party` may send and `other` takes it. The address
// 0.0.0.0 takes nothing, in the way of RFC 2543.
bool sends(const Description& party, const Description& other);

}  // namespace tandem::sdp
