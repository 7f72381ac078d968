// The parameters a call is born with. A plain struct made from parameters.def; set() is the only
// way in and refuses what leaves a range, naming it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/clock.h"
#include "drivers/base/result.h"

namespace tandem::config {

struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};

struct Span {
  base::Seconds low;
  base::Seconds high;
};

class Parameters {
 public:
  Parameters();

  // By name, from text as an operator writes it. Fails with the range and the unit.
  base::Result<void> set(std::string_view name, std::string_view text);

#define SECONDS(name, value, least, most, sentence) base::Seconds name{value};
#define SECONDS_OR_0(name, value, least, most, sentence) base::Seconds name{value};
#define SECONDS_OR_AUTO(name, least, most, sentence) base::Seconds name{0};
#define MILLIS(name, value, least, most, sentence) base::Millis name{value};
#define COUNT(name, value, least, most, sentence) std::uint64_t name = value;
#define COUNT_OR_NONE(name, least, most, sentence) std::uint64_t name = 0;
#define GAPS(name, value, sentence) std::vector<base::Nanos> name;
#define PORTS(name, low, high, sentence) PortRange name{low, high};
#define TOS(name, value, sentence) std::uint8_t name = value;
#define SPAN(name, low, high, least, most, sentence) \
  Span name{base::Seconds{low}, base::Seconds{high}};
#define EITHER(name, value, one, other, sentence) std::uint16_t name = value;
#define CHOICE(name, Type, value, sentence, ...)  \
  enum class Type : std::uint8_t { __VA_ARGS__ }; \
  Type name = Type::value;
#define TEXT(name, value, most, sentence) std::string name{value};
#define SECRET(name, most, sentence) std::string name{};
#include "controlplane/config/parameters.def"
};

// What stands in its place wherever settings are shown.
inline constexpr std::string_view kHidden = "(hidden)";
// Whether a parameter's value is never shown, nor told in a fault.
bool is_secret(std::string_view name);

}  // namespace tandem::config
