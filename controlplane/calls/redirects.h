// The Contacts of a gateway's 3xx that a call has still to try (RFC 3261 §8.1.3.4): the likeliest
// first, none twice, no more than a limit for the whole call. Owner: the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/sip/message.h"

namespace tandem::calls {

class Redirects {
 public:
  struct Target {
    std::string user;        // of a SIP URI, still escaped; the number of a tel URI, or as asked
    std::string host;        // an address or a name, in lower case; empty: a tel URI
    std::uint16_t port = 0;  // 0: not said
    double q = 1;
    friend bool operator==(const Target& a, const Target& b) {
      return a.user == b.user && a.host == b.host && a.port == b.port;
    }
  };

  // Its sip and tel URIs, by q, before what waits from an earlier one. `asked`: the number that was
  // asked for there, which a SIP URI without a user part means.
  void add(const sip::Message& response, const std::string& asked);
  // No value: there are no more, or `limit` have been asked.
  std::optional<Target> next(std::uint64_t limit);
  // The last one given out leads to a gateway, which is being asked.
  void note_asked() { ++asked_; }

 private:
  std::vector<Target> waiting_;
  std::vector<Target> given_;
  std::uint64_t asked_ = 0;
};

}  // namespace tandem::calls
