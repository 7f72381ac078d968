// The registrars that we are registered with, as the calls of one shard see them: where a call is
// sent through one, what proves who we are, and whose call one that came in is. Each shard has one,
// all alike but for their nonces, which every shard counts for itself. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/registrar/outbound_record.h"
#include "controlplane/sip/digest_client.h"

namespace tandem::registrar {

// A registration of ours as it is to be. Made on the main thread, the same for all shards.
struct OutboundOrder {
  OutboundRecord record;
  sip::Path way;                         // our end
  std::string fault{};                   // why it can't be: the site has no such way
  std::vector<base::Endpoint> places{};  // the far end; none: its name isn't found yet
};

struct Upstream {
  std::string name;
  sip::Path path{};     // where its calls go; no remote: nowhere yet
  std::string domain;   // of the Request-URI
  std::string user;     // ours with it: of From where it wants one, and of the Contact
  std::string contact;  // a header value, by which calls that come from it are known
  // What its TLS certificate must be for: the name that was asked for (RFC 5922 §4); empty: its
  // address.
  std::string host;
  std::vector<base::Endpoint> places{};  // where it may send from
  bool registered = false;
  // Whoever holds it goes on when the registration is removed.
  std::shared_ptr<sip::DigestClient> credentials;
};

class Upstreams {
 public:
  // `challenges`: SS_SIP_AUTHENTICATION_RETRY. `random` outlives this.
  Upstreams(std::uint64_t challenges, base::Random& random)
      : challenges_(challenges), random_(random) {}

  // nullptr: there is no such registration.
  const Upstream* find(std::string_view name) const;
  // Whose call it is that came from there for this user (of its Request-URI). nullptr: of none.
  const Upstream* owner_of(std::string_view user, const base::Endpoint& source) const;
  // One of them is at this address.
  bool knows(const base::IpAddress& address) const;
  // What its certificate must be for; empty: its address, or nobody is there.
  std::string server_name(const base::Endpoint& peer) const;

  // Adds or changes; the credentials stay the same object, with their nonces as long as user and
  // password are the same.
  const Upstream& put(const OutboundOrder& order);
  void erase(std::string_view name);
  // `at`: which of its places has taken the registration.
  void note(std::string_view name, bool registered, const base::Endpoint& at);

 private:
  std::uint64_t challenges_;
  base::Random& random_;
  std::unordered_map<std::string, Upstream> upstreams_;
  void count(const std::vector<base::Endpoint>& places, int by);

  std::unordered_map<base::Endpoint, int, base::EndpointHash> addresses_;  // with port 0
  // By user: several with different registrars.
  std::unordered_multimap<std::string, std::string> names_;
};

// The Contact of our REGISTERs, and of calls through it.
std::string outbound_contact(const std::string& user, const sip::Path& way);

}  // namespace tandem::registrar
