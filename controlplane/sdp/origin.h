// Whose description it is, and its how-manieth (RFC 8866 §5.2): for a party that goes on talking to
// us in its dialog while the one behind us becomes another, each description must look like the
// next version of the last one (RFC 3264 §8). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::sdp {

struct Origin {
  std::string user = "-";
  std::string session_id = "0";
  std::uint64_t version = 0;
};

// Of the first o= line; what can't be read stays as above.
Origin origin_of(std::string_view description);
// The same description under this origin; its address stays.
std::string with_origin(std::string_view description, const Origin& origin);

// The same description with its media running both ways: a party that was put on hold, offered to
// somebody new. (Direction attributes taken out, RFC 8866 §6.7.)
std::string resumed(std::string_view description);

// The same description without words on who made it (RFC 8866 §5.2–5.6): no user name in o=, no
// subject, information, URI, e-mail address or telephone number of the session.
std::string anonymous(std::string_view description);

}  // namespace tandem::sdp
