#include "controlplane/sip/body.h"

#include <optional>

#include "controlplane/sdp/sdp.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr auto npos = std::string_view::npos;
// RFC 2046 §5.1.1.
constexpr std::size_t kBoundaryMax = 70;
// mixed around alternative around related is as deep as real peers go.
constexpr int kDepthMax = 3;

std::string_view media_type(std::string_view content_type) {
  return base::trim(base::split_first(content_type, ';'));
}

std::string_view boundary_of(std::string_view content_type) {
  base::split_first(content_type, ';');
  auto boundary = find_param(content_type, "boundary").value_or(std::string_view{});
  if (boundary.size() >= 2 && boundary.front() == '"' && boundary.back() == '"') {
    boundary = boundary.substr(1, boundary.size() - 2);
  }
  return boundary.size() <= kBoundaryMax ? boundary : std::string_view{};
}

// One line without its end, and `rest` moved behind it.
std::string_view take_line(std::string_view& rest) {
  auto line = base::split_first(rest, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Where "--boundary" begins a line of `body` at or behind `from`; npos: nowhere.
std::size_t find_delimiter(std::string_view body, std::string_view boundary, std::size_t from) {
  for (; from < body.size(); ++from) {
    from = body.find("--", from);
    if (from == npos) return npos;
    const bool begins_line = from == 0 || body[from - 1] == '\n';
    if (begins_line && body.substr(from + 2).starts_with(boundary)) return from;
  }
  return npos;
}

struct Part {
  std::string_view type;
  bool plain = true;  // no transfer encoding that hides the text
  std::string_view content;
};

// `text`: a part's headers, the empty line, its content.
Part read_part(std::string_view text) {
  Part part;
  while (!text.empty()) {
    auto line = take_line(text);
    if (line.empty()) break;
    const auto name = base::trim(base::split_first(line, ':'));
    const auto value = base::trim(line);
    if (base::iequals(name, "Content-Type") || base::iequals(name, "c")) part.type = value;
    if (base::iequals(name, "Content-Transfer-Encoding")) {
      part.plain = base::iequals(value, "binary") || base::iequals(value, "8bit") ||
                   base::iequals(value, "7bit");
    }
    if (base::iequals(name, "Content-Encoding")) part.plain = base::iequals(value, "identity");
  }
  part.content = text;
  return part;
}

std::string_view find_in(std::string_view content_type, std::string_view body, int depth) {
  if (is_sdp(content_type)) return body;
  if (!is_multipart(content_type) || depth == kDepthMax) return {};
  const auto boundary = boundary_of(content_type);
  if (boundary.empty()) return {};
  auto at = find_delimiter(body, boundary, 0);
  while (at != npos) {
    auto begin = at + 2 + boundary.size();
    if (body.substr(begin).starts_with("--")) return {};
    begin = body.find('\n', begin);
    if (begin == npos) return {};
    ++begin;
    at = find_delimiter(body, boundary, begin);
    if (at == npos) return {};  // the last part has no end: nobody can say what belongs to it
    auto text = body.substr(begin, at - begin);
    // The line end before a delimiter belongs to the delimiter.
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const Part part = read_part(text);
    if (!part.plain) continue;
    if (const auto found = find_in(part.type, part.content, depth + 1); !found.empty()) {
      return found;
    }
  }
  return {};
}

// The digits of a Content-Length among the headers right before `end`; empty: none.
std::string_view length_before(std::string_view body, std::size_t end) {
  // Headers end with an empty line; they begin behind a delimiter, which has no colon in front.
  auto head = body.substr(0, end);
  if (head.ends_with('\n')) head.remove_suffix(1);
  if (head.ends_with('\r')) head.remove_suffix(1);
  while (!head.empty()) {
    if (head.ends_with('\n')) head.remove_suffix(1);
    if (head.ends_with('\r')) head.remove_suffix(1);
    const auto line_start = head.rfind('\n');
    auto line = head.substr(line_start == npos ? 0 : line_start + 1);
    if (line.starts_with("--") || line.empty()) return {};
    const auto name = base::trim(base::split_first(line, ':'));
    if (base::iequals(name, "Content-Length") || base::iequals(name, "l")) return base::trim(line);
    head = line_start == npos ? std::string_view{} : head.substr(0, line_start + 1);
  }
  return {};
}

}  // namespace

bool is_sdp(std::string_view content_type) {
  return base::iequals(media_type(content_type), sdp::kContentType);
}

bool is_multipart(std::string_view content_type) {
  return base::istarts_with(media_type(content_type), "multipart/");
}

std::string_view find_sdp(std::string_view content_type, std::string_view body) {
  return find_in(content_type, body, 0);
}

std::string with_sdp(std::string_view body, std::string_view found, std::string_view sdp) {
  if (found.size() == body.size()) return std::string(sdp);
  const auto at = static_cast<std::size_t>(found.data() - body.data());
  std::string out(body.substr(0, at));
  if (const auto digits = length_before(body, at); !digits.empty()) {
    out.replace(static_cast<std::size_t>(digits.data() - body.data()), digits.size(),
                std::to_string(sdp.size()));
  }
  // A part's content is what stands before the delimiter's line end; a description's own last line
  // end stays its own.
  out += sdp;
  out += body.substr(at + found.size());
  return out;
}

std::string_view sdp_of(const Message& message) {
  return find_sdp(message.value(HeaderId::kContentType), message.body());
}

Body body_of(const Message& message, std::string_view sdp) {
  const auto type = message.value(HeaderId::kContentType);
  const auto found = sdp_of(message);
  if (sdp.empty()) return found.empty() ? Body{type, std::string(message.body())} : Body{};
  if (found.empty()) return {sdp::kContentType, std::string(sdp)};
  return {type, with_sdp(message.body(), found, sdp)};
}

}  // namespace tandem::sip
