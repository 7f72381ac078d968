#include "controlplane/sdp/events.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/sdp/lines.h"

namespace tandem::sdp {
namespace {

constexpr std::uint8_t kUsualType = 101;
constexpr std::uint8_t kDynamicFirst = 96;  // RFC 3551 §6
constexpr std::uint8_t kTypeLast = 127;

// What stands before the format in a line about one (RFC 8866 §6.6, 6.15; RFC 4585 §4.2).
constexpr std::string_view kAbout[] = {"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"};

std::optional<std::uint8_t> type_of(std::string_view word) {
  const auto number = base::parse_uint(word, kTypeLast);
  return number ? std::optional(static_cast<std::uint8_t>(*number)) : std::nullopt;
}

bool has_format(const Media& media, std::uint8_t type) {
  std::string_view formats = media.formats;
  while (!formats.empty()) {
    if (type_of(next_word(formats)) == type) return true;
  }
  return false;
}

// The line with this format's number replaced by `to`; no value: the line is about that format, and
// `to` is nothing, so that it goes.
std::optional<std::string> changed(const Line& line, std::uint8_t from,
                                   std::optional<std::uint8_t> to) {
  for (const std::string_view about : kAbout) {
    if (!line.text.starts_with(about)) continue;
    std::string_view rest = line.text.substr(about.size());
    if (type_of(next_word(rest)) != from) break;
    if (!to) return std::nullopt;
    return fmt::format("{}{} {}{}", about, *to, rest, line.end);
  }
  return std::string(line.all);
}

std::string changed_media(const Line& line, std::uint8_t from, std::optional<std::uint8_t> to) {
  std::string_view rest = line.value();
  std::string out = "m=";
  for (int word = 0; word < 3; ++word) out.append(word == 0 ? "" : " ").append(next_word(rest));
  while (!rest.empty()) {
    const std::string_view format = next_word(rest);
    if (format.empty()) continue;
    if (type_of(format) != from)
      out.append(" ").append(format);
    else if (to)
      out.append(" ").append(std::to_string(*to));
  }
  return out.append(line.end);
}

std::string rewritten_format(const Description& description, std::size_t section, std::uint8_t from,
                             std::optional<std::uint8_t> to) {
  std::string out;
  std::string_view rest = description.text;
  std::size_t sections = 0;
  while (!rest.empty()) {
    const Line line = next_line(rest);
    const bool begins = line.type() == 'm';
    if (begins) ++sections;
    if (sections != section + 1)
      out += line.all;
    else if (begins)
      out += changed_media(line, from, to);
    else
      out += changed(line, from, to).value_or(std::string());
  }
  return out;
}

}  // namespace

std::optional<std::size_t> voice_section(const Description& description) {
  const auto& media = description.media;
  const auto found = std::find_if(media.begin(), media.end(), [](const Media& each) {
    return each.type == "audio" && each.port != 0 && base::istarts_with(each.protocol, "RTP/");
  });
  if (found == media.end()) return std::nullopt;
  return static_cast<std::size_t>(found - media.begin());
}

std::optional<std::uint8_t> events_of(const Description& description, std::size_t section) {
  std::string_view rest = description.text;
  std::size_t sections = 0;
  while (!rest.empty()) {
    const Line line = next_line(rest);
    if (line.type() == 'm') ++sections;
    if (sections != section + 1 || !line.text.starts_with("a=rtpmap:")) continue;
    std::string_view value = line.text.substr(9);
    const auto type = type_of(next_word(value));
    std::string_view encoding = next_word(value);
    const std::string_view name = base::split_first(encoding, '/');
    const bool events = base::iequals(name, "telephone-event") && encoding == "8000";
    if (type && events && has_format(description.media[section], *type)) return type;
  }
  return std::nullopt;
}

std::optional<std::uint8_t> events_of(std::string_view description) {
  const auto parsed = parse(description);
  const auto section = parsed ? voice_section(*parsed) : std::nullopt;
  return section ? events_of(*parsed, *section) : std::nullopt;
}

std::uint8_t free_type(const Description& description, std::size_t section) {
  const Media& media = description.media[section];
  if (!has_format(media, kUsualType)) return kUsualType;
  std::uint8_t type = kDynamicFirst;
  while (type < kTypeLast && has_format(media, type)) ++type;
  return type;
}

std::string with_events(const Description& description, std::size_t section, std::uint8_t type) {
  std::string out;
  std::string_view rest = description.text;
  std::size_t sections = 0;
  const std::string map = fmt::format("a=rtpmap:{0} telephone-event/8000", type);
  const std::string events = fmt::format("a=fmtp:{0} 0-16", type);
  std::string_view end = "\r\n";
  // At the end of its section.
  const auto put = [&] {
    if (sections != section + 1) return;
    if (!out.ends_with('\n')) out += end;
    out.append(map).append(end).append(events).append(end);
  };
  while (!rest.empty()) {
    const Line line = next_line(rest);
    if (line.type() != 'm') {
      out += line.all;
      continue;
    }
    put();
    ++sections;
    if (!line.end.empty()) end = line.end;
    out += line.text;
    if (sections == section + 1) out += fmt::format(" {}", type);
    out += line.end;
  }
  put();
  return out;
}

std::string without_format(const Description& description, std::size_t section, std::uint8_t type) {
  return rewritten_format(description, section, type, std::nullopt);
}

std::string renumbered(const Description& description, std::size_t section, std::uint8_t from,
                       std::uint8_t to) {
  if (from == to || has_format(description.media[section], to))
    return std::string(description.text);
  return rewritten_format(description, section, from, to);
}

}  // namespace tandem::sdp
