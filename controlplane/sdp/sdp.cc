#include "controlplane/sdp/sdp.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "controlplane/sdp/lines.h"
#include "drivers/base/text.h"

namespace tandem::sdp {
namespace {

// More are nobody's honest offer.
constexpr std::size_t kCryptoMax = 16;
constexpr std::size_t kFingerprintsMax = 8;

const base::IpAddress kHeld = base::IpAddress::ip4(0, 0, 0, 0);

// A CR within the line, or a NUL. No early end: so the compiler looks at many characters at once.
bool has_control(std::string_view text) {
  bool found = false;
  for (const char c : text) found |= c == '\r' || c == '\0';
  return found;
}

// "IN IP4 192.0.2.1", with or without a multicast TTL behind '/'. Unset: not an IP address.
base::IpAddress read_address(std::string_view text) {
  const auto network = next_word(text);
  const auto family = next_word(text);
  auto host = next_word(text);
  const auto address = base::IpAddress::parse(base::split_first(host, '/'));
  const bool fits = address && base::iequals(network, "IN") &&
                    base::iequals(family, address->is_ip4() ? "IP4" : "IP6");
  return fits ? *address : base::IpAddress{};
}

// "name" or "name:value"; the value of an attribute without one is empty.
std::optional<std::string_view> attribute(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  if (text.size() == name.size()) return std::string_view{};
  if (text[name.size()] != ':') return std::nullopt;
  return text.substr(name.size() + 1);
}

std::optional<Direction> direction_of(std::string_view text) {
  if (text == "sendrecv") return Direction::kSendRecv;
  if (text == "sendonly") return Direction::kSendOnly;
  if (text == "recvonly") return Direction::kRecvOnly;
  if (text == "inactive") return Direction::kInactive;
  return std::nullopt;
}

// RFC 3551 §6, tables 4 and 5.
struct StaticPayload {
  std::string_view format;
  std::string_view name;
  std::uint32_t clock_hz;
};
constexpr StaticPayload kStaticPayloads[] = {
    {"0", "PCMU", 8000},   {"3", "GSM", 8000},    {"4", "G723", 8000},   {"5", "DVI4", 8000},
    {"6", "DVI4", 16000},  {"7", "LPC", 8000},    {"8", "PCMA", 8000},   {"9", "G722", 8000},
    {"10", "L16", 44100},  {"11", "L16", 44100},  {"12", "QCELP", 8000}, {"13", "CN", 8000},
    {"14", "MPA", 90000},  {"15", "G728", 8000},  {"16", "DVI4", 11025}, {"17", "DVI4", 22050},
    {"18", "G729", 8000},  {"25", "CelB", 90000}, {"26", "JPEG", 90000}, {"28", "nv", 90000},
    {"31", "H261", 90000}, {"32", "MPV", 90000},  {"33", "MP2T", 90000}, {"34", "H263", 90000},
};

std::string_view first_format(const Media& media) {
  auto formats = media.formats;
  return next_word(formats);
}

bool is_rtp(const Media& media) { return media.protocol.find("RTP/") != npos; }

// Reads a description line by line. What the session says stands in for what a section doesn't.
class Reader {
 public:
  explicit Reader(std::string_view text) { out_.text = text; }
  base::Result<Description> read();

 private:
  base::Result<void> line(const Line& line);
  base::Result<void> media_line(std::string_view value);
  void attribute_line(std::string_view value);
  bool dtls_line(std::string_view value);
  base::Result<void> end_section();

  Description out_;
  base::IpAddress session_address_;
  bool session_connected_ = false;
  Direction session_direction_ = Direction::kSendRecv;
  Media session_;  // what it says of DTLS
  // The section that is being read.
  bool connected_ = false;
  std::uint16_t rtcp_port_ = 0;
  base::IpAddress rtcp_address_;
};

base::Result<Description> Reader::read() {
  auto rest = out_.text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto now = next_line(rest);
    if (now.text.empty() && base::trim(rest).empty()) break;  // blank lines at the end
    if (number == 1 && base::trim(now.text) != "v=0") return base::error("doesn't begin with v=0");
    if (has_control(now.text)) {
      return base::error(fmt::format("line {}: a control character", number));
    }
    if (now.type() < 'a' || now.type() > 'z') {
      return base::error(fmt::format("line {}: isn't type=value", number));
    }
    if (auto read = line(now); !read) {
      return base::error(fmt::format("line {}: {}", number, read.error_text()));
    }
  }
  if (out_.text.empty()) return base::error("is empty");
  if (auto last = end_section(); !last) return base::error(last.error_text());
  return std::move(out_);
}

base::Result<void> Reader::line(const Line& line) {
  switch (line.type()) {
    case 'm': {
      auto before = end_section();
      return before ? media_line(line.value()) : std::move(before);
    }
    case 'c':
      if (out_.media.empty()) {
        session_connected_ = true;
        session_address_ = read_address(line.value());
      } else if (!connected_) {
        connected_ = true;
        out_.media.back().rtp.address = read_address(line.value());
      }
      return {};
    case 'a':
      attribute_line(line.value());
      return {};
    default:
      return {};
  }
}

base::Result<void> Reader::media_line(std::string_view value) {
  if (out_.media.size() == Description::kMediaMax) {
    return base::error(fmt::format("more than {} m= sections", Description::kMediaMax));
  }
  Media media;
  media.type = next_word(value);
  auto port = next_word(value);
  const auto number = base::parse_uint(base::split_first(port, '/'), 65535);
  if (media.type.empty() || !number) return base::error("m= without a port");
  media.port = static_cast<std::uint16_t>(*number);
  media.protocol = next_word(value);
  media.formats = base::trim(value);
  if (media.protocol.empty()) return base::error("m= without a protocol");
  if (media.formats.empty() && media.port != 0) return base::error("m= without formats");
  media.direction = session_direction_;
  if (is_rtp(media)) {
    for (const auto& row : kStaticPayloads) {
      if (row.format != first_format(media)) continue;
      media.codec = row.name;
      media.clock_hz = row.clock_hz;
    }
  } else {
    media.codec = first_format(media);
  }
  out_.media.push_back(media);
  connected_ = false;
  rtcp_port_ = 0;
  rtcp_address_ = {};
  return {};
}

// What a session may say for all of its sections too. False: something else.
bool Reader::dtls_line(std::string_view value) {
  Media& media = out_.media.empty() ? session_ : out_.media.back();
  if (auto fingerprint = attribute(value, "fingerprint")) {
    if (media.fingerprints.size() < kFingerprintsMax) media.fingerprints.push_back(*fingerprint);
  } else if (auto setup = attribute(value, "setup")) {
    media.setup = base::trim(*setup);
  } else if (auto id = attribute(value, "tls-id")) {
    media.tls_id = base::trim(*id);
  } else {
    return false;
  }
  return true;
}

void Reader::attribute_line(std::string_view value) {
  if (dtls_line(value)) return;
  const auto direction = direction_of(value);
  if (out_.media.empty()) {
    if (direction) session_direction_ = *direction;
    return;
  }
  Media& media = out_.media.back();
  if (direction) {
    media.direction = *direction;
  } else if (value == "rtcp-mux") {
    media.rtcp_mux = true;
  } else if (auto crypto = attribute(value, "crypto")) {
    if (media.crypto.size() < kCryptoMax) media.crypto.push_back(*crypto);
  } else if (auto rtcp = attribute(value, "rtcp")) {
    rtcp_port_ = static_cast<std::uint16_t>(base::parse_uint(next_word(*rtcp), 65535).value_or(0));
    rtcp_address_ = read_address(*rtcp);
  } else if (auto map = attribute(value, "rtpmap")) {
    if (next_word(*map) != first_format(media)) return;
    auto encoding = next_word(*map);
    media.codec = base::split_first(encoding, '/');
    const auto clock = base::parse_uint(base::split_first(encoding, '/'), 1'000'000);
    if (clock && *clock != 0) media.clock_hz = static_cast<std::uint32_t>(*clock);
  }
}

base::Result<void> Reader::end_section() {
  if (out_.media.empty()) return {};
  Media& media = out_.media.back();
  if (!connected_) media.rtp.address = session_address_;
  if (media.fingerprints.empty()) media.fingerprints = session_.fingerprints;
  if (media.setup.empty()) media.setup = session_.setup;
  if (media.tls_id.empty()) media.tls_id = session_.tls_id;
  if (media.port == 0) return {};  // rejected or not offered: it needs no address
  if (!connected_ && !session_connected_) return base::error("an m= section without any c=");
  media.rtp.port = media.port;
  media.rtcp.address = rtcp_address_.is_set() ? rtcp_address_ : media.rtp.address;
  media.rtcp.port = rtcp_port_;
  if (rtcp_port_ == 0 && media.port < 65535) media.rtcp.port = media.port + 1;
  return {};
}

// By Security::Protocol.
constexpr std::array<std::string_view, 3> kProtocols{" RTP/AVP", " RTP/SAVP", " UDP/TLS/RTP/SAVP"};

// Copies a description line by line, our addresses in place of theirs.
class Rewriter {
 public:
  Rewriter(const Description& description, const std::vector<LocalMedia>& local)
      : description_(description), local_(local) {
    for (const LocalMedia& media : local) any_security_ |= media.security.has_value();
  }
  std::string write();

 private:
  const base::Endpoint* own(std::size_t section) const;
  const Security* security() const;
  base::IpAddress section_address() const;
  bool is_held(std::size_t section) const;
  void line(const Line& line, std::string_view behind);
  void origin_line(const Line& line);
  void connection_line(const Line& line);
  void media_line(const Line& line);
  void attribute_line(const Line& line);
  void put_address(const base::IpAddress& address);
  bool lacks_connection(std::string_view behind) const;
  void put_due_connection();
  void put_security();
  void put_rtcp_mux();
  void put_attribute(std::string_view attribute);

  const Description& description_;
  const std::vector<LocalMedia>& local_;
  base::IpAddress session_address_;
  bool in_session_ = true;
  bool any_security_ = false;
  std::size_t section_ = 0;
  bool connection_due_ = false;  // a c= line is to be added to the section
  std::string_view line_end_ = "\r\n";
  std::string out_;
};

// The end of ours that a section gets; nullptr: its port becomes 0.
const base::Endpoint* Rewriter::own(std::size_t section) const {
  if (section >= description_.media.size() || description_.media[section].port == 0) return nullptr;
  if (section >= local_.size() || local_[section].rtp.port == 0) return nullptr;
  return &local_[section].rtp;
}

// Of the section that is being written; nullptr: as it is.
const Security* Rewriter::security() const {
  if (in_session_ || section_ >= local_.size() || !local_[section_].security) return nullptr;
  return &*local_[section_].security;
}

base::IpAddress Rewriter::section_address() const {
  const auto* mine = own(section_);
  return mine == nullptr ? session_address_ : mine->address;
}

bool Rewriter::is_held(std::size_t section) const {
  return section < description_.media.size() && description_.media[section].rtp.address == kHeld;
}

void Rewriter::put_address(const base::IpAddress& address) {
  out_ += address.family == base::Family::kIp6 ? "IN IP6 " : "IN IP4 ";
  out_ += address.is_set() ? address.text() : "0.0.0.0";
}

std::string Rewriter::write() {
  out_.reserve(description_.text.size() + 64);
  for (std::size_t i = 0; i < description_.media.size() && !session_address_.is_set(); ++i) {
    if (const auto* mine = own(i)) session_address_ = mine->address;
  }
  // All rejected: our address all the same, where there is one.
  if (!session_address_.is_set() && !local_.empty()) session_address_ = local_[0].rtp.address;
  auto rest = description_.text;
  while (!rest.empty()) {
    const auto now = next_line(rest);
    line(now, rest);
  }
  put_due_connection();
  put_rtcp_mux();
  put_security();
  return std::move(out_);
}

void Rewriter::line(const Line& line, std::string_view behind) {
  if (line.type() != 'i') put_due_connection();  // RFC 8866 §5: m=, i=, c=
  if (!line.end.empty()) line_end_ = line.end;
  switch (line.type()) {
    case 'o':
      return origin_line(line);
    case 'c':
      return connection_line(line);
    case 'm':
      put_rtcp_mux();
      put_security();
      section_ = in_session_ ? 0 : section_ + 1;
      in_session_ = false;
      connection_due_ = lacks_connection(behind);
      return media_line(line);
    case 'a':
      return attribute_line(line);
    default:
      out_ += line.all;
  }
}

void Rewriter::connection_line(const Line& line) {
  if (read_address(line.value()) == kHeld) {
    out_ += line.all;
    return;
  }
  out_ += "c=";
  put_address(in_session_ ? session_address_ : section_address());
  out_ += line.end;
}

// The username and both numbers stay.
void Rewriter::origin_line(const Line& line) {
  auto rest = line.value();
  const auto user = next_word(rest);
  const auto id = next_word(rest);
  const auto version = next_word(rest);
  out_.append("o=").append(user.empty() ? "-" : user).append(" ");
  out_.append(id.empty() ? "0" : id)
      .append(" ")
      .append(version.empty() ? "0" : version)
      .append(" ");
  put_address(session_address_);
  out_ += line.end;
}

void Rewriter::media_line(const Line& line) {
  auto rest = line.value();
  next_word(rest);
  const auto port = next_word(rest);
  const auto before = static_cast<std::size_t>(port.data() - line.text.data());
  const auto* mine = own(section_);
  out_ += line.text.substr(0, before);
  out_ += std::to_string(mine == nullptr ? 0 : mine->port);
  const auto* protection = security();
  if (protection == nullptr) {
    out_ += line.all.substr(before + port.size());
    return;
  }
  const auto protocol = next_word(rest);
  out_.append(kProtocols[static_cast<std::size_t>(protection->protocol)])
      .append(protection->feedback ? "F" : "");
  out_ += line.all.substr(static_cast<std::size_t>(protocol.data() - line.text.data()) +
                          protocol.size());
}

// At the end of its section.
void Rewriter::put_security() {
  const auto* protection = security();
  if (protection == nullptr || own(section_) == nullptr) return;
  for (const std::string& one : protection->attributes) put_attribute(one);
}

// Likewise.
void Rewriter::put_rtcp_mux() {
  if (in_session_ || own(section_) == nullptr) return;
  const RtcpSaid said = local_[section_].rtcp;
  if (said == RtcpSaid::kOffered || said == RtcpSaid::kMuxed) put_attribute("rtcp-mux");
}

void Rewriter::put_attribute(std::string_view attribute) {
  if (!out_.ends_with('\n')) out_ += line_end_;
  out_.append("a=").append(attribute).append(line_end_);
}

// A section that lives on the session's c= while its end of ours has another address needs its own.
bool Rewriter::lacks_connection(std::string_view behind) const {
  if (section_address() == session_address_ || is_held(section_)) return false;
  while (!behind.empty()) {
    const auto next = next_line(behind);
    if (next.type() == 'c') return false;
    if (next.type() == 'm') break;
  }
  return true;
}

void Rewriter::put_due_connection() {
  if (!connection_due_) return;
  connection_due_ = false;
  const bool open = !out_.ends_with('\n');
  if (open) out_ += line_end_;
  out_ += "c=";
  put_address(section_address());
  if (!open) out_ += line_end_;
}

// What would lead media around us: we are no ICE agent, where RTCP goes is said anew, and each
// section has its own port (RFC 9143 needs both ends to agree on a bundle, and we don't).
bool leads_around(std::string_view value) {
  for (const std::string_view name : {"candidate", "rtcp-mux", "rtcp-mux-only", "remote-candidates",
                                      "end-of-candidates", "bundle-only"}) {
    if (attribute(value, name)) return true;
  }
  if (const auto group = attribute(value, "group")) {
    return *group == "BUNDLE" || group->starts_with("BUNDLE ");
  }
  return value.starts_with("ice-");
}

// What an offer or answer of SRTP consists of (RFC 4568, 4572, 4145, 8842).
bool is_security(std::string_view value) {
  for (const std::string_view name :
       {"crypto", "fingerprint", "setup", "connection", "tls-id", "key-mgmt", "3ge2ae"}) {
    if (attribute(value, name)) return true;
  }
  return false;
}

void Rewriter::attribute_line(const Line& line) {
  const auto value = line.value();
  if (leads_around(value)) return;
  const bool ours = in_session_ ? any_security_ : security() != nullptr;
  if (ours && is_security(value)) return;
  auto rtcp = attribute(value, "rtcp");
  if (!rtcp) {
    out_ += line.all;
    return;
  }
  const auto* mine = own(section_);
  if (in_session_ || mine == nullptr || mine->port == 65535) return;
  const RtcpSaid said = local_[section_].rtcp;
  if (said == RtcpSaid::kMuxed || said == RtcpSaid::kNoPort) return;
  out_ += "a=rtcp:" + std::to_string(mine->port + 1);
  next_word(*rtcp);
  if (!base::trim(*rtcp).empty()) {
    out_ += ' ';
    put_address(mine->address);
  }
  out_ += line.end;
}

}  // namespace

std::string_view static_encoding(std::string_view format) {
  for (const StaticPayload& payload : kStaticPayloads) {
    if (payload.format == format) return payload.name;
  }
  return {};
}

bool Media::secure() const {
  return protocol.find("/SAVP") != npos || protocol.find("/savp") != npos;
}

bool Media::over_dtls() const { return secure() && base::istarts_with(protocol, "UDP/TLS/"); }

bool Media::feedback() const { return protocol.ends_with('F') || protocol.ends_with('f'); }

base::Result<Description> parse(std::string_view text) { return Reader(text).read(); }

std::string rewrite(const Description& description, const std::vector<LocalMedia>& local) {
  return Rewriter(description, local).write();
}

}  // namespace tandem::sdp
