// Which header fields of a message are the two parties' own, and pass through us as they came, and
// which belong to one leg: its hops, its dialog, what its user agent can do, who its network says
// is calling. A field that nobody knows is the parties' own.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"

namespace tandem::sip {

// `method`: of the request that the message is, or answers. Bodies pass beside their headers:
// Content-Type and Content-Length are written with the body.
bool passes_through(HeaderId id, Method method);

// Those of a message that do, as they were written, each with its CRLF: ready for a Builder, since
// no parsed value holds a line end. `but`: names of those that don't this time.
std::string passing_headers(const Message& message, std::span<const std::string_view> but = {});

// A refusal that means to the other leg what it means to this one: no redirect, no challenge, no
// 503 (§16.7: about the peer, not about us), nothing that only concerns our own request or what a
// header would have to explain that doesn't pass.
bool refusal_passes(int status);

}  // namespace tandem::sip
