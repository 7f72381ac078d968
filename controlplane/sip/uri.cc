#include "controlplane/sip/uri.h"

#include <algorithm>
#include <array>
#include <utility>

#include "drivers/base/endpoint.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::uint32_t kPortBeyond = 65536;  // more than a port may be, however much

constexpr bool is_alpha(char c) { return base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z'; }

enum CharClass : std::uint8_t {
  kTokenChar = 1,    // §25.1
  kHostChar = 2,     // and '_', which real names have
  kSchemeChar = 4,   // RFC 3986 §3.1
  kTelChar = 8,      // RFC 3966 §3: digits, hexadecimal ones too, and visual separators
  kUriChar = 16,     // neither blank nor control nor a delimiter of what surrounds a URI
  kUserChar = 32,    // a kUriChar that means nothing special before the '@'
  kTailChar = 64,    // a kUriChar that means nothing special behind the host
  kParamChar = 128,  // a kUriChar that doesn't end a parameter
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool alnum = is_alpha(c) || base::is_digit(c);
    int bits = 0;
    if (alnum || std::string_view("-.!%*_+`'~").find(c) != npos) bits |= kTokenChar;
    if (alnum || std::string_view("-._").find(c) != npos) bits |= kHostChar;
    if (alnum || std::string_view("+-.").find(c) != npos) bits |= kSchemeChar;
    const char lower = base::to_lower(c);
    const bool hex = base::is_digit(c) || (lower >= 'a' && lower <= 'f');
    if (hex || std::string_view("+*#-.()").find(c) != npos) bits |= kTelChar;
    if (i > 0x20 && i != 0x7f && std::string_view("<>\"").find(c) == npos) {
      bits |= kUriChar;
      if (c != '%' && c != '@' && c != ':') bits |= kUserChar;
      if (c != '%' && c != '?') bits |= kTailChar;
      if (c != ';') bits |= kParamChar;
    }
    classes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}
constexpr auto kClasses = make_classes();

bool is(char c, CharClass wanted) { return (kClasses[static_cast<std::uint8_t>(c)] & wanted) != 0; }

bool all(std::string_view text, CharClass wanted) {
  for (const char c : text) {
    if (!is(c, wanted)) return false;
  }
  return true;
}

int hex_digit(char c) {
  if (base::is_digit(c)) return c - '0';
  const char lower = base::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Is there "%HH" at this place?
bool is_escape(std::string_view text, std::size_t at) {
  return text.size() - at >= 3 && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0;
}

void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && base::is_space(rest.front())) rest.remove_prefix(1);
}

std::string_view take(std::string_view& rest, CharClass wanted) {
  const char* const begin = rest.data();
  const char* const end = begin + rest.size();
  const char* at = begin;
  while (at != end && is(*at, wanted)) ++at;
  rest = {at, static_cast<std::size_t>(end - at)};
  return {begin, static_cast<std::size_t>(at - begin)};
}

// A host off the front of `rest`; empty: there is none.
std::string_view take_host(std::string_view& rest) {
  if (!rest.starts_with('[')) return take(rest, kHostChar);
  const auto close = rest.find(']');
  if (close == npos) return {};
  const auto host = rest.substr(1, close - 1);
  const auto address = base::IpAddress::parse(host);
  if (!address || address->is_ip4()) return {};
  rest.remove_prefix(close + 1);
  return host;
}

// The digits off the front of `rest`; 0: not a port.
std::uint16_t take_port(std::string_view& rest) {
  std::uint32_t port = 0;
  std::size_t length = 0;
  for (; length < rest.size() && base::is_digit(rest[length]); ++length) {
    port = std::min(port * 10 + static_cast<std::uint32_t>(rest[length] - '0'), kPortBeyond);
  }
  rest.remove_prefix(length);
  return port == kPortBeyond ? std::uint16_t{} : static_cast<std::uint16_t>(port);
}

// Behind the closing quote of the quoted string that begins at `open`; npos: it never closes.
std::size_t quoted_end(std::string_view text, std::size_t open) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return npos;
}

// "user:password@" off the front of `rest`, where it is. False: a character that no URI has, or a
// broken escape.
bool take_user(std::string_view& rest, Uri& uri) {
  std::size_t colon = npos;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    const char c = rest[at];
    if (is(c, kUserChar)) continue;
    if (c == '%') {
      if (!is_escape(rest, at)) return false;
      at += 2;
    } else if (c == ':') {
      colon = std::min(colon, at);
    } else if (c == '@') {
      uri.user = rest.substr(0, std::min(colon, at));
      if (colon != npos) uri.password = rest.substr(colon + 1, at - colon - 1);
      rest.remove_prefix(at + 1);
      return true;
    } else {
      return false;
    }
  }
  return true;
}

// ";params?headers" behind the host.
bool read_tail(std::string_view rest, Uri& uri) {
  if (rest.empty()) return true;
  if (rest.front() != ';' && rest.front() != '?') return false;
  std::size_t question = npos;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    const char c = rest[at];
    if (is(c, kTailChar)) continue;
    if (c == '?') {
      question = std::min(question, at);
    } else if (c == '%' && is_escape(rest, at)) {
      at += 2;
    } else {
      return false;
    }
  }
  if (question != npos) uri.headers = rest.substr(question + 1);
  uri.params = rest.substr(0, question);
  if (uri.params.starts_with(';')) uri.params.remove_prefix(1);
  return true;
}

bool read_sip(std::string_view rest, Uri& uri) {
  if (!take_user(rest, uri)) return false;
  uri.host = take_host(rest);
  if (uri.host.empty()) return false;
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    uri.port = take_port(rest);
    if (uri.port == 0) return false;
  }
  return read_tail(rest, uri);
}

// RFC 3966 §3. A local number without the phone-context that it should have is let pass.
bool read_tel(std::string_view rest, Uri& uri) {
  uri.user = take(rest, kTelChar);
  const auto digits = uri.user.substr(uri.user.starts_with('+') ? 1 : 0);
  const auto is_separator = [](char c) { return c == '-' || c == '.' || c == '(' || c == ')'; };
  if (std::all_of(digits.begin(), digits.end(), is_separator)) return false;
  if (digits.find('+') != npos) return false;
  if (rest.empty()) return true;
  uri.params = rest.substr(1);
  return rest.front() == ';' && all(rest, kUriChar) && params_well_formed(uri.params);
}

// "=value" behind a parameter's name: a quoted string, or what a URI may hold.
bool is_param_value(std::string_view value) {
  if (value.empty()) return false;
  if (value.front() == '"') return quoted_end(value, 0) == value.size();
  return all(value, kUriChar);
}

// The display name before '<': nothing, or tokens with blanks between. UTF-8 without quotes isn't
// by the grammar, but phones send it and nothing is ambiguous about it.
bool is_bare_display(std::string_view text) {
  for (const char c : text) {
    if (!is(c, kTokenChar) && !base::is_space(c) && static_cast<std::uint8_t>(c) < 0x80) {
      return false;
    }
  }
  return true;
}

struct Param {
  std::string_view name;
  std::string_view value;  // empty without '='
  bool well_formed = false;
};

// What next_param() cut off, whatever it is.
Param read_param(std::string_view text) {
  Param out;
  out.value = text;
  out.name = base::trim(base::split_first(out.value, '='));
  out.value = base::trim(out.value);
  const bool valued = text.find('=') != npos;
  out.well_formed = is_token(out.name) && (!valued || is_param_value(out.value));
  return out;
}

// Cuts the first parameter off `rest`.
Param take_param(std::string_view& rest) {
  // "name" or "name=value" without blanks and quotes, as nearly all are, in one walk.
  std::size_t at = 0;
  while (at < rest.size() && is(rest[at], kTokenChar)) ++at;
  Param out;
  out.name = rest.substr(0, at);
  out.well_formed = at != 0;
  if (at < rest.size() && rest[at] == '=') {
    const auto begin = ++at;
    while (at < rest.size() && is(rest[at], kParamChar)) ++at;
    out.value = rest.substr(begin, at - begin);
    out.well_formed = out.well_formed && !out.value.empty();
  }
  if (at < rest.size() && rest[at] != ';') return read_param(next_param(rest));
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return out;
}

constexpr bool is_form_sign(char c) { return c == '<' || c == ';' || c == ':' || c == '"'; }

// ";params" behind the address, or nothing.
bool read_address_params(std::string_view rest, NameAddr& out, std::string_view& tag) {
  skip_blanks(rest);
  if (rest.empty()) return true;
  if (rest.front() != ';') return false;
  out.params = base::trim(rest.substr(1));
  bool tagged = false;
  for (auto params = out.params; !params.empty();) {
    const Param param = take_param(params);
    if (!param.well_formed) return false;
    if (tagged || !base::iequals(param.name, "tag")) continue;
    tagged = true;
    tag = param.value;
  }
  return true;
}

// "<uri>;params" behind the display name.
bool read_bracketed(std::string_view rest, NameAddr& out, std::string_view& tag) {
  const auto close = rest.find('>');
  if (!rest.starts_with('<') || close == npos) return false;
  return read_uri(rest.substr(1, close - 1), out.uri) &&
         read_address_params(rest.substr(close + 1), out, tag);
}

// sent-protocol and sent-by. `rest` is left at the parameters.
bool read_via_head(std::string_view& rest, Via& via) {
  if (rest.starts_with("SIP/2.0/")) {
    rest.remove_prefix(8);
  } else {
    // Blanks may stand around the slashes, and whoever knows another version says so.
    for (int slash = 0; slash < 2; ++slash) {
      if (take(rest, kTokenChar).empty()) return false;
      skip_blanks(rest);
      if (!rest.starts_with('/')) return false;
      rest.remove_prefix(1);
      skip_blanks(rest);
    }
  }
  skip_blanks(rest);
  via.transport = take(rest, kTokenChar);
  if (via.transport.empty() || rest.empty() || !base::is_space(rest.front())) return false;
  skip_blanks(rest);
  via.host = take_host(rest);
  if (via.host.empty()) return false;
  skip_blanks(rest);
  if (!rest.starts_with(':')) return true;
  rest.remove_prefix(1);
  skip_blanks(rest);
  via.port = take_port(rest);
  skip_blanks(rest);
  return via.port != 0;
}

// Built in place and given back whole: these are wide structs.
template <typename T, typename Read>
std::optional<T> read_whole(std::string_view text, Read&& read) {
  std::optional<T> out(std::in_place);
  if (!read(text, *out)) out.reset();
  return out;
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && all(text, kTokenChar); }

bool read_uri(std::string_view text, Uri& uri) {
  if (text.starts_with("sip:")) {  // as nearly all do
    uri.text = text;
    uri.scheme = Scheme::kSip;
    return read_sip(text.substr(4), uri);
  }
  auto rest = text;
  const auto scheme = take(rest, kSchemeChar);
  if (scheme.empty() || !is_alpha(scheme.front()) || rest.size() < 2 || rest[0] != ':') {
    return false;
  }
  rest.remove_prefix(1);
  uri.text = text;
  if (base::iequals(scheme, "sip") || base::iequals(scheme, "sips")) {
    uri.scheme = scheme.size() == 3 ? Scheme::kSip : Scheme::kSips;
    return read_sip(rest, uri);
  }
  if (base::iequals(scheme, "tel")) {
    uri.scheme = Scheme::kTel;
    return read_tel(rest, uri);
  }
  return all(rest, kUriChar);
}

bool read_name_addr(std::string_view text, NameAddr& out, std::string_view& tag) {
  text = base::trim(text);
  tag = {};
  if (text.starts_with('<')) return read_bracketed(text, out, tag);
  if (text == "*") {
    out.star = true;
    return true;
  }
  if (text.starts_with('"')) {
    const auto end = quoted_end(text, 0);
    if (end == npos) return false;
    out.display = text.substr(0, end);
    text.remove_prefix(end);
    skip_blanks(text);
    return read_bracketed(text, out, tag);
  }
  // None of these can be in a display name without quotes: what comes first tells the forms apart.
  std::size_t sign = 0;
  while (sign < text.size() && !is_form_sign(text[sign])) ++sign;
  if (sign < text.size() && text[sign] == '<') {
    out.display = base::trim(text.substr(0, sign));
    return is_bare_display(out.display) && read_bracketed(text.substr(sign), out, tag);
  }
  // §20.10: without <> what follows ';' is the header's, and ',' and '?' must not be there.
  const auto semicolon = std::min(text.find(';'), text.size());
  const auto uri_text = base::trim(text.substr(0, semicolon));
  if (uri_text.find(',') != npos || uri_text.find('?') != npos) return false;
  return read_uri(uri_text, out.uri) && read_address_params(text.substr(semicolon), out, tag);
}

bool read_via(std::string_view text, Via& via) {
  auto rest = base::trim(text);
  if (!read_via_head(rest, via)) return false;
  if (rest.empty()) return true;
  if (rest.front() != ';') return false;
  via.params = base::trim(rest.substr(1));
  bool branch_seen = false;
  bool rport_seen = false;
  for (auto params = via.params; !params.empty();) {
    const Param param = take_param(params);
    via.well_formed = via.well_formed && param.well_formed;
    if (!branch_seen && base::iequals(param.name, "branch")) {
      branch_seen = true;
      via.branch = param.value;
    } else if (!rport_seen && base::iequals(param.name, "rport")) {
      rport_seen = true;
      via.rport = param.value.empty();
    }
  }
  return true;
}

std::optional<Uri> parse_uri(std::string_view text) { return read_whole<Uri>(text, read_uri); }

std::optional<NameAddr> parse_name_addr(std::string_view text) {
  std::string_view tag;
  return read_whole<NameAddr>(text, [&](std::string_view all_of_it, NameAddr& out) {
    return read_name_addr(all_of_it, out, tag);
  });
}

std::optional<Via> parse_via(std::string_view text) { return read_whole<Via>(text, read_via); }

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (!is_escape(text, i)) return std::nullopt;
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string_view next_param(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && rest[at] != ';') {
    if (rest[at] == '"') {
      const auto end = quoted_end(rest, at);
      at = end == npos ? rest.size() : end;
    } else {
      ++at;
    }
  }
  const auto param = base::trim(rest.substr(0, at));
  rest.remove_prefix(at < rest.size() ? at + 1 : at);
  return param;
}

std::optional<std::string_view> find_param(std::string_view params, std::string_view name) {
  while (!params.empty()) {
    const Param param = take_param(params);
    if (base::iequals(param.name, name)) return param.value;
  }
  return std::nullopt;
}

bool params_well_formed(std::string_view params) {
  while (!params.empty()) {
    if (!take_param(params).well_formed) return false;
  }
  return true;
}

bool same_uri(const Uri& a, const Uri& b) {
  if (a.scheme != b.scheme) return false;
  if (a.scheme != Scheme::kSip && a.scheme != Scheme::kSips) return a.text == b.text;
  const auto same = [](std::string_view one, std::string_view other) {
    return one == other || unescape(one) == unescape(other);
  };
  if (!same(a.user, b.user) || !same(a.password, b.password)) return false;
  if (!base::iequals(a.host, b.host) || a.port != b.port || a.headers != b.headers) return false;
  // These count when only one has them; any others only when both do.
  for (const auto* name : {"user", "ttl", "method", "maddr", "transport"}) {
    if (find_param(a.params, name).has_value() != find_param(b.params, name).has_value()) {
      return false;
    }
  }
  for (std::string_view rest = a.params; !rest.empty();) {
    auto value = next_param(rest);
    const auto name = base::trim(base::split_first(value, '='));
    const auto other = find_param(b.params, name);
    if (other && !base::iequals(*other, base::trim(value))) return false;
  }
  return true;
}

}  // namespace tandem::sip
