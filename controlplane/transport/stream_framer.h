// Cuts a byte stream into SIP messages (RFC 3261 §18.3): Content-Length says where each ends. Empty
// lines between messages are skipped; two in a row are a ping (RFC 5626 §3.5.1). Keeps only what is
// left of a message that isn't whole, and nothing in between.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tandem::transport {

enum class FrameFault : std::uint8_t {
  kNone,
  kGarbage,       // doesn't begin as SIP does
  kNoLength,      // no Content-Length: where the message ends can't be known
  kBadLength,     // one that is no number, or two that differ
  kHeadTooLarge,  // no empty line within the limit
  kTooLarge,
};

class FrameSink {
 public:
  // `message` may be changed in place and stays good during the call only. False: enough, feed no
  // more (the connection is over).
  virtual bool on_message(std::span<char> message) = 0;
  virtual bool on_ping() = 0;

 protected:
  ~FrameSink() = default;
};

class StreamFramer {
 public:
  // Of a message's start line and headers, and of all of it.
  static constexpr std::size_t kHeadMax = 16 * 1024;
  static constexpr std::size_t kMessageMax = 65535;

  // Hands on what is whole. After a fault the stream has no next message: answer and close.
  FrameFault feed(std::span<char> bytes, FrameSink& sink);
  // The head that a fault other than kGarbage or kHeadTooLarge was found in, to be answered.
  std::span<char> faulty_head() { return {kept_.data(), head_}; }

  bool midway() const { return !kept_.empty(); }
  std::size_t held() const { return kept_.capacity() > kInline ? kept_.capacity() : 0; }

 private:
  static constexpr std::size_t kInline = 15;  // std::string's own room

  // How many bytes of `bytes` are dealt with.
  std::size_t work(std::span<char> bytes, FrameSink& sink);
  std::size_t skip_empty_lines(std::string_view bytes, FrameSink& sink);
  // Finds head and length of the message that `bytes` begins with; false: not yet, or a fault.
  bool measure(std::string_view bytes);
  void forget_message();

  std::string kept_;
  std::size_t scanned_ = 0;  // of the current message: no end of head before this
  std::size_t head_ = 0;     // its length, empty line included; 0: not known yet
  std::size_t total_ = 0;
  int empty_lines_ = 0;
  bool stopped_ = false;
  FrameFault fault_ = FrameFault::kNone;
};

}  // namespace tandem::transport
