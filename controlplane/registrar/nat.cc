#include "controlplane/registrar/nat.h"

#include <algorithm>

namespace tandem::registrar {
namespace {

bool is_elsewhere(std::string_view host, const base::IpAddress& source) {
  const auto address = base::IpAddress::parse(host);
  return address && !(*address == source);
}

}  // namespace

bool behind_nat(const sip::Message& request, const sip::RegisterWish& wish,
                const base::IpAddress& source) {
  if (!wish.path.empty()) return false;
  if (is_elsewhere(request.top_via().host, source)) return true;
  return std::any_of(wish.contacts.begin(), wish.contacts.end(),
                     [&](const auto& contact) { return is_elsewhere(contact.uri.host, source); });
}

}  // namespace tandem::registrar
