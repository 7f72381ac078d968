#include "controlplane/registrar/binding_table.h"

namespace tandem::registrar {

void BindingTable::forget(const AccountKey& key) {
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.door);
  const auto found = stripe.aors.find(key);
  if (found == stripe.aors.end()) return;
  count(-found->second.bindings.size());
  stripe.aors.erase(found);
}

std::uint32_t BindingTable::tend(std::uint32_t index, base::Nanos now) {
  Stripe& stripe = (*stripes_)[index % kStripes];
  std::uint32_t gone = 0;
  const std::lock_guard lock(stripe.door);
  for (auto entry = stripe.aors.begin(); entry != stripe.aors.end();) {
    gone += sip::drop_expired(entry->second.bindings, now);
    entry = entry->second.bindings.empty() ? stripe.aors.erase(entry) : std::next(entry);
  }
  count(-std::size_t{gone});
  return gone;
}

}  // namespace tandem::registrar
