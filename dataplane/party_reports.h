// RTCP about a stream that a party hears under other names than its source has (PartyStream), so
// that each side reads of its own: SSRC, timestamp and sequence numbers (RFC 3550 §6.4). What isn't
// whole stays as it is. Owner: the worker.
#pragma once

#include <cstdint>

#include "dataplane/headers.h"

namespace tandem::dataplane {

// How the party knows what the source sends.
struct StreamNames {
  std::uint32_t source = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t timestamp_shift = 0;  // from the source's to the party's
  std::uint16_t sequence_shift = 0;
};

// What the source says, for the party; what the party says, for the source. `compound`: RTCP.
void name_for_party(Bytes compound, const StreamNames& names);
void name_for_source(Bytes compound, const StreamNames& names);

}  // namespace tandem::dataplane
