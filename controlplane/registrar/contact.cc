#include "controlplane/registrar/contact.h"

namespace tandem::registrar {

Contact contact_of(const sip::Binding& binding) {
  // A Request-URI has no headers (RFC 3261 §19.1.1).
  std::string_view target = binding.uri();
  const auto whole = sip::parse_uri(target);
  if (whole && !whole->headers.empty()) target.remove_suffix(whole->headers.size() + 1);
  Contact out{.uri = std::string(target),
              .route = std::string(binding.path()),
              .path = binding.way,
              .q = binding.q};
  // In the dialog too, whatever its answer says (a Contact of a third party's, for one).
  out.path.observed = true;
  out.path.own_flow_only = binding.behind_nat;
  // Where it says that it is, unless something stands between: a proxy, a NAT; a connection leads
  // to it itself (RFC 5626).
  const bool direct = out.route.empty() && !binding.behind_nat && out.path.flow == 0;
  const auto uri = direct ? sip::parse_uri(binding.uri()) : std::nullopt;
  const auto address = uri ? base::IpAddress::parse(uri->host) : std::nullopt;
  if (address) {
    out.path.remote.address = *address;
    out.path.remote.port = uri->port != 0 ? uri->port : sip::default_port(out.path.protocol);
  }
  return out;
}

}  // namespace tandem::registrar
