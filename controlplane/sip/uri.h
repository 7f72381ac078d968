// SIP and tel URIs and the header values built around them (RFC 3261 §19.1, §20.10; RFC 3966).
// All parts are views into the message; nothing is unescaped unless asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::sip {

enum class Scheme : std::uint8_t { kSip, kSips, kTel, kOther };

struct Uri {
  Scheme scheme = Scheme::kOther;
  std::string_view text;  // the whole URI
  std::string_view user;  // still escaped; for tel: the number as written
  std::string_view password;
  std::string_view host;     // an IPv6 address without its brackets
  std::uint16_t port = 0;    // 0: not given
  std::string_view params;   // after the first ';' of the URI, without it
  std::string_view headers;  // after '?', without it
};

// No value: not a URI by the grammar (kOther is returned for a well-formed unknown scheme).
std::optional<Uri> parse_uri(std::string_view text);

// Whether both mean the same (RFC 3261 §19.1.4).
bool same_uri(const Uri& a, const Uri& b);

// All of `text` are token characters (§25.1), and there is one at least.
bool is_token(std::string_view text);

// %HH decoded. No value: a broken escape.
std::optional<std::string> unescape(std::string_view text);

// The value of `name` in ";a=b;c" parameters (leading ';' or not); names compare without case; a
// parameter without '=' has an empty value. Quoted values come with their quotes.
std::optional<std::string_view> find_param(std::string_view params, std::string_view name);

// Cuts the first ";"-separated parameter off `rest`, trimmed; a ';' inside quotes doesn't part.
std::string_view next_param(std::string_view& rest);

// Every parameter has a name, and a value where it has a '='; one ';' too many at the end is let
// pass. The readers here take what they can
// from broken parameters, so that an answer can be addressed; whether a message deserves a 400 for
// them is asked here.
bool params_well_formed(std::string_view params);

// From, To, Contact, Route, Refer-To …: name-addr or addr-spec with parameters (RFC 3261 §20.10).
// A Contact of "*" has star set and nothing else.
struct NameAddr {
  bool star = false;
  std::string_view display;  // as written, with quotes if it had them; empty: none
  Uri uri;
  std::string_view params;  // the header's, not the URI's, without the first ';'

  std::optional<std::string_view> tag() const { return find_param(params, "tag"); }
};
std::optional<NameAddr> parse_name_addr(std::string_view text);

// What a client of RFC 3261 begins its branches with (§8.1.1.7); older ones don't.
inline constexpr std::string_view kMagicCookie = "z9hG4bK";

// RFC 3261 §20.42 with RFC 3581's rport.
struct Via {
  std::string_view transport;  // "UDP", "TCP", "TLS" …, as written
  std::string_view host;       // sent-by; an IPv6 address without brackets
  std::uint16_t port = 0;      // 0: not given
  std::string_view params;
  std::string_view branch;  // empty: none (RFC 2543)
  bool rport = false;       // an rport parameter without value is there
  bool well_formed = true;  // all parameters are: params_well_formed()
};
std::optional<Via> parse_via(std::string_view text);

// The same into `out`, without a copy. REQUIRES: `out` is as made. False: it holds anything.
bool read_uri(std::string_view text, Uri& out);
bool read_via(std::string_view text, Via& out);
// `tag` is what out.tag() says, or empty: the parameters were walked through anyway.
bool read_name_addr(std::string_view text, NameAddr& out, std::string_view& tag);

}  // namespace tandem::sip
