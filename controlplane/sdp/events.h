// Telephone events (RFC 4733) in a description: put in, taken out, or under another payload type.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sdp/sdp.h"

namespace tandem::sdp {

// The first audio section over RTP that isn't rejected.
std::optional<std::size_t> voice_section(const Description& description);

// The payload type of telephone-event (of 8 kHz) in that section.
std::optional<std::uint8_t> events_of(const Description& description, std::size_t section);
// The same in voice_section() of this text.
std::optional<std::uint8_t> events_of(std::string_view description);

// A payload type that this section uses for nothing: 101 where that can be.
std::uint8_t free_type(const Description& description, std::size_t section);

// Telephone events of all digits under this payload type, behind the section's other formats.
std::string with_events(const Description& description, std::size_t section, std::uint8_t type);
// That format of the section, and what is said of it, gone; or under another number.
std::string without_format(const Description& description, std::size_t section, std::uint8_t type);
std::string renumbered(const Description& description, std::size_t section, std::uint8_t from,
                       std::uint8_t to);

}  // namespace tandem::sdp
