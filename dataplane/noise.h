// Whether G.711 is noise: what a wrong key leaves of it. Pure; any thread.
#pragma once

#include "dataplane/headers.h"

namespace tandem::dataplane {

// The octets are as if drawn by lot: each of the eight chords (ITU-T G.711) as often as the others,
// which no sound is, from silence to the loudest, and signs that turn as often as not. Both laws
// alike. False also when there are too few octets to tell.
bool is_noise(ConstBytes g711);

}  // namespace tandem::dataplane
