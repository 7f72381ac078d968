// A session description's lines and their words, cut off one by one (RFC 8866 §5). Any thread.
#pragma once

#include <string_view>

#include "drivers/base/text.h"

namespace tandem::sdp {

inline constexpr auto npos = std::string_view::npos;

// One line "x=value" with the bytes that end it.
struct Line {
  std::string_view all;  // with its end
  std::string_view text;
  std::string_view end;  // "\r\n", "\n" or nothing at the end of the description
  char type() const { return text.size() >= 2 && text[1] == '=' ? text[0] : '\0'; }
  std::string_view value() const { return text.substr(2); }
};

// Cuts the first line off `rest`.
inline Line next_line(std::string_view& rest) {
  const auto lf = rest.find('\n');
  Line line;
  line.all = rest.substr(0, lf == npos ? npos : lf + 1);
  rest.remove_prefix(line.all.size());
  line.text = line.all.substr(0, lf);
  if (lf != npos && line.text.ends_with('\r')) line.text.remove_suffix(1);
  line.end = line.all.substr(line.text.size());
  return line;
}

// Cuts the first word off `rest`; several spaces part like one.
inline std::string_view next_word(std::string_view& rest) {
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return base::split_first(rest, ' ');
}

}  // namespace tandem::sdp
