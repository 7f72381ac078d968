// Whether a phone that registers is behind a NAT: what it calls itself differs from where its
// packets come from. Pure.
#pragma once

#include "controlplane/sip/message.h"
#include "controlplane/sip/registration.h"
#include "controlplane/sip/transport.h"

namespace tandem::registrar {

// By the Via and the Contacts, where they say addresses; names say nothing. A request that came by
// way of a proxy (Path) is that proxy's to look after.
bool behind_nat(const sip::Message& request, const sip::RegisterWish& wish,
                const base::IpAddress& source);

}  // namespace tandem::registrar
