#include "controlplane/sdp/origin.h"

#include <charconv>

#include "drivers/base/text.h"

namespace tandem::sdp {
namespace {

constexpr auto npos = std::string_view::npos;

// The next line with its end.
std::string_view next_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const std::string_view line = rest.substr(0, end == npos ? npos : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

std::string_view next_word(std::string_view& rest) {
  const auto begin = rest.find_first_not_of(' ');
  rest.remove_prefix(begin == npos ? rest.size() : begin);
  const std::string_view word = rest.substr(0, rest.find_first_of(" \r\n"));
  rest.remove_prefix(word.size());
  return word;
}

bool is_direction(std::string_view line) {
  const std::string_view text = base::trim(line);
  for (const std::string_view word : {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}) {
    if (base::iequals(text, word)) return true;
  }
  return false;
}

}  // namespace

Origin origin_of(std::string_view description) {
  Origin out;
  while (!description.empty()) {
    std::string_view line = next_line(description);
    if (!line.starts_with("o=")) continue;
    line.remove_prefix(2);
    const std::string_view user = next_word(line);
    const std::string_view id = next_word(line);
    const std::string_view version = next_word(line);
    if (id.empty()) return out;
    out.user = user;
    out.session_id = id;
    std::from_chars(version.data(), version.data() + version.size(), out.version);
    return out;
  }
  return out;
}

std::string with_origin(std::string_view description, const Origin& origin) {
  std::string out;
  out.reserve(description.size() + 32);
  while (!description.empty()) {
    const std::string_view line = next_line(description);
    if (!line.starts_with("o=")) {
      out += line;
      continue;
    }
    std::string_view rest = line.substr(2);
    for (int field = 0; field < 3; ++field) next_word(rest);
    out.append("o=").append(origin.user).append(" ").append(origin.session_id);
    out.append(" ").append(std::to_string(origin.version)).append(rest);
  }
  return out;
}

std::string resumed(std::string_view description) {
  std::string out;
  out.reserve(description.size());
  while (!description.empty()) {
    const std::string_view line = next_line(description);
    if (!is_direction(line)) out += line;
  }
  return out;
}

}  // namespace tandem::sdp
