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
std::string_view header_name(HeaderId id);  // the long form; empty for kOther
HeaderId header_id(std::string_view name);  // long or compact, without case

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
  int status() const { return status_; }  // of a response
  std::string_view reason() const { return reason_; }
  std::string_view body() const { return body_; }

  std::span<const Header> headers() const { return {headers_.data(), header_count_}; }
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
  std::string_view from_tag() const { return from_.tag().value_or(std::string_view{}); }
  std::string_view to_tag() const { return to_.tag().value_or(std::string_view{}); }
  std::optional<std::uint32_t> max_forwards() const { return max_forwards_; }

 private:
  friend class Parser;

  bool is_request_ = false;
  Method method_ = Method::kOther;
  int status_ = 0;
  std::string_view method_name_;
  std::string_view request_uri_;
  std::string_view reason_;
  std::string_view body_;
  std::string_view call_id_;
  CSeq cseq_;
  NameAddr from_;
  NameAddr to_;
  Via top_via_;
  std::optional<std::uint32_t> max_forwards_;
  std::size_t header_count_ = 0;
  std::array<Header, kHeadersMax> headers_;
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
  for (const Header& header : message.headers()) {
    if (header.id != id) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) visit(next_value(rest));
  }
}

}  // namespace tandem::sip
