// How a request outside a dialog is sent to a registered contact. Pure.
#pragma once

#include <string>

#include "controlplane/sip/registration.h"

namespace tandem::registrar {

struct Contact {
  std::string uri;    // the Request-URI
  std::string route;  // Route's value (RFC 3327); empty: none
  sip::Path path;
  std::uint16_t q = 0;  // thousandths
};

Contact contact_of(const sip::Binding& binding);

}  // namespace tandem::registrar
