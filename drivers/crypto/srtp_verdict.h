// What came of a packet: it passed, or why not. Whoever counts drops has a row for each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tandem::crypto {

enum class SrtpVerdict : std::uint8_t {
  kOk,
  kMalformed,     // not RTP or RTCP, or shorter than its header and tag say
  kNoRoom,        // nothing behind the packet to put the tag in, or too long for a datagram then
  kNoKey,         // the context hasn't been started
  kReplayed,      // this index has passed already; for a sender: its keystream is used
  kTooOld,        // behind the replay window: nobody can tell whether it has passed
  kBadTag,        // not from the holder of the key, or changed on the way
  kUnencrypted,   // SRTCP with E = 0: nobody agreed to that (RFC 4568 §6.3.2)
  kTooManySsrcs,  // a sender's: one more could not be kept from using an index twice
  kKeyEnded,      // 2^48 packets of RTP or 2^31 of RTCP (RFC 3711 §9.2): a new key is needed
  kCount,
};

constexpr std::string_view name_of(SrtpVerdict verdict) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(SrtpVerdict::kCount)> kNames = {
      "ok",      "malformed", "no_room",     "no_key",         "replayed",
      "too_old", "bad_tag",   "unencrypted", "too_many_ssrcs", "key_ended"};
  return kNames[static_cast<std::size_t>(verdict)];
}

}  // namespace tandem::crypto
