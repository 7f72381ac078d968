// What the switch can say itself to who has described an audio section: G.711, and telephone events
// beside it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "controlplane/sdp/sdp.h"
#include "drivers/base/endpoint.h"

namespace tandem::sdp {

struct Voice {
  std::size_t section = 0;               // of the description
  std::uint8_t law = 0;                  // RFC 3551: 0 PCMU, 8 PCMA
  std::optional<std::uint8_t> events{};  // the payload type of telephone-event

  friend bool operator==(const Voice&, const Voice&) = default;
};

// Of the first audio section that wants to hear something: the first law that it names; one that is
// among `allowed`, if that names any. No value: there is no such section, or no such law.
std::optional<Voice> voice_of(const Description& description,
                              std::span<const std::string> allowed = {});

// An answer to `offer` with that voice and nothing else, at `address`; its ports are a stand-in.
std::string voice_answer(const Description& offer, const Voice& voice,
                         const base::IpAddress& address, std::uint64_t session_id);

}  // namespace tandem::sdp
