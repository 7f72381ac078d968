#include "drivers/base/endpoint.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include "drivers/base/text.h"

namespace tandem::base {

IpAddress IpAddress::ip4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress out;
  out.family = Family::kIp4;
  out.bytes = {a, b, c, d};
  return out;
}

IpAddress IpAddress::ip4_raw(std::uint32_t network_order) {
  IpAddress out;
  out.family = Family::kIp4;
  std::memcpy(out.bytes.data(), &network_order, sizeof network_order);
  return out;
}

namespace {

// Four decimal numbers of at most 255 without leading zeros, as inet_pton has it; written out here
// since every message and description has several.
bool read_ip4(std::string_view text, std::uint8_t* bytes) {
  std::size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    if (i != 0 && (at == text.size() || text[at++] != '.')) return false;
    const std::size_t begin = at;
    unsigned number = 0;
    while (at < text.size() && at < begin + 3 && is_digit(text[at])) {
      number = number * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    const bool padded = at - begin > 1 && text[begin] == '0';
    if (at == begin || padded || number > 255) return false;
    bytes[i] = static_cast<std::uint8_t>(number);
  }
  return at == text.size();
}

std::string ip4_text(const std::uint8_t* bytes) {
  char out[16];
  char* at = out;
  for (int i = 0; i < 4; ++i) {
    if (i != 0) *at++ = '.';
    at = std::to_chars(at, out + sizeof out, unsigned{bytes[i]}).ptr;
  }
  return {out, at};
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress out;
  if (read_ip4(text, out.bytes.data())) {
    out.family = Family::kIp4;
    return out;
  }
  out.bytes = {};
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton would stop there
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  if (inet_pton(AF_INET6, terminated, out.bytes.data()) == 1) {
    out.family = Family::kIp6;
    return out;
  }
  return std::nullopt;
}

bool IpAddress::is_private() const {
  if (!is_ip4()) return is_set() && (bytes[0] & 0xfe) == 0xfc;
  return bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) ||
         (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64);
}

std::uint32_t IpAddress::ip4_network_order() const {
  std::uint32_t raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  return raw;
}

std::string IpAddress::text() const {
  if (!is_set()) return "none";
  if (is_ip4()) return ip4_text(bytes.data());
  char out[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (!rest.empty()) {
      if (rest.front() != ':' || rest.size() == 1) return std::nullopt;
      port = rest.substr(1);
    }
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return std::nullopt;
  }
  Endpoint out;
  out.port = default_port;
  const auto address = IpAddress::parse(host);
  if (!address) return std::nullopt;
  out.address = *address;
  if (!port.empty()) {
    const auto number = parse_uint(port, 65535);
    if (!number || *number == 0) return std::nullopt;
    out.port = static_cast<std::uint16_t>(*number);
  }
  return out;
}

std::string Endpoint::text() const {
  const auto host = address.text();
  return (address.family == Family::kIp6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::size_t EndpointHash::operator()(const Endpoint& e) const {
  const std::string_view raw(reinterpret_cast<const char*>(e.address.bytes.data()),
                             e.address.bytes.size());
  return std::hash<std::string_view>{}(raw)*31 + e.port;
}

std::optional<Ip4Prefix> Ip4Prefix::parse(std::string_view text) {
  const auto host = split_first(text, '/');
  const auto address = IpAddress::parse(host);
  const auto bits = parse_uint(text, 32);
  if (!address || !address->is_ip4() || !bits) return std::nullopt;
  return Ip4Prefix{address->ip4_network_order(), static_cast<std::uint8_t>(*bits)};
}

bool Ip4Prefix::covers(std::uint32_t address_network_order) const {
  if (length == 0) return true;
  const std::uint32_t mask = htonl(~std::uint32_t{0} << (32 - length));
  return (network_order & mask) == (address_network_order & mask);
}

}  // namespace tandem::base
