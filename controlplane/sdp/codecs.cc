#include "controlplane/sdp/codecs.h"

#include <algorithm>
#include <vector>

#include "controlplane/sdp/lines.h"
#include "controlplane/sdp/sdp.h"
#include "drivers/base/text.h"

namespace tandem::sdp {
namespace {

constexpr std::size_t kNameMax = 32;

// The format that an attribute is about: "a=rtpmap:101 …"; empty: none, or all.
std::string_view format_of(const Line& line) {
  if (line.type() != 'a') return {};
  std::string_view rest = line.value();
  const std::string_view name = base::split_first(rest, ':');
  if (name != "rtpmap" && name != "fmtp" && name != "rtcp-fb") return {};
  const std::string_view format = next_word(rest);
  return format == "*" ? std::string_view() : format;
}

// One m= section with its lines.
struct Section {
  Line media;
  std::vector<Line> lines;

  std::string_view encoding(std::string_view format) const {
    for (const Line& line : lines) {
      if (!line.text.starts_with("a=rtpmap:") || format_of(line) != format) continue;
      std::string_view rest = line.text.substr(9);
      next_word(rest);
      return base::split_first(rest, '/');
    }
    return static_encoding(format);
  }
};

bool is_codec(std::string_view encoding) {
  return !base::iequals(encoding, "telephone-event") && !base::iequals(encoding, "CN");
}

// Formats in the order that they shall have; empty: no codec of them is allowed.
std::vector<std::string_view> chosen(const Section& section,
                                     const std::vector<std::string_view>& formats,
                                     std::span<const std::string> allowed) {
  std::vector<std::string_view> out;
  for (const std::string& name : allowed) {
    for (const std::string_view format : formats) {
      const std::string_view encoding = section.encoding(format);
      if (is_codec(encoding) && base::iequals(encoding, name)) out.push_back(format);
    }
  }
  if (out.empty()) return out;
  for (const std::string_view format : formats) {
    if (!is_codec(section.encoding(format))) out.push_back(format);
  }
  return out;
}

void write(const Section& section, std::span<const std::string> allowed, std::string& out) {
  std::string_view rest = section.media.value();
  const std::string_view type = next_word(rest);
  const std::string_view port = next_word(rest);
  const std::string_view protocol = next_word(rest);
  std::vector<std::string_view> formats;
  while (!rest.empty()) {
    if (const auto format = next_word(rest); !format.empty()) formats.push_back(format);
  }
  const bool limited = type == "audio" && base::istarts_with(protocol, "RTP/") && port != "0";
  if (!limited) {
    out += section.media.all;
    for (const Line& line : section.lines) out += line.all;
    return;
  }
  const auto stay = chosen(section, formats, allowed);
  if (stay.empty()) {
    const auto before = static_cast<std::size_t>(port.data() - section.media.text.data());
    out.append(section.media.text.substr(0, before)).append("0");
    out += section.media.all.substr(before + port.size());
    for (const Line& line : section.lines) out += line.all;
    return;
  }
  out.append("m=").append(type).append(" ").append(port).append(" ").append(protocol);
  for (const std::string_view format : stay) out.append(" ").append(format);
  out += section.media.end;
  for (const Line& line : section.lines) {
    const std::string_view format = format_of(line);
    const bool goes = !format.empty() && std::find(stay.begin(), stay.end(), format) == stay.end();
    if (!goes) out += line.all;
  }
}

}  // namespace

std::string with_codecs(std::string_view description, std::span<const std::string> allowed) {
  if (allowed.empty()) return std::string(description);
  std::string out;
  out.reserve(description.size());
  Section section;
  bool in_session = true;
  while (!description.empty()) {
    const Line line = next_line(description);
    if (line.type() == 'm') {
      if (!in_session) write(section, allowed, out);
      in_session = false;
      section = {line, {}};
    } else if (in_session) {
      out += line.all;
    } else {
      section.lines.push_back(line);
    }
  }
  if (!in_session) write(section, allowed, out);
  return out;
}

bool is_encoding(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           const char lower = base::to_lower(c);
           return base::is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' ||
                  c == '_' || c == '+';
         });
}

}  // namespace tandem::sdp
