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

bool behind_nat(const sip::Message& invite, const base::IpAddress& source) {
  if (!invite.value(sip::HeaderId::kRecordRoute).empty()) return false;
  const sip::NameAddr* contact = invite.contact();
  return is_elsewhere(invite.top_via().host, source) ||
         (contact != nullptr && is_elsewhere(contact->uri.host, source));
}

}  // namespace tandem::registrar
