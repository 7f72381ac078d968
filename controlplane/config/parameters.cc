#include "controlplane/config/parameters.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "drivers/base/text.h"

namespace tandem::config {
namespace {

using base::trim;

base::Result<std::uint64_t> number_in(std::string_view name, std::string_view text,
                                      std::uint64_t least, std::uint64_t most, const char* unit) {
  const auto number = base::parse_uint(trim(text), most);
  if (!number || *number < least) {
    return base::error(fmt::format("{} = {}: must be {}..{} {}", name, text, least, most, unit));
  }
  return *number;
}

base::Result<std::uint64_t> number_or_0(std::string_view name, std::string_view text,
                                        std::uint64_t least, std::uint64_t most) {
  if (trim(text) == "0") return std::uint64_t{0};
  const auto number = base::parse_uint(trim(text), most);
  if (!number || *number < least) {
    return base::error(fmt::format("{} = {}: must be 0 or {}..{} s", name, text, least, most));
  }
  return *number;
}

base::Result<std::uint64_t> number_or_none(std::string_view name, std::string_view text,
                                           std::uint64_t least, std::uint64_t most) {
  if (trim(text) == "none") return std::uint64_t{0};
  const auto number = base::parse_uint(trim(text), most);
  if (!number || *number < least) {
    return base::error(fmt::format("{} = {}: must be none or {}..{}", name, text, least, most));
  }
  return *number;
}

base::Result<std::uint64_t> number_or_auto(std::string_view name, std::string_view text,
                                           std::uint64_t least, std::uint64_t most) {
  if (trim(text) == "auto") return std::uint64_t{0};
  const auto number = base::parse_uint(trim(text), most);
  if (!number || *number < least) {
    return base::error(fmt::format("{} = {}: must be auto or {}..{} s", name, text, least, most));
  }
  return *number;
}

base::Result<std::string> octets(std::string_view name, std::string_view text, std::size_t most) {
  if (text.size() > most) {
    return base::error(fmt::format("{}: must be of at most {} octets", name, most));
  }
  return std::string(text);
}

std::optional<double> real(std::string_view text) {
  double number = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

base::Result<std::vector<base::Nanos>> gaps(std::string_view name, std::string_view text) {
  std::vector<base::Nanos> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto seconds = real(trim(base::split_first(rest, ',')));
    // Said this way round for NaN.
    if (!seconds || !(*seconds >= 0.1 && *seconds <= 32) || out.size() == 16) {
      return base::error(fmt::format("{} = {}: must be 1..16 numbers of 0.1..32 s", name, text));
    }
    out.emplace_back(static_cast<std::int64_t>(*seconds * 1e9));
  }
  if (out.empty()) return base::error(fmt::format("{}: must hold at least one gap", name));
  return out;
}

base::Result<PortRange> ports(std::string_view name, std::string_view text) {
  std::string_view rest = text;
  const auto low = base::parse_uint(trim(base::split_first(rest, ',')), 65535);
  const auto high = base::parse_uint(trim(rest), 65535);
  if (!low || !high || *low < 1024 || *high <= *low) {
    return base::error(
        fmt::format("{} = {}: must be low,high with 1024 <= low < high <= 65535", name, text));
  }
  return PortRange{static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(*high)};
}

base::Result<std::uint8_t> tos(std::string_view name, std::string_view text) {
  const auto value = trim(text);
  const bool is_hex = base::istarts_with(value, "0x");
  const auto digits = is_hex ? value.substr(2) : value;
  std::uint8_t byte = 0;
  const auto [stop, fault] =
      std::from_chars(digits.data(), digits.data() + digits.size(), byte, is_hex ? 16 : 10);
  if (digits.empty() || fault != std::errc{} || stop != digits.data() + digits.size()) {
    return base::error(fmt::format("{} = {}: must be a ToS byte 0x00..0xff", name, text));
  }
  return byte;
}

// The place of a word among `words`, which are parted by commas; or the place itself. What would be
// a keyword has a '_' behind it.
base::Result<std::uint8_t> choice(std::string_view name, std::string_view text,
                                  std::string_view words) {
  std::uint8_t place = 0;
  std::string all;
  const auto number = base::parse_uint(trim(text), UINT8_MAX);
  for (std::string_view rest = words; !rest.empty(); ++place) {
    std::string_view word = trim(base::split_first(rest, ','));
    if (word.ends_with('_')) word.remove_suffix(1);
    if (word == trim(text) || number == place) return place;
    all.append(all.empty() ? "" : ", ").append(word);
  }
  return base::error(fmt::format("{} = {}: must be one of: {}", name, text, all));
}

// "low/high"
base::Result<Span> span(std::string_view name, std::string_view text, std::uint64_t least,
                        std::uint64_t most) {
  std::string_view rest = text;
  const auto low = base::parse_uint(trim(base::split_first(rest, '/')), most);
  const auto high = base::parse_uint(trim(rest), most);
  if (!low || !high || *low < least || *high < *low) {
    return base::error(fmt::format("{} = {}: must be low/high with {} <= low <= high <= {} s", name,
                                   text, least, most));
  }
  return Span{base::Seconds{*low}, base::Seconds{*high}};
}

base::Result<std::uint16_t> either(std::string_view name, std::string_view text, std::uint16_t one,
                                   std::uint16_t other) {
  const auto number = base::parse_uint(trim(text), UINT16_MAX);
  if (!number || (*number != one && *number != other)) {
    return base::error(fmt::format("{} = {}: must be {} or {}", name, text, one, other));
  }
  return static_cast<std::uint16_t>(*number);
}

template <typename T, typename Field>
base::Result<void> assign(base::Result<T> value, Field& field) {
  if (!value) return std::move(value).take_error();
  field = Field(*std::move(value));
  return {};
}

}  // namespace

Parameters::Parameters() {
  // A list can't be initialised in the struct; its default goes through the same door as any value.
#define SECONDS(...)
#define MILLIS(...)
#define COUNT(...)
#define GAPS(name, value, sentence) CHECK(set(#name, value).ok());
#define PORTS(...)
#define TOS(...)
#define SPAN(...)
#define EITHER(...)
#define CHOICE(...)
#define TEXT(...)
#define SECRET(...)
#define SECONDS_OR_0(...)
#define COUNT_OR_NONE(...)
#define SECONDS_OR_AUTO(...)
#include "controlplane/config/parameters.def"
}

base::Result<void> Parameters::set(std::string_view key, std::string_view text) {
  if (key == "SS_MEDIA_PROXY_BEHIND_NAT") key = "SS_MEDIAPROXYBEHINDNAT";  // both are in the guides
#define SECONDS(name, value, least, most, sentence) \
  if (key == #name) return assign(number_in(#name, text, least, most, "s"), name);
#define MILLIS(name, value, least, most, sentence) \
  if (key == #name) return assign(number_in(#name, text, least, most, "ms"), name);
#define COUNT(name, value, least, most, sentence) \
  if (key == #name) return assign(number_in(#name, text, least, most, ""), name);
#define GAPS(name, value, sentence) \
  if (key == #name) return assign(gaps(#name, text), name);
#define PORTS(name, low, high, sentence) \
  if (key == #name) return assign(ports(#name, text), name);
#define TOS(name, value, sentence) \
  if (key == #name) return assign(tos(#name, text), name);
#define SPAN(name, low, high, least, most, sentence) \
  if (key == #name) return assign(span(#name, text, least, most), name);
#define EITHER(name, value, one, other, sentence) \
  if (key == #name) return assign(either(#name, text, one, other), name);
#define CHOICE(name, Type, value, sentence, ...) \
  if (key == #name) return assign(choice(#name, text, #__VA_ARGS__), name);
#define TEXT(name, value, most, sentence) \
  if (key == #name) return assign(octets(#name, text, most), name);
#define SECRET(name, most, sentence) \
  if (key == #name) return assign(octets(#name, text, most), name);
#define SECONDS_OR_0(name, value, least, most, sentence) \
  if (key == #name) return assign(number_or_0(#name, text, least, most), name);
#define COUNT_OR_NONE(name, least, most, sentence) \
  if (key == #name) return assign(number_or_none(#name, text, least, most), name);
#define SECONDS_OR_AUTO(name, least, most, sentence) \
  if (key == #name) return assign(number_or_auto(#name, text, least, most), name);
#include "controlplane/config/parameters.def"
  return base::error(fmt::format("{}: no such parameter", key));
}

bool is_secret(std::string_view key) {
#define SECONDS(...)
#define MILLIS(...)
#define COUNT(...)
#define GAPS(...)
#define PORTS(...)
#define TOS(...)
#define SPAN(...)
#define EITHER(...)
#define CHOICE(...)
#define TEXT(...)
#define SECONDS_OR_0(...)
#define COUNT_OR_NONE(...)
#define SECONDS_OR_AUTO(...)
#define SECRET(name, most, sentence) \
  if (key == #name) return true;
#include "controlplane/config/parameters.def"
  return false;
}

}  // namespace tandem::config
