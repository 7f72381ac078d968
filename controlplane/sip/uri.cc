#include "controlplane/sip/uri.h"

#include <array>

#include "drivers/base/endpoint.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr auto npos = std::string_view::npos;

constexpr bool is_alpha(char c) { return base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z'; }

enum CharClass : std::uint8_t {
  kTokenChar = 1,   // §25.1
  kHostChar = 2,    // and '_', which real names have
  kSchemeChar = 4,  // RFC 3986 §3.1
  kTelChar = 8,     // RFC 3966 §3: digits, hexadecimal ones too, and visual separators
  kUriChar = 16,    // neither blank nor control nor a delimiter of what surrounds a URI
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
    if (i > 0x20 && i != 0x7f && std::string_view("<>\"").find(c) == npos) bits |= kUriChar;
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

bool escapes_well_formed(std::string_view text) {
  for (auto at = text.find('%'); at != npos; at = text.find('%', at + 3)) {
    if (text.size() - at < 3) return false;
    if (hex_digit(text[at + 1]) < 0 || hex_digit(text[at + 2]) < 0) return false;
  }
  return true;
}

void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && base::is_space(rest.front())) rest.remove_prefix(1);
}

std::string_view take(std::string_view& rest, CharClass wanted) {
  std::size_t length = 0;
  while (length < rest.size() && is(rest[length], wanted)) ++length;
  const auto taken = rest.substr(0, length);
  rest.remove_prefix(length);
  return taken;
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
  std::size_t length = 0;
  while (length < rest.size() && base::is_digit(rest[length])) ++length;
  const auto port = base::parse_uint(rest.substr(0, length), 65535);
  rest.remove_prefix(length);
  return static_cast<std::uint16_t>(port.value_or(0));
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

std::optional<Uri> parse_sip(Uri uri, std::string_view rest) {
  if (!escapes_well_formed(rest)) return std::nullopt;
  if (const auto at = rest.find('@'); at != npos) {
    uri.password = rest.substr(0, at);
    uri.user = base::split_first(uri.password, ':');
    rest.remove_prefix(at + 1);
  }
  uri.host = take_host(rest);
  if (uri.host.empty()) return std::nullopt;
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    uri.port = take_port(rest);
    if (uri.port == 0) return std::nullopt;
  }
  if (!rest.empty() && rest.front() != ';' && rest.front() != '?') return std::nullopt;
  uri.headers = rest;
  uri.params = base::split_first(uri.headers, '?');
  if (uri.params.starts_with(';')) uri.params.remove_prefix(1);
  return uri;
}

std::optional<Uri> parse_tel(Uri uri, std::string_view rest) {
  uri.params = rest;
  uri.user = base::split_first(uri.params, ';');
  if (uri.user.empty() || !all(uri.user, kTelChar)) return std::nullopt;
  return uri;
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

// "<uri>;params" behind the display name.
std::optional<NameAddr> parse_bracketed(NameAddr out, std::string_view rest) {
  const auto close = rest.find('>');
  if (!rest.starts_with('<') || close == npos) return std::nullopt;
  const auto uri = parse_uri(rest.substr(1, close - 1));
  if (!uri) return std::nullopt;
  out.uri = *uri;
  rest.remove_prefix(close + 1);
  skip_blanks(rest);
  if (rest.empty()) return out;
  if (rest.front() != ';') return std::nullopt;
  out.params = base::trim(rest.substr(1));
  if (!params_well_formed(out.params)) return std::nullopt;
  return out;
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && all(text, kTokenChar); }

std::optional<Uri> parse_uri(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == npos || colon == 0 || !is_alpha(text.front())) return std::nullopt;
  const auto scheme = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  if (!all(scheme, kSchemeChar) || rest.empty() || !all(rest, kUriChar)) return std::nullopt;
  Uri uri;
  uri.text = text;
  if (base::iequals(scheme, "sip")) {
    uri.scheme = Scheme::kSip;
    return parse_sip(uri, rest);
  }
  if (base::iequals(scheme, "sips")) {
    uri.scheme = Scheme::kSips;
    return parse_sip(uri, rest);
  }
  if (base::iequals(scheme, "tel")) {
    uri.scheme = Scheme::kTel;
    return parse_tel(uri, rest);
  }
  return uri;
}

std::optional<std::string> unescape(std::string_view text) {
  if (!escapes_well_formed(text)) return std::nullopt;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
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
    auto value = next_param(params);
    const auto key = base::trim(base::split_first(value, '='));
    if (base::iequals(key, name)) return base::trim(value);
  }
  return std::nullopt;
}

bool params_well_formed(std::string_view params) {
  while (!params.empty()) {
    const auto param = next_param(params);
    auto value = param;
    const auto key = base::trim(base::split_first(value, '='));
    if (!is_token(key)) return false;
    if (param.find('=') == npos) continue;
    value = base::trim(value);
    if (value.empty()) return false;
    if (value.front() == '"') {
      if (quoted_end(value, 0) != value.size()) return false;
    } else if (!all(value, kUriChar)) {
      return false;
    }
  }
  return true;
}

std::optional<NameAddr> parse_name_addr(std::string_view text) {
  text = base::trim(text);
  NameAddr out;
  if (text == "*") {
    out.star = true;
    return out;
  }
  if (text.starts_with('"')) {
    const auto end = quoted_end(text, 0);
    if (end == npos) return std::nullopt;
    out.display = text.substr(0, end);
    text.remove_prefix(end);
    skip_blanks(text);
    return parse_bracketed(out, text);
  }
  // None of these can be in a display name without quotes: what comes first tells the forms apart.
  const auto sign = text.find_first_of("<;:\"");
  if (sign != npos && text[sign] == '<') {
    out.display = base::trim(text.substr(0, sign));
    if (!is_bare_display(out.display)) return std::nullopt;
    return parse_bracketed(out, text.substr(sign));
  }
  // §20.10: without <> what follows ';' is the header's, and ',' and '?' must not be there.
  const auto semicolon = text.find(';');
  const auto uri_text = base::trim(text.substr(0, semicolon));
  if (uri_text.find_first_of(",?") != npos) return std::nullopt;
  const auto uri = parse_uri(uri_text);
  if (!uri) return std::nullopt;
  out.uri = *uri;
  if (semicolon == npos) return out;
  out.params = base::trim(text.substr(semicolon + 1));
  if (!params_well_formed(out.params)) return std::nullopt;
  return out;
}

std::optional<Via> parse_via(std::string_view text) {
  auto rest = base::trim(text);
  // sent-protocol: blanks may stand around its slashes.
  for (int slash = 0; slash < 2; ++slash) {
    if (take(rest, kTokenChar).empty()) return std::nullopt;
    skip_blanks(rest);
    if (!rest.starts_with('/')) return std::nullopt;
    rest.remove_prefix(1);
    skip_blanks(rest);
  }
  Via via;
  via.transport = take(rest, kTokenChar);
  if (via.transport.empty() || rest.empty() || !base::is_space(rest.front())) return std::nullopt;
  skip_blanks(rest);
  via.host = take_host(rest);
  if (via.host.empty()) return std::nullopt;
  skip_blanks(rest);
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    skip_blanks(rest);
    via.port = take_port(rest);
    if (via.port == 0) return std::nullopt;
    skip_blanks(rest);
  }
  if (rest.empty()) return via;
  if (rest.front() != ';') return std::nullopt;
  via.params = base::trim(rest.substr(1));
  via.branch = find_param(via.params, "branch").value_or(std::string_view{});
  const auto rport = find_param(via.params, "rport");
  via.rport = rport && rport->empty();
  return via;
}

}  // namespace tandem::sip
