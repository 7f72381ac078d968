// What all responses to one request have in common (RFC 3261 §8.2.6): its Vias with received and
// rport filled in, From, To, Call-ID, CSeq, and Record-Route for those that make a dialog. Written
// once, when the request comes; the request itself need not be kept. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"
#include "drivers/base/endpoint.h"

namespace tandem::sip {

// A response in the words of who decides it.
struct Reply {
  int status = 500;
  std::string_view reason{};  // empty: the standard phrase
  std::string_view to_tag{};  // ours; for all but 100
  std::span<const HeaderLine> headers{};
  std::string_view passed{};  // another leg's end-to-end headers, as lines (end_to_end.h)
  std::string_view content_type{};
  std::string_view body{};
};

class ResponseHead {
 public:
  ResponseHead() = default;
  // No value: a response would be too long, or the request's values hold line ends.
  static std::optional<ResponseHead> of(const Message& request, const base::Endpoint& source);

  // In message_scratch(). No value: too long, or `reply` holds line ends.
  std::optional<std::string_view> build(const Reply& reply) const;

  bool empty() const { return lines_.empty(); }
  void clear() { std::string().swap(lines_); }

 private:
  std::string lines_;              // Via, From, To | Call-ID, CSeq | Record-Route
  std::uint32_t to_end_ = 0;       // where To's value ends: the place of our tag
  std::uint32_t routes_ = 0;       // where Record-Route begins
  bool takes_tag_ = false;         // the request's To has none
  bool dialog_can_begin_ = false;  // it's an INVITE
};

}  // namespace tandem::sip
