// A call that comes back to us. A B2BUA's call leaves with a Via of its own only, so a loop is seen
// in that Via alone: it carries a mark of the number that the call went to. Coming back with our
// mark of the very number that is called now, the call would go round for ever; with another number
// it is a spiral, and its Max-Forwards ends it (RFC 3261 §6, §16.3).
#pragma once

#include <string>
#include <string_view>

#include "controlplane/sip/environment.h"
#include "controlplane/sip/message.h"

namespace tandem::sip {

// A Via parameter with its ';', for a request to this URI.
std::string loop_mark(const Environment& env, std::string_view request_uri);

// One of the request's Vias has our mark of its Request-URI.
bool is_looped(const Environment& env, const Message& request);

}  // namespace tandem::sip
