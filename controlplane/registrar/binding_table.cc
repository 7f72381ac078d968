#include "controlplane/registrar/binding_table.h"

#include <algorithm>

#include "drivers/base/check.h"

namespace tandem::registrar {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// In one stripe; what Place::next counts to.
constexpr std::uint32_t kPlacesMax = (1u << 31) - 1;

}  // namespace

BindingTable::Places BindingTable::places_of(const Entry& entry) {
  Places out;
  for (const sip::Binding& binding : entry.second.bindings) {
    out.numbers[out.count++] = binding.place;
  }
  return out;
}

sip::Binding* BindingTable::binding_at(const Place& place, std::uint32_t index) {
  for (sip::Binding& binding : place.owner->second.bindings) {
    if (binding.place == index + 1) return &binding;
  }
  return nullptr;
}

void BindingTable::take_place(Stripe& stripe, Entry& entry, sip::Binding& binding) {
  if (stripe.free == 0) {
    CHECK(stripe.places.size() < kPlacesMax);
    stripe.places.emplace_back();
    stripe.free = static_cast<std::uint32_t>(stripe.places.size());
  }
  binding.place = stripe.free;
  Place& place = stripe.places[binding.place - 1];
  stripe.free = place.next;
  place.owner = &entry;
  ++place.life;
  if (place.life == 0) place.life = 1;
  stripe.taken.fetch_add(1, kRelaxed);
  size_.fetch_add(1, kRelaxed);
}

void BindingTable::free_place(Stripe& stripe, std::uint32_t number) {
  Place& place = stripe.places[number - 1];
  set_nat(stripe, place, false);
  place.owner = nullptr;
  place.next = std::exchange(stripe.free, number) & kPlacesMax;
  stripe.taken.fetch_sub(1, kRelaxed);
  size_.fetch_sub(1, kRelaxed);
}

void BindingTable::set_nat(Stripe& stripe, Place& place, bool nat) {
  if ((place.nat != 0) == nat) return;
  place.nat = nat ? 1 : 0;
  if (nat) {
    stripe.nats.fetch_add(1, kRelaxed);
    nats_.fetch_add(1, kRelaxed);
  } else {
    stripe.nats.fetch_sub(1, kRelaxed);
    nats_.fetch_sub(1, kRelaxed);
  }
}

void BindingTable::settle(Stripe& stripe, Entry& entry, const Places& before, bool changed) {
  auto& bindings = entry.second.bindings;
  for (std::size_t i = 0; i < before.count; ++i) {
    const auto has = [&](const auto& binding) { return binding.place == before.numbers[i]; };
    if (std::none_of(bindings.begin(), bindings.end(), has)) free_place(stripe, before.numbers[i]);
  }
  for (sip::Binding& binding : bindings) {
    if (binding.place == 0) take_place(stripe, entry, binding);
    set_nat(stripe, stripe.places[binding.place - 1], binding.behind_nat);
  }
  const bool tells = changed && tracks_.load(kRelaxed);
  if (tells && restoring_.load(kRelaxed)) stripe.touched.insert(entry.first);
  if (tells && bindings.empty()) {
    stripe.changed.erase(entry.first);
    stripe.gone[entry.first] = std::move(entry.second.name);
  } else if (tells) {
    stripe.gone.erase(entry.first);
    stripe.changed.insert(entry.first);
  }
  if (bindings.empty()) stripe.aors.erase(stripe.aors.find(entry.first));
}

void BindingTable::forget(const AccountKey& key) {
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.door);
  const auto found = stripe.aors.find(key);
  if (found == stripe.aors.end()) {
    if (restoring_.load(kRelaxed)) stripe.touched.insert(key);
    return;
  }
  const Places before = places_of(*found);
  found->second.bindings.clear();
  settle(stripe, *found, before, true);
}

std::uint32_t BindingTable::tend(std::uint32_t index, base::Nanos now) {
  Stripe& stripe = (*stripes_)[index % kStripes];
  std::uint32_t gone = 0;
  const std::lock_guard lock(stripe.door);
  for (auto next = stripe.aors.begin(); next != stripe.aors.end();) {
    Entry& entry = *next++;  // settle() may take it out
    const Places before = places_of(entry);
    const std::uint32_t expired = sip::drop_expired(entry.second.bindings, now);
    if (expired != 0) settle(stripe, entry, before, true);
    gone += expired;
  }
  return gone;
}

void BindingTable::keep_track() {
  restoring_.store(true, kRelaxed);
  tracks_.store(true, kRelaxed);
}

bool BindingTable::restore(const AccountKey& key, std::string_view name,
                           std::vector<sip::Binding> bindings) {
  Stripe& stripe = stripe_of(key);
  const std::lock_guard lock(stripe.door);
  if (stripe.touched.contains(key)) {
    // Nobody else knows that it must go, as it was forgotten before it was here.
    if (!stripe.aors.contains(key)) stripe.gone[key] = name;
    return false;
  }
  Entry& entry = *stripe.aors.try_emplace(key).first;
  if (!entry.second.bindings.empty()) return false;
  entry.second.name = name;
  entry.second.bindings = std::move(bindings);
  settle(stripe, entry, {}, false);
  return true;
}

void BindingTable::all_restored() {
  restoring_.store(false, std::memory_order_release);
  for (Stripe& stripe : *stripes_) {
    const std::lock_guard lock(stripe.door);
    decltype(stripe.touched)().swap(stripe.touched);
  }
}

}  // namespace tandem::registrar
