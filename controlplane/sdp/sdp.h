// Session descriptions (RFC 8866, formerly 4566) as lines over one buffer, and the rewrite that
// brings media through us: addresses and ports change, every other byte stays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/base/endpoint.h"
#include "drivers/base/result.h"

namespace tandem::sdp {

inline constexpr std::string_view kContentType = "application/sdp";

enum class Direction : std::uint8_t { kSendRecv, kSendOnly, kRecvOnly, kInactive };

// One m= section. Views into the description's text.
struct Media {
  std::string_view type;                 // "audio", "image" …
  std::uint16_t port = 0;                // 0: rejected or not offered
  std::string_view protocol;             // "RTP/AVP", "RTP/SAVP", "udptl" …
  std::string_view formats;              // "0 8 101"
  base::Endpoint rtp;                    // c= (the section's, else the session's) with the m= port;
                                         // address unset when c= isn't an IP address
  base::Endpoint rtcp;                   // a=rtcp (RFC 3605), else port + 1
  bool rtcp_mux = false;                 // RFC 5761
  std::vector<std::string_view> crypto;  // the values of a=crypto, behind the colon (RFC 4568)
  // Of DTLS-SRTP, the section's, else the session's; empty: none.
  std::vector<std::string_view> fingerprints;  // the values of a=fingerprint (RFC 8122)
  std::string_view setup;                      // "actpass" … (RFC 4145)
  std::string_view tls_id;                     // RFC 8842
  Direction direction = Direction::kSendRecv;
  // The name of the first format ("PCMU"), from a=rtpmap or the static table of RFC 3551; what
  // isn't RTP names it itself ("t38").
  std::string_view codec;
  std::uint32_t clock_hz = 8000;

  // Over SRTP and nothing else: RTP/SAVP and UDP/TLS/RTP/SAVP (RFC 5764 §8), each with F or not.
  bool secure() const;
  // The latter.
  bool over_dtls() const;
  // With an F.
  bool feedback() const;
};

struct Description {
  static constexpr std::size_t kMediaMax = 8;
  std::string_view text;
  std::vector<Media> media;
};

// The name of a static payload type (RFC 3551 §6); empty: it has none.
std::string_view static_encoding(std::string_view format);

// Fails with a reason for a person; never reads beyond the text.
base::Result<Description> parse(std::string_view text);

// How we and the party that gets the description protect a section's media.
struct Security {
  enum class Protocol : std::uint8_t { kAvp, kSavp, kDtlsSavp };

  Protocol protocol = Protocol::kAvp;
  bool feedback = false;                // RTP/AVPF and so on (RFC 4585, 5124)
  std::vector<std::string> attributes;  // behind "a=": "crypto:1 …", "fingerprint:sha-256 …" …

  friend bool operator==(const Security&, const Security&) = default;
};

// How a section's RTCP comes to us.
enum class RtcpSaid : std::uint8_t {
  kNextPort,  // the one behind RTP's
  kOffered,   // there, or with RTP where the other party can do that (a=rtcp-mux, RFC 5761)
  kMuxed,     // with RTP
  kNoPort,    // not at all
};

// Where our own ends are, per m= section in order. A section without an entry (or port 0 in the
// description) gets port 0: media that doesn't pass through us isn't let through at all.
struct LocalMedia {
  base::Endpoint rtp;
  // Set: in place of what the description says of that (m='s protocol, a=crypto, a=fingerprint …).
  std::optional<Security> security{};
  RtcpSaid rtcp = RtcpSaid::kNextPort;  // decides on a=rtcp, where there is one, and a=rtcp-mux
};

// The same description with: o= address (the username, ids and version stay, since each leg sees
// one origin), every c=, each m= port, a=rtcp, a=rtcp-mux, and a=candidate / a=ice-* /
// a=remote-candidates / a=group:BUNDLE lines taken out (we are not an ICE agent, and each section
// has its own ports here).
// A section's c= stays where it was; c=IN IP4 0.0.0.0 stays what it was (hold, RFC 3264 §8.4).
std::string rewrite(const Description& description, const std::vector<LocalMedia>& local);

}  // namespace tandem::sdp
