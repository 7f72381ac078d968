// The Contacts of a gateway's 3xx that a call has still to try (RFC 3261 §8.1.3.4): the likeliest
// first, none twice, no more than a limit for the whole call. Owner: the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/sip/message.h"
#include "drivers/base/endpoint.h"

namespace tandem::calls {

class Redirects {
 public:
  struct Target {
    std::string user;  // of the URI, still escaped
    base::Endpoint address;
    double q = 1;
    friend bool operator==(const Target& a, const Target& b) {
      return a.user == b.user && a.address == b.address;
    }
  };

  // Its SIP URIs with an IP address, by q, before what waits from an earlier one.
  void add(const sip::Message& response);
  // No value: there are no more, or `limit` have been given out.
  std::optional<Target> next(std::uint64_t limit);

 private:
  std::vector<Target> waiting_;
  std::vector<Target> given_;
};

}  // namespace tandem::calls
