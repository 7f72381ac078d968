#include "controlplane/sdp/origin.h"

#include <charconv>

#include "controlplane/sdp/lines.h"
#include "drivers/base/text.h"

namespace tandem::sdp {
namespace {

bool is_direction(const Line& line) {
  const std::string_view text = base::trim(line.text);
  for (const std::string_view word : {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}) {
    if (base::iequals(text, word)) return true;
  }
  return false;
}

}  // namespace

Origin origin_of(std::string_view description) {
  Origin out;
  while (!description.empty()) {
    const Line line = next_line(description);
    if (line.type() != 'o') continue;
    std::string_view rest = line.value();
    const std::string_view user = next_word(rest);
    const std::string_view id = next_word(rest);
    const std::string_view version = next_word(rest);
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
    const Line line = next_line(description);
    if (line.type() != 'o') {
      out += line.all;
      continue;
    }
    std::string_view rest = line.value();
    for (int field = 0; field < 3; ++field) next_word(rest);
    out.append("o=").append(origin.user).append(" ").append(origin.session_id);
    out.append(" ").append(std::to_string(origin.version));
    if (!rest.empty()) out.append(" ").append(rest);
    out.append(line.end);
  }
  return out;
}

std::string resumed(std::string_view description) {
  std::string out;
  out.reserve(description.size());
  while (!description.empty()) {
    const Line line = next_line(description);
    if (!is_direction(line)) out += line.all;
  }
  return out;
}

std::string anonymous(std::string_view description) {
  std::string out;
  out.reserve(description.size());
  bool in_session = true;
  while (!description.empty()) {
    const Line line = next_line(description);
    const char type = line.type();
    if (type == 'm') in_session = false;
    if (in_session && (type == 'i' || type == 'u' || type == 'e' || type == 'p')) continue;
    if (in_session && type == 's') {
      out.append("s=-").append(line.end);
    } else if (type == 'o') {
      std::string_view rest = line.value();
      next_word(rest);
      out.append("o=- ").append(rest).append(line.end);
    } else {
      out += line.all;
    }
  }
  return out;
}

}  // namespace tandem::sdp
