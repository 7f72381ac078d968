#include "drivers/base/text.h"

namespace tandem::base {

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

std::optional<std::uint64_t> parse_uint(std::string_view text, std::uint64_t max) {
  constexpr auto kLast = ~std::uint64_t{0};
  std::uint64_t number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number >= kLast / 10 && (number > kLast / 10 || digit > kLast % 10)) return std::nullopt;
    number = number * 10 + digit;
  }
  if (text.empty() || number > max) return std::nullopt;
  return number;
}

std::string_view split_first(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto first = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return first;
}

}  // namespace tandem::base
