// Where an INVITE goes, by which of our addresses SIP travels, and which port media take.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/config/site.h"
#include "controlplane/sip/transport.h"

namespace tandem::calls {

// Where an INVITE goes.
struct Aim {
  sip::Path path;
  std::string target;     // Request-URI
  std::string to;         // To's URI
  std::string route{};    // Route's value; empty: none
  std::uint32_t address;  // the port (index into Site::ports) for the media
};

// To a routing gateway that is reached at `remote`.
sip::Path way_to(const config::Site& site, const config::Gateway& gateway,
                 const base::Endpoint& remote);

// The port (index into Site::ports) for the media of whoever signals by this path; -1: it leads to
// none of our addresses.
int media_port(const config::Site& site, const sip::Path& path);

}  // namespace tandem::calls
