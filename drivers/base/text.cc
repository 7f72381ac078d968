#include "drivers/base/text.h"

namespace tandem::base {

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

std::string_view split_first(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto first = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return first;
}

}  // namespace tandem::base
