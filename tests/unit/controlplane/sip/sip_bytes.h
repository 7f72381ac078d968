// A SIP message in a buffer of exactly its size, so that a sanitizer sees every step outside.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/parser.h"

namespace tandem::sip {

struct Parsed {
  explicit Parsed(std::string_view bytes)
      : size(bytes.size()), buffer(std::make_unique<char[]>(std::max<std::size_t>(size, 1))) {
    std::copy(bytes.begin(), bytes.end(), buffer.get());
    outcome = Parser::parse({buffer.get(), size}, message);
  }

  std::size_t size;
  std::unique_ptr<char[]> buffer;
  Message message;
  ParseOutcome outcome;
};

// `text` with CRLF for each LF.
inline std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// An INVITE of headers alone; `replace` stands in for the line that begins with the same name, or
// is added. An empty value behind the colon takes the line out.
inline std::string invite_with(std::string_view replace = {},
                               std::string_view start = "INVITE sip:bob@192.0.2.9 SIP/2.0") {
  constexpr std::string_view kLines[] = {
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport",
      "Max-Forwards: 70",
      "From: \"Alice\" <sip:alice@192.0.2.1>;tag=1928",
      "To: <sip:bob@192.0.2.9>",
      "Call-ID: a84b4c76e66710@192.0.2.1",
      "CSeq: 314159 INVITE",
      "Contact: <sip:alice@192.0.2.1:5060>",
      "Content-Length: 0",
  };
  const auto name = replace.substr(0, replace.find(':'));
  const bool removed = !replace.empty() && replace.back() == ':';
  bool placed = replace.empty() || removed;
  std::string out(start);
  out += "\r\n";
  for (const auto line : kLines) {
    if (line.substr(0, line.find(':')) != name) {
      out.append(line).append("\r\n");
    } else if (!removed) {
      out.append(replace).append("\r\n");
      placed = true;
    }
  }
  if (!placed) out.append(replace).append("\r\n");
  return out + "\r\n";
}

}  // namespace tandem::sip
