#include "controlplane/calls/dtmf.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

constexpr std::uint16_t kUsualMs = 160;
constexpr std::uint16_t kLeastMs = 40;   // RFC 4733 §2.5.1.1 asks for no fewer
constexpr std::uint16_t kMostMs = 8000;  // what one event's duration can say
constexpr std::string_view kSigns = "0123456789*#ABCD";
constexpr std::uint8_t kFlash = 16;

// "5", "#", "a", some say "11" for "#", or "flash".
std::optional<std::uint8_t> event_of(std::string_view sign) {
  sign = base::trim(sign);
  if (base::iequals(sign, "flash") || base::iequals(sign, "hf") || sign == "!") return kFlash;
  if (sign.size() == 1) {
    const char upper = sign[0] >= 'a' && sign[0] <= 'd' ? static_cast<char>(sign[0] - 32) : sign[0];
    const auto place = kSigns.find(upper);
    if (place == kSigns.npos) return std::nullopt;
    return static_cast<std::uint8_t>(place);
  }
  const auto number = base::parse_uint(sign, kFlash);
  if (!number) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

std::uint16_t duration_of(std::string_view text) {
  const auto number = base::parse_uint(base::trim(text), 60'000);
  if (!number || *number == 0) return kUsualMs;
  return static_cast<std::uint16_t>(std::clamp<std::uint64_t>(*number, kLeastMs, kMostMs));
}

bool is_type(std::string_view content_type, std::string_view wanted) {
  return base::iequals(base::trim(base::split_first(content_type, ';')), wanted);
}

}  // namespace

std::optional<Digit> read_digit(std::string_view content_type, std::string_view body) {
  const bool relay = is_type(content_type, kDtmfRelay);
  if (!relay && !is_type(content_type, kDtmf)) return std::nullopt;
  std::optional<std::uint8_t> event;
  std::uint16_t duration_ms = kUsualMs;
  while (!body.empty()) {
    std::string_view line = base::split_first(body, '\n');
    std::string_view value = line;
    const std::string_view name = base::trim(base::split_first(value, '='));
    if (base::iequals(name, "Signal"))
      event = event_of(value);
    else if (base::iequals(name, "Duration"))
      duration_ms = duration_of(value);
    else if (!relay && !event)  // the digit alone
      event = event_of(line);
  }
  if (!event) return std::nullopt;
  return Digit{*event, duration_ms};
}

std::optional<std::string> dtmf_relay_body(const Digit& digit) {
  const bool flash = digit.event == kFlash;
  if (!flash && digit.event >= kSigns.size()) return std::nullopt;
  const std::string sign = flash ? "16" : std::string(1, kSigns[digit.event]);
  return fmt::format("Signal={}\r\nDuration={}\r\n", sign,
                     digit.duration_ms == 0 ? kUsualMs : digit.duration_ms);
}

}  // namespace tandem::calls
