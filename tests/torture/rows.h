// Torture messages of our own, in the manner of RFC 4475 and RFC 5118: what each is, byte for byte,
// why it is allowed or not, and what the parser has to say. Where a higher floor refuses what the
// parser lets pass, `why` says so.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/parser.h"
#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::torture {

using sip::HeaderId;
using sip::invite_with;
using sip::Message;

struct Row {
  const char* name;
  const char* why;  // with the section
  std::string bytes;
  sip::ParseVerdict verdict = sip::ParseVerdict::kOk;
  int status = 0;
  // More than the verdict: the text that must have been read, and where from.
  std::function<std::string(const Message&)> read{};
  std::string expected{};
};

inline constexpr auto kOk = sip::ParseVerdict::kOk;
inline constexpr auto kBad = sip::ParseVerdict::kBadRequest;
inline constexpr auto kGarbage = sip::ParseVerdict::kGarbage;

std::vector<Row> framing_rows();  // lines, folding, odd bytes, lengths, bodies
std::vector<Row> header_rows();   // names, lists, order, numbers, methods, old peers
std::vector<Row> address_rows();  // URIs, names, quoting, Vias, IPv6

// What of a message a row looks at.
inline auto value(HeaderId id) {
  return [id](const Message& m) { return std::string(m.value(id)); };
}
// The value of a header that the parser doesn't know.
inline auto unknown(std::string_view name) {
  return [name](const Message& m) {
    for (const auto& line : m.headers()) {
      if (line.name == name) return std::string(line.value);
    }
    return std::string("none");
  };
}
// All values of a list, with '|' between.
inline auto values(HeaderId id) {
  return [id](const Message& m) {
    std::string out;
    each_value(m, id, [&](std::string_view one) { out.append(one).append("|"); });
    return out;
  };
}
inline std::string body(const Message& m) { return std::string(m.body()); }
inline std::string target_host(const Message& m) { return std::string(m.target().host); }
inline std::string target_user(const Message& m) { return std::string(m.target().user); }

// An INVITE to this URI, from and to whom it always is.
inline std::string invite_to(std::string_view uri) {
  return invite_with({}, "INVITE " + std::string(uri) + " SIP/2.0");
}

inline std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace tandem::torture
