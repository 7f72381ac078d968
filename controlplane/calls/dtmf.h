// Digits in INFO requests (application/dtmf-relay, application/dtmf) and as telephone events (RFC
// 4733 §3.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::calls {

inline constexpr std::string_view kDtmfRelay = "application/dtmf-relay";
inline constexpr std::string_view kDtmf = "application/dtmf";

struct Digit {
  std::uint8_t event = 0;  // 0-9, 10 *, 11 #, 12-15 A-D, 16 flash
  std::uint16_t duration_ms = 0;

  friend bool operator==(const Digit&, const Digit&) = default;
};

// The digit in a body of this type; no value: it is none of the two, or says nothing that could be
// a digit. Where it names no duration that makes sense: 160 ms.
std::optional<Digit> read_digit(std::string_view content_type, std::string_view body);
// Of kDtmfRelay. No value: an event that is no digit.
std::optional<std::string> dtmf_relay_body(const Digit& digit);

}  // namespace tandem::calls
