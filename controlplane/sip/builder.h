// Writes a SIP message into a buffer of the caller's, front to back: start line, headers, body.
// Never allocates. Too long is known at the end: finish() gives nothing then. Nor does it when a CR
// or LF was handed in for anything but the body, so that no text can grow into a header of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "controlplane/sip/message.h"
#include "drivers/base/text.h"

namespace tandem::sip {

class Builder {
 public:
  explicit Builder(std::span<char> buffer) : out_(buffer) {}

  Builder& request(std::string_view method, std::string_view uri);
  Builder& response(int status, std::string_view reason);
  Builder& header(HeaderId id, std::string_view value);
  Builder& header(HeaderId id, std::uint64_t value);
  Builder& header(std::string_view name, std::string_view value);
  // A header whose value is made of several pieces.
  template <typename... Pieces>
  Builder& pieces(HeaderId id, const Pieces&... values) {
    out_ << header_start(id);
    (put(values), ...);
    out_ << "\r\n";
    return *this;
  }
  // Lines, or a part of one, that a Builder has written before or that we made ourselves: not
  // looked into again.
  Builder& written(std::string_view lines) {
    out_ << lines;
    return *this;
  }
  // All headers with this id, in order, as they were written.
  Builder& copy(const Message& from, HeaderId id);

  // Content-Type (when there is a body), Content-Length, the empty line, the body. Call last.
  std::optional<std::string_view> finish(std::string_view content_type = {},
                                         std::string_view body = {});

 private:
  friend Builder start_response(std::span<char>, const Message&, std::string_view, std::uint16_t,
                                int, std::string_view, std::string_view);

  template <typename Piece>
  void put(const Piece& piece) {
    if constexpr (std::is_convertible_v<const Piece&, std::string_view>) {
      put_text(piece);
    } else if constexpr (std::is_same_v<Piece, char>) {
      put_text({&piece, 1});
    } else {
      out_ << piece;
    }
  }
  void put_text(std::string_view text);
  void top_via(const Message& request, std::string_view source_address, std::uint16_t source_port);

  base::TextWriter out_;
  bool refused_ = false;  // a CR or LF came in
};

// The message as it came, unfolded, for who needs it later; empty: too long.
std::string copy_of(const Message& message);

// Room for the largest message of a datagram. One per thread: build in it, copy out, before the
// next.
std::span<char> message_scratch();

// The reason phrase of RFC 3261 §21 and its extensions; "Unknown" never: class default instead.
std::string_view reason_phrase(int status);

// Begins a response to `request` (§8.2.6): status line, all Vias (the top one gets received and
// rport as RFC 3581 asks, from where the request really came), From, To, Call-ID, CSeq. `to_tag` is
// added when the request had none (empty: nothing is added, as for 100). Record-Route is copied for
// dialog-making responses by the caller.
Builder start_response(std::span<char> buffer, const Message& request,
                       std::string_view source_address, std::uint16_t source_port, int status,
                       std::string_view reason, std::string_view to_tag);

}  // namespace tandem::sip
