// One SIP message as views over one buffer (RFC 3261 §7). Parsing makes no allocation; header
// values are looked into only when asked. The buffer must outlive the Message.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "controlplane/sip/uri.h"

namespace tandem::sip {

enum class HeaderId : std::uint8_t {
  kOther = 0,
#define HEADER(id, name, compact) id,
#include "controlplane/sip/headers.def"
#undef HEADER
  kCount
};
std::string_view header_name(HeaderId id);   // the long form; empty for kOther
std::string_view header_start(HeaderId id);  // "Name: ", as it is written; empty for kOther
HeaderId header_id(std::string_view name);   // long or compact, without case

enum class Method : std::uint8_t {
  kOther = 0,
  kInvite,
  kAck,
  kBye,
  kCancel,
  kOptions,
  kRegister,
  kPrack,
  kUpdate,
  kInfo,
  kMessage,
  kSubscribe,
  kNotify,
  kRefer,
  kPublish,
};
Method method_of(std::string_view name);  // case-sensitive (§7.1)
std::string_view method_name(Method method);

struct Header {
  HeaderId id = HeaderId::kOther;
  std::string_view name;   // as written
  std::string_view value;  // trimmed; folded lines joined; may hold several comma-separated values
};

// A header to be written.
struct HeaderLine {
  HeaderId id;
  std::string_view value;
};

struct CSeq {
  std::uint32_t number = 0;
  Method method = Method::kOther;
  std::string_view method_name;
};

class Message {
 public:
  static constexpr std::size_t kHeadersMax = 128;

  bool is_request() const { return is_request_; }
  Method method() const { return method_; }  // of a request
  std::string_view method_name() const { return method_name_; }
  std::string_view request_uri() const { return request_uri_; }
  const Uri& target() const { return target_; }  // the Request-URI; kOther when it can't be read
  int status() const { return status_; }         // of a response
  std::string_view reason() const { return reason_; }
  std::string_view body() const { return body_; }

  std::span<const Header> headers() const { return {room_.lines.data(), header_count_}; }
  // The first header with this id; nullptr: none.
  const Header* find(HeaderId id) const;
  std::string_view value(HeaderId id) const;  // empty: none
  std::size_t count(HeaderId id) const;

  // The mandatory fields, already checked by parse() where they could be read (§8.1.1).
  std::string_view call_id() const { return call_id_; }
  const CSeq& cseq() const { return cseq_; }
  const NameAddr& from() const { return from_; }
  const NameAddr& to() const { return to_; }
  const Via& top_via() const { return top_via_; }
  std::string_view from_tag() const { return from_tag_; }
  std::string_view to_tag() const { return to_tag_; }
  std::optional<std::uint32_t> max_forwards() const { return max_forwards_; }
  // The first one; nullptr: none, or a broken one in a message that nobody needs it of.
  const NameAddr* contact() const { return has_contact_ ? &contact_ : nullptr; }

 private:
  friend class Parser;

  // What is read of the message besides its header lines; a new one begins with all of it empty.
  void clear();

  bool is_request_ = false;
  Method method_ = Method::kOther;
  int status_ = 0;
  std::string_view method_name_;
  std::string_view request_uri_;
  std::string_view reason_;
  std::string_view body_;
  std::string_view call_id_;
  std::string_view from_tag_;
  std::string_view to_tag_;
  CSeq cseq_;
  Uri target_;
  NameAddr from_;
  NameAddr to_;
  Via top_via_;
  std::optional<std::uint32_t> max_forwards_;
  bool has_contact_ = false;
  NameAddr contact_;  // means something only when it is there
  // The first line with each id, counted from 1; 0: none.
  std::array<std::uint8_t, static_cast<std::size_t>(HeaderId::kCount)> first_{};
  std::size_t header_count_ = 0;
  // A union, so that nobody clears room for 128 lines to read 15: only the first header_count_
  // are alive.
  union Room {
    Room() {}  // NOLINT(modernize-use-equals-default): that would be deleted
    std::array<Header, kHeadersMax> lines;
  } room_;
  static_assert(kHeadersMax < 256);
};

// Calls visit(std::string_view) for each value of all headers with this id: several header lines
// and comma-separated lists alike (§7.3.1); commas inside quotes and <> do not part.
template <typename Visit>
void each_value(const Message& message, HeaderId id, Visit&& visit);

// Cuts the first comma-separated value off `rest`.
std::string_view next_value(std::string_view& rest);

// True when a list header (Supported, Require, Allow …) names this token, without case.
bool lists_token(const Message& message, HeaderId id, std::string_view token);

template <typename Visit>
void each_value(const Message& message, HeaderId id, Visit&& visit) {
  const Header* const end = message.headers().data() + message.headers().size();
  for (const Header* header = message.find(id); header != nullptr && header != end; ++header) {
    if (header->id != id) continue;
    std::string_view rest = header->value;
    while (!rest.empty()) visit(next_value(rest));
  }
}

}  // namespace tandem::sip
