// Which DNS names tell where a host's SIP service is (RFC 3263 §4.1). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/transport.h"

namespace tandem::sip {

// RFC 3403 §4, as far as SIP needs it.
struct NaptrRecord {
  std::uint16_t order = 0;
  std::uint16_t preference = 0;
  std::string flags;
  std::string service;
  std::string replacement;
};

// "_sip._udp.example.net": the SRV name where no NAPTR record says otherwise (§4.1, last part).
std::string srv_name(std::string_view host, Protocol protocol);
// The SRV name that the NAPTR records give for this protocol; empty: none serves it.
std::string srv_name(std::span<const NaptrRecord> records, Protocol protocol);

}  // namespace tandem::sip
