// An IP address, and an address with a port. Plain structs without padding surprises: they cross
// the corridor as they are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace tandem::base {

enum class Family : std::uint8_t { kNone = 0, kIp4 = 4, kIp6 = 6 };

struct IpAddress {
  // Network order; an IPv4 address uses the first four, the rest are zero.
  std::array<std::uint8_t, 16> bytes{};
  Family family = Family::kNone;
  std::array<std::uint8_t, 3> reserved{};

  static IpAddress ip4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  // `network_order` as it stands in an IPv4 header.
  static IpAddress ip4_raw(std::uint32_t network_order);
  static std::optional<IpAddress> parse(std::string_view text);  // "192.0.2.1", "2001:db8::1"

  bool is_ip4() const { return family == Family::kIp4; }
  bool is_set() const { return family != Family::kNone; }
  // Nobody's on the Internet (RFC 1918, 6598, 4193).
  bool is_private() const;
  std::uint32_t ip4_network_order() const;
  std::string text() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};
static_assert(sizeof(IpAddress) == 20 && std::is_trivially_copyable_v<IpAddress>);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // host order
  std::array<std::uint8_t, 2> reserved{};

  // "192.0.2.1:5060", "[2001:db8::1]:5060"; without a port `default_port` is taken.
  static std::optional<Endpoint> parse(std::string_view text, std::uint16_t default_port);
  std::string text() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
static_assert(sizeof(Endpoint) == 24 && std::is_trivially_copyable_v<Endpoint>);

struct EndpointHash {
  std::size_t operator()(const Endpoint& e) const;
};

// An IPv4 network, "10.1.0.0/16".
struct Ip4Prefix {
  std::uint32_t network_order = 0;
  std::uint8_t length = 0;  // bits

  // The whole text with its host part kept: "10.77.1.1/24" gives address 10.77.1.1, length 24.
  static std::optional<Ip4Prefix> parse(std::string_view text);
  // Same network as this address?
  bool covers(std::uint32_t address_network_order) const;
};

}  // namespace tandem::base
