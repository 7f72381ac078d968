// Where in a message's body the session description is: the body itself, or one part of a
// multipart one (RFC 2046 §5.1, RFC 5621), whose other parts (ISUP, a location …) are the parties'
// own and keep every byte.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/sip/message.h"

namespace tandem::sip {

bool is_sdp(std::string_view content_type);
bool is_multipart(std::string_view content_type);

// The session description: a view into `body`. Empty: there is none that could be read.
std::string_view find_sdp(std::string_view content_type, std::string_view body);
inline bool carries_sdp(std::string_view content_type, std::string_view body) {
  return !find_sdp(content_type, body).empty();
}

// `body` with another description in place of the one that find_sdp() gave of it. A Content-Length
// among the part's own headers goes with it.
std::string with_sdp(std::string_view body, std::string_view found, std::string_view sdp);

// The session description of a message.
std::string_view sdp_of(const Message& message);

// A message's body as another leg sends it: `sdp` in place of the message's description, or alone
// when it has none. An empty `sdp` keeps a description from passing; other bodies pass whole.
struct Body {
  std::string_view type;
  std::string bytes;
};
Body body_of(const Message& message, std::string_view sdp);

}  // namespace tandem::sip
