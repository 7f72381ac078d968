#include "controlplane/sdp/voice.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/sdp/events.h"
#include "controlplane/sdp/lines.h"

namespace tandem::sdp {
namespace {

constexpr int kStandInPort = 9;  // discard; never 0, which would be a rejection

bool hears(const Media& media) {
  return media.type == "audio" && media.port != 0 && base::istarts_with(media.protocol, "RTP/") &&
         (media.direction == Direction::kSendRecv || media.direction == Direction::kRecvOnly);
}

bool may_be(std::string_view encoding, std::span<const std::string> allowed) {
  return allowed.empty() ||
         std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& name) { return base::iequals(name, encoding); });
}

}  // namespace

std::optional<Voice> voice_of(const Description& description,
                              std::span<const std::string> allowed) {
  const auto& media = description.media;
  const auto section = std::find_if(media.begin(), media.end(), hears);
  if (section == media.end()) return std::nullopt;
  Voice out{.section = static_cast<std::size_t>(section - media.begin())};
  out.events = events_of(description, out.section);
  std::string_view formats = section->formats;
  while (!formats.empty()) {
    const std::string_view format = next_word(formats);
    if (format != "0" && format != "8") continue;
    if (!may_be(static_encoding(format), allowed)) continue;
    out.law = format == "0" ? 0 : 8;
    return out;
  }
  return std::nullopt;
}

std::string voice_answer(const Description& offer, const Voice& voice,
                         const base::IpAddress& address, std::uint64_t session_id) {
  const std::string own = address.text();
  // RFC 8866 §5.2: a number that fits into 63 bits everywhere.
  std::string out = fmt::format("v=0\r\no=- {} 1 IN IP4 {}\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\n",
                                session_id >> 1, own, own);
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    const Media& media = offer.media[i];
    if (i != voice.section) {
      out += fmt::format("m={} 0 {} {}\r\n", media.type, media.protocol, media.formats);
      continue;
    }
    out += fmt::format("m=audio {} {} {}", kStandInPort, media.protocol, voice.law);
    if (voice.events) out += fmt::format(" {}", *voice.events);
    out += fmt::format("\r\na=rtpmap:{} {}/8000\r\n", voice.law, voice.law == 0 ? "PCMU" : "PCMA");
    if (voice.events) {
      out += fmt::format("a=rtpmap:{0} telephone-event/8000\r\na=fmtp:{0} 0-16\r\n", *voice.events);
    }
    out += "a=ptime:20\r\n";
    if (media.direction == Direction::kRecvOnly) out += "a=sendonly\r\n";
  }
  return out;
}

}  // namespace tandem::sdp
