// The messages that the parse benchmarks and comparisons work on, as carriers send them. One place,
// so that we and our peers read the same bytes. All of them are valid.
#pragma once

#include <array>
#include <string_view>

namespace tandem::perf {

struct Sample {
  std::string_view name;
  std::string_view bytes;
};

// About 950 bytes with its session description.
inline constexpr std::string_view kInvite =
    "INVITE sip:4930123456789@198.51.100.1:5060;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---4dff7a6c1a2b3c4d;rport\r\n"
    "Max-Forwards: 68\r\n"
    "Contact: <sip:4989555123@192.0.2.10:5060;transport=udp>\r\n"
    "To: <sip:4930123456789@198.51.100.1;user=phone>\r\n"
    "From: \"Carrier One\" <sip:4989555123@192.0.2.10;user=phone>;tag=1f3c5a77\r\n"
    "Call-ID: 84bd1e0f9d5a4c0c9f3ff0a2b6a9d1e4@192.0.2.10\r\n"
    "CSeq: 1 INVITE\r\n"
    "P-Asserted-Identity: <sip:+4989555123@192.0.2.10;user=phone>\r\n"
    "Session-Expires: 1800\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK\r\n"
    "Supported: timer, 100rel\r\nUser-Agent: CarrierSBC/7.4\r\n"
    "Content-Type: application/sdp\r\nContent-Length: 281\r\n\r\n"
    "v=0\r\no=- 1790000000 1790000000 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    "m=audio 18840 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

inline constexpr std::string_view kRegister =
    "REGISTER sip:registrar.example.net SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 203.0.113.77:49152;branch=z9hG4bK-d8754z-7f3c1b2a9d0e4f56-1---d8754z-;rport"
    "\r\n"
    "Max-Forwards: 70\r\n"
    "Contact: <sip:100247@203.0.113.77:49152;rinstance=5c1fd2a97be04e61>\r\n"
    "To: \"Desk 247\" <sip:100247@registrar.example.net>\r\n"
    "From: \"Desk 247\" <sip:100247@registrar.example.net>;tag=9a8b7c6d\r\n"
    "Call-ID: ZTU4MjQ3NjFhYjE5NGZjMzk2ZDA3ZmQ5YzE1ZGVjYWE.\r\n"
    "CSeq: 2 REGISTER\r\n"
    "Expires: 3600\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n"
    "User-Agent: DeskPhone 5.2.1\r\n"
    "Authorization: Digest username=\"100247\",realm=\"registrar.example.net\","
    "nonce=\"65a1c0ffee1f2e3d4c5b6a7988796a5b\",uri=\"sip:registrar.example.net\","
    "response=\"0f1e2d3c4b5a69788796a5b4c3d2e1f0\",algorithm=MD5,qop=auth,nc=00000001,"
    "cnonce=\"7c9e6679f7425d40\"\r\n"
    "Content-Length: 0\r\n\r\n";

inline constexpr std::string_view kOk =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKt01a7f3c0000002b;rport=5060"
    ";received=198.51.100.1\r\n"
    "Record-Route: <sip:192.0.2.33;lr;ftag=77aa01>\r\n"
    "From: <sip:4989555123@198.51.100.1;user=phone>;tag=77aa01\r\n"
    "To: <sip:4930123456789@192.0.2.20;user=phone>;tag=as5d2f0c31\r\n"
    "Call-ID: 0000002b-4f1d-9c3e-01a7@198.51.100.1\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:4930123456789@192.0.2.20:5060>\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, UPDATE\r\n"
    "Supported: replaces, timer\r\n"
    "Session-Expires: 1800;refresher=uas\r\n"
    "Server: MediaGW 3.1\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 231\r\n\r\n"
    "v=0\r\no=gw 31337 31338 IN IP4 192.0.2.21\r\ns=call\r\nc=IN IP4 192.0.2.21\r\nt=0 0\r\n"
    "m=audio 21044 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=silenceSupp:off - - - -\r\na=ptime:20\r\na=sendrecv\r\n";

inline constexpr std::array<Sample, 3> kSamples{{
    {"invite", kInvite},
    {"register", kRegister},
    {"ok", kOk},
}};

// The session description of a sample.
constexpr std::string_view body_of(std::string_view bytes) {
  return bytes.substr(bytes.find("\r\n\r\n") + 4);
}
// Said in Content-Length above.
static_assert(body_of(kInvite).size() == 281 && body_of(kOk).size() == 231);

}  // namespace tandem::perf
