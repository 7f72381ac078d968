#include "drivers/base/csv.h"

#include "drivers/base/text.h"

namespace tandem::base {

Result<std::string> next_csv_field(std::optional<std::string_view>& rest) {
  std::string_view text = *rest;
  std::string out;
  if (!text.starts_with('"')) {
    const auto comma = text.find(',');
    out = text.substr(0, comma);
    if (out.find('"') != std::string::npos) {
      return error("a field with a quote in it must be in quotes itself");
    }
    rest = comma == std::string_view::npos ? std::nullopt : std::optional(text.substr(comma + 1));
    return out;
  }
  for (text.remove_prefix(1);;) {
    const auto quote = text.find('"');
    if (quote == std::string_view::npos) return error("a quote is not closed");
    out += text.substr(0, quote);
    text.remove_prefix(quote + 1);
    if (!text.starts_with('"')) break;
    out += '"';  // a pair stands for one
    text.remove_prefix(1);
  }
  if (!text.empty() && !text.starts_with(',')) {
    return error("something stands behind a closing quote");
  }
  rest = text.empty() ? std::nullopt : std::optional(text.substr(1));
  return out;
}

std::optional<bool> parse_flag(std::string_view text) {
  for (const auto* yes : {"true", "on", "yes", "1"}) {
    if (iequals(text, yes)) return true;
  }
  for (const auto* no : {"false", "off", "no", "0"}) {
    if (iequals(text, no)) return false;
  }
  return std::nullopt;
}

}  // namespace tandem::base
