#include "controlplane/transport/stream_framer.h"

#include <algorithm>
#include <optional>

#include "drivers/base/text.h"

namespace tandem::transport {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

// What may stand first in a method or in "SIP/2.0" (§25.1).
bool begins_a_message(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || base::is_digit(c) ||
         std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}

// The head's Content-Length, in its long or compact form. A missing one is told apart from a bad
// one by `fault`.
std::optional<std::size_t> content_length(std::string_view head, FrameFault& fault) {
  std::optional<std::size_t> found;
  fault = FrameFault::kNoLength;
  base::split_first(head, '\n');  // the start line
  while (!head.empty()) {
    auto value = base::split_first(head, '\n');
    if (value.empty() || value.find(':') == std::string_view::npos) continue;
    const auto name = base::trim(base::split_first(value, ':'));
    if (!base::iequals(name, "content-length") && !base::iequals(name, "l")) continue;
    value = base::trim(value);
    // Folded (§7.3.1): the number stands on the next line.
    if (value.empty() && !head.empty() && base::is_space(head.front())) {
      value = base::trim(base::split_first(head, '\n'));
    }
    const auto number = base::parse_uint(value, UINT32_MAX);
    if (!number || (found && *found != *number)) {
      fault = FrameFault::kBadLength;
      return std::nullopt;
    }
    found = *number;
  }
  return found;
}

}  // namespace

FrameFault StreamFramer::feed(std::span<char> bytes, FrameSink& sink) {
  if (stopped_ || fault_ != FrameFault::kNone) return fault_;
  if (kept_.empty()) {
    const std::size_t done = work(bytes, sink);
    if (!stopped_) kept_.assign(bytes.data() + done, bytes.size() - done);
    return fault_;
  }
  kept_.append(bytes.data(), bytes.size());
  const std::size_t done = work({kept_.data(), kept_.size()}, sink);
  if (done == kept_.size())
    std::string().swap(kept_);
  else
    kept_.erase(0, done);
  return fault_;
}

std::size_t StreamFramer::work(std::span<char> bytes, FrameSink& sink) {
  std::size_t done = 0;
  while (!stopped_ && fault_ == FrameFault::kNone) {
    const std::string_view rest(bytes.data() + done, bytes.size() - done);
    if (head_ == 0 && scanned_ == 0) {
      const std::size_t skipped = skip_empty_lines(rest, sink);
      done += skipped;
      if (skipped != 0) continue;
    }
    if (rest.empty() || !measure(rest) || rest.size() < total_) break;
    stopped_ = !sink.on_message(bytes.subspan(done, total_));
    done += total_;
    forget_message();
  }
  return done;
}

// One line at a time; 0: the message begins, or more bytes are needed to tell.
std::size_t StreamFramer::skip_empty_lines(std::string_view bytes, FrameSink& sink) {
  if (bytes.empty() || (bytes[0] != '\r' && bytes[0] != '\n')) {
    if (!bytes.empty()) empty_lines_ = 0;
    return 0;
  }
  if (bytes[0] == '\r' && bytes.size() == 1) return 0;
  const std::size_t length = bytes.starts_with("\r\n") ? 2 : 1;
  if (length == 2 && ++empty_lines_ == 2) {
    empty_lines_ = 0;
    stopped_ = !sink.on_ping();
  }
  return length;
}

bool StreamFramer::measure(std::string_view bytes) {
  if (head_ != 0) return true;
  if (bytes[0] == '\r') return false;  // the first half of an empty line
  if (!begins_a_message(bytes[0])) {
    fault_ = FrameFault::kGarbage;
    return false;
  }
  const std::size_t from = scanned_ < kHeadEnd.size() ? 0 : scanned_ - kHeadEnd.size() + 1;
  const std::size_t end = bytes.find(kHeadEnd, from);
  scanned_ = bytes.size();
  // No further than the limit: what lies behind it may not be here yet, and changes nothing.
  const std::string_view start = bytes.substr(0, kHeadMax);
  const std::size_t line = start.find('\n');
  if (line != std::string_view::npos &&
      start.substr(0, line).find("SIP/") == std::string_view::npos) {
    fault_ = FrameFault::kGarbage;
    return false;
  }
  if (end == std::string_view::npos || end + kHeadEnd.size() > kHeadMax) {
    if (bytes.size() > kHeadMax) fault_ = FrameFault::kHeadTooLarge;
    return false;
  }
  const std::size_t head = end + kHeadEnd.size();
  FrameFault fault;
  const auto length = content_length(bytes.substr(0, head), fault);
  if (length && head + *length <= kMessageMax) {
    head_ = head;
    total_ = head + *length;
    return true;
  }
  head_ = head;
  fault_ = length ? FrameFault::kTooLarge : fault;
  return false;
}

void StreamFramer::forget_message() {
  scanned_ = 0;
  head_ = 0;
  total_ = 0;
}

}  // namespace tandem::transport
