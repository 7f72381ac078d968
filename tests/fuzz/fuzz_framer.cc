// Fuzzes the cutting of a byte stream into SIP messages. In an input, byte FF ends a chunk, as TCP
// may at any place, and byte FE stands for 5,000 spaces, so that the limits are within reach. What
// holds for every stream and every way of cutting it:
// - the messages, pings and the fault are those of the stream in one piece;
// - each message is where the stream has it, in order, with line ends only before it, and as long
// as
//   its head and Content-Length say; both are within the limits;
// - no more is kept than a message that isn't whole, and nothing after the end of the stream.
#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/transport/stream_framer.h"
#include "tests/fuzz/must.h"

namespace tandem::fuzz {
namespace {

using transport::FrameFault;
using transport::StreamFramer;

constexpr char kCut = '\xff';
constexpr char kFiller = '\xfe';
constexpr std::size_t kFillerSize = 5000;
// Fillers fill no more than this: twice the largest message.
constexpr std::size_t kFilledMax = 2 * StreamFramer::kMessageMax;
// Streams up to this are fed byte by byte too.
constexpr std::size_t kBytewiseMax = 512;

const std::string kPing = "(ping)";

using Chunks = std::vector<std::string>;

Chunks chunks_of(std::string_view input) {
  Chunks out(1);
  std::size_t filled = 0;
  for (const char c : input) {
    if (c == kCut) {
      out.emplace_back();
    } else if (c == kFiller) {
      if (filled < kFilledMax) out.back().append(kFillerSize, ' ');
      filled += kFillerSize;
    } else {
      out.back() += c;
    }
  }
  return out;
}

struct Heard final : transport::FrameSink {
  bool on_message(std::span<char> message) override {
    events.emplace_back(message.data(), message.size());
    // It may be changed in place: nothing may be read from it again.
    std::fill(message.begin(), message.end(), '\0');
    return events.size() != stop_after;
  }
  bool on_ping() override {
    events.push_back(kPing);
    return events.size() != stop_after;
  }

  std::vector<std::string> events;
  std::size_t stop_after = SIZE_MAX;
  FrameFault fault = FrameFault::kNone;
  std::string faulty_head;
};

// All of it, also what comes after the end of the stream: none of that may be heard or kept.
Heard run(const Chunks& chunks, std::size_t stop_after = SIZE_MAX) {
  StreamFramer framer;
  Heard heard;
  heard.stop_after = stop_after;
  std::size_t longest = 0;
  for (const std::string& chunk : chunks) {
    Exactly bytes(chunk);
    const bool had_fault = heard.fault != FrameFault::kNone;
    const auto fault = framer.feed({bytes.data(), bytes.size()}, heard);
    MUST(!had_fault || fault == heard.fault);
    heard.fault = fault;
    longest = std::max(longest, chunk.size());
    // A string doubles its room when it grows.
    MUST(framer.held() <= 2 * (StreamFramer::kMessageMax + longest));
    MUST(heard.events.size() <= stop_after);
  }
  const auto head = framer.faulty_head();
  if (heard.fault != FrameFault::kNone) heard.faulty_head.assign(head.data(), head.size());
  return heard;
}

bool is_head(std::string_view text) {
  return text.size() <= StreamFramer::kHeadMax && text.ends_with("\r\n\r\n") &&
         text.find("\r\n\r\n") == text.size() - 4;
}

// The length that a head names, read in the simplest way that a good head allows.
bool names_length(std::string_view head, std::size_t length) {
  return head.find(std::to_string(length)) != std::string_view::npos;
}

void check_place(std::string_view stream, const Heard& heard) {
  std::size_t at = 0;
  for (const std::string& event : heard.events) {
    if (event == kPing) continue;
    at = stream.find_first_not_of("\r\n", at);
    MUST(at != std::string_view::npos && stream.substr(at).starts_with(event));
    at += event.size();
    const auto head = event.substr(0, event.find("\r\n\r\n") + 4);
    MUST(event.size() <= StreamFramer::kMessageMax && is_head(head));
    MUST(names_length(head, event.size() - head.size()));
  }
  if (heard.faulty_head.empty()) return;
  MUST(is_head(heard.faulty_head));
  MUST(stream.substr(stream.find_first_not_of("\r\n", at)).starts_with(heard.faulty_head));
}

void check_same(const Heard& a, const Heard& b) {
  MUST(a.events == b.events && a.fault == b.fault && a.faulty_head == b.faulty_head);
}

void one_input(std::string_view input) {
  const Chunks chunks = chunks_of(input);
  std::string stream;
  for (const std::string& chunk : chunks) stream += chunk;
  const Heard whole = run({stream});
  check_place(stream, whole);
  check_same(whole, run(chunks));
  if (stream.size() <= kBytewiseMax) {
    Chunks bytes;
    for (const char c : stream) bytes.emplace_back(1, c);
    check_same(whole, run(bytes));
  }
  // A user who has had enough hears what came until then, and no more.
  if (whole.events.empty()) return;
  const std::size_t half = (whole.events.size() + 1) / 2;
  const Heard some = run(chunks, half);
  MUST(some.events.size() == half && some.fault == FrameFault::kNone);
  MUST(std::equal(some.events.begin(), some.events.end(), whole.events.begin()));
}

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tandem::fuzz::one_input(tandem::fuzz::text_of(data, size));
  return 0;
}
