// Which dialog an INVITE takes over (RFC 3891), and whom a REFER points to (RFC 3515 §2.1; with a
// Replaces inside its URI, RFC 5589 §7). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"

namespace tandem::sip {

inline constexpr std::string_view kReplacesOption = "replaces";

// Tags as the one who gets it has them: `to_tag` is his own.
struct Replaces {
  std::string call_id;
  std::string to_tag;
  std::string from_tag;
  bool early_only = false;
};
// No value: not what the grammar wants.
std::optional<Replaces> parse_replaces(std::string_view value);
// What this INVITE asks to replace. False: it asks in a way that can't be understood (400): more
// than one Replaces, or a broken one.
bool read_replaces(const Message& invite, std::optional<Replaces>& out);

struct ReferTarget {
  std::string user;  // still escaped; of a tel URI: the number
  std::optional<Replaces> replaces;
};
// No value: not exactly one Refer-To with a sip, sips or tel URI, or a broken Replaces (400).
// What else the URI wants in the new INVITE (other headers, a body) is passed over.
std::optional<ReferTarget> read_refer_to(const Message& refer);
// The URI asks for another method than INVITE.
bool refers_to_other_method(const Message& refer);

}  // namespace tandem::sip
