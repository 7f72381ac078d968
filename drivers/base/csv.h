// Fields of a line of CSV (RFC 4180), and the words for yes and no in them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/base/result.h"

namespace tandem::base {

// The next field; `rest` goes on behind its comma, and has no value at the end. No line ends inside
// quotes. REQUIRES: rest has a value.
Result<std::string> next_csv_field(std::optional<std::string_view>& rest);

// true, on, yes, 1; false, off, no, 0; in any case.
std::optional<bool> parse_flag(std::string_view text);

}  // namespace tandem::base
