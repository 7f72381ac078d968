// An OPTIONS of the switch itself outside any dialog (RFC 3261 §11.1): whether somebody is there.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/environment.h"

namespace tandem::sip {

struct OptionsRequest {
  ClientId id;  // of a transaction that has begun
  const Path& path;
  std::string_view uri;      // Request-URI
  std::string_view to;       // To's URI
  std::string_view route{};  // Route's value; empty: none
};

// Its Call-ID leads the answer back to this shard (wire::shard_of_datagram). Empty: it would be too
// large.
std::string options_request(Environment& env, ClientTransactions& transactions,
                            const OptionsRequest& request);

}  // namespace tandem::sip
