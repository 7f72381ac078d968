// Which codecs a description may have, and in which order. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tandem::sdp {

// Of each audio section over RTP only formats whose encoding is `allowed` stay (RFC 3551, 8866
// §6.6; upper and lower case are alike), in that order, and behind them what is no codec:
// telephone-event and CN. The lines of others go. A section that would keep no codec is rejected
// (port 0). Nothing allowed: all is.
std::string with_codecs(std::string_view description, std::span<const std::string> allowed);

// A name of an encoding, as a=rtpmap has it.
bool is_encoding(std::string_view name);

}  // namespace tandem::sdp
