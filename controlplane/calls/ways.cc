#include "controlplane/calls/ways.h"

namespace tandem::calls {

sip::Path way_to(const config::Site& site, const config::Gateway& gateway,
                 const base::Endpoint& remote) {
  sip::Path path;
  path.remote = remote;
  if (gateway.listener) {
    const config::Listener& listener = site.listeners[*gateway.listener];
    path.local = listener.address;
    path.protocol = listener.protocol;
    path.large_by_tcp = gateway.large_by_tcp;
  } else {
    const config::Port& port = site.ports[gateway.port];
    path.local.address = port.address;
    path.local.port = port.sip_port;
  }
  return path;
}

int media_port(const config::Site& site, const sip::Path& path) {
  for (const config::Listener& listener : site.listeners) {
    if (listener.address == path.local && listener.protocol == path.protocol) {
      return static_cast<int>(listener.port);
    }
  }
  return site.corridor.plan.index_of(path.local.address);
}

}  // namespace tandem::calls
