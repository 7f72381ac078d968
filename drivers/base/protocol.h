// What carries SIP between two ends.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::base {

enum class Protocol : std::uint8_t { kUdp, kTcp, kTls };

// TCP and TLS: nothing is lost on the way, so nothing is retransmitted (RFC 3261 §17).
constexpr bool is_reliable(Protocol protocol) { return protocol != Protocol::kUdp; }

// As a Via header writes it (RFC 3261 §20.42).
constexpr std::string_view protocol_name(Protocol protocol) {
  if (protocol == Protocol::kTcp) return "TCP";
  return protocol == Protocol::kTls ? "TLS" : "UDP";
}

// The port of a peer that names none (RFC 3261 §19.1.2).
constexpr std::uint16_t default_port(Protocol protocol) {
  return protocol == Protocol::kTls ? 5061 : 5060;
}

}  // namespace tandem::base
