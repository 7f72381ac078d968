// Who is registered, and where: the bindings of each account that has any. Shared by all shards, in
// stripes with a lock each that is held for microseconds and, with a thousand of them, hardly ever
// waited for. What has run out is never seen; tend() clears it away. Any thread.
//
// Each binding has a place in its stripe as long as it lives, so that walks (BindingRound) meet
// each one once; and whoever keeps bindings on disk is told which accounts have changed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controlplane/registrar/account_table.h"
#include "controlplane/sip/registration.h"
#include "drivers/base/packed_text.h"

namespace tandem::registrar {

// Finds a binding again, and never another one.
struct BindingId {
  std::uint32_t stripe = 0;
  std::uint32_t place = 0;
  std::uint32_t life = 0;  // of the place; 0: nobody's
};

class BindingTable {
 public:
  static constexpr std::uint32_t kStripes = 1024;

  BindingTable() : stripes_(std::make_unique<std::array<Stripe, kStripes>>()) {}

  // Calls change(bindings) with an account's bindings, under its stripe's lock: whatever else it
  // looks at there, it sees as it was before or after each forget() of the account, never between.
  // `name`: of the account, for people. A change that says false has changed nothing.
  template <typename Change>
  void with(const AccountKey& key, std::string_view name, Change&& change) {
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.door);
    Entry& entry = *stripe.aors.try_emplace(key).first;
    if (entry.second.name.empty()) entry.second.name = name;
    const Places before = places_of(entry);
    bool changed = true;
    if constexpr (std::is_void_v<std::invoke_result_t<Change, std::vector<sip::Binding>&>>)
      change(entry.second.bindings);
    else
      changed = change(entry.second.bindings);
    settle(stripe, entry, before, changed);
  }

  // Calls look(name, bindings), under its stripe's lock, with those of an account that has any;
  // some may have run out.
  template <typename Look>
  void look(const AccountKey& key, Look&& look) {
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.door);
    const auto found = stripe.aors.find(key);
    if (found != stripe.aors.end())
      look(std::string_view(found->second.name), found->second.bindings);
  }

  // Calls note(binding) with the one that has this id, if it is still there. What is noted (when it
  // was heard) isn't kept on disk.
  template <typename Note>
  void note(const BindingId& id, Note&& note) {
    Stripe& stripe = (*stripes_)[id.stripe % kStripes];
    const std::lock_guard lock(stripe.door);
    if (id.place >= stripe.places.size()) return;
    const Place& place = stripe.places[id.place];
    if (place.owner == nullptr || place.life != id.life) return;
    if (sip::Binding* binding = binding_at(place, id.place)) note(*binding);
  }

  // All of an account's are gone.
  void forget(const AccountKey& key);

  // Clears away what has run out in one stripe; returns how many bindings.
  std::uint32_t tend(std::uint32_t stripe, base::Nanos now);

  // Calls visit(name, binding) for those that haven't run out, until it says false.
  template <typename Visit>
  void each(base::Nanos now, Visit&& visit) const {
    for (const Stripe& stripe : *stripes_) {
      const std::lock_guard lock(stripe.door);
      for (const auto& [key, aor] : stripe.aors) {
        for (const sip::Binding& binding : aor.bindings) {
          if (binding.expires > now && !visit(std::string_view(aor.name), binding)) return;
        }
      }
    }
  }

  // Those that have just run out are still counted.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t behind_nat() const { return nats_.load(std::memory_order_relaxed); }

  // For whoever keeps them on disk. From keep_track() on, take_changes() tells of each account that
  // has changed since it was told of last, as it is now: row(name, bindings), no bindings when they
  // are gone. At most `most` of one stripe; true: there are more.
  // Between keep_track() and all_restored(), what restore() brings is put in unless the account has
  // changed meanwhile: what phones say is newer.
  void keep_track();
  bool restore(const AccountKey& key, std::string_view name, std::vector<sip::Binding> bindings);
  void all_restored();
  bool restoring() const { return restoring_.load(std::memory_order_acquire); }
  template <typename Row>
  bool take_changes(std::uint32_t index, std::size_t most, Row&& row) {
    Stripe& stripe = (*stripes_)[index];
    const std::lock_guard lock(stripe.door);
    for (; most != 0 && !stripe.gone.empty(); --most) {
      row(std::string_view(stripe.gone.begin()->second), std::vector<sip::Binding>{});
      stripe.gone.erase(stripe.gone.begin());
    }
    for (; most != 0 && !stripe.changed.empty(); --most) {
      const auto found = stripe.aors.find(*stripe.changed.begin());
      row(std::string_view(found->second.name), found->second.bindings);
      stripe.changed.erase(stripe.changed.begin());
    }
    return !stripe.gone.empty() || !stripe.changed.empty();
  }

 private:
  friend class BindingRound;

  struct Aor {
    base::PackedText name;
    std::vector<sip::Binding> bindings;
  };
  struct KeyHash {
    // noexcept: else the table keeps each key's hash.
    std::size_t operator()(const AccountKey& key) const noexcept { return key.low; }
  };
  using Aors = std::unordered_map<AccountKey, Aor, KeyHash>;
  using Entry = Aors::value_type;
  struct Place {
    Entry* owner = nullptr;       // nullptr: free
    std::uint32_t life = 0;       // which binding in a row has it
    std::uint32_t next : 31 = 0;  // of a free one: the next free one, counted from 1
    std::uint32_t nat : 1 = 0;
  };
  static_assert(sizeof(Place) == 16);
  struct alignas(64) Stripe {
    mutable std::mutex door;
    Aors aors;
    std::vector<Place> places;
    std::uint32_t free = 0;  // the first free place, counted from 1; 0: none
    // How many places are taken, how many by phones behind NAT. Read without the lock.
    std::atomic<std::uint32_t> taken{0};
    std::atomic<std::uint32_t> nats{0};
    // What has not been told of yet: accounts with bindings, and names of those without any.
    std::unordered_set<AccountKey, KeyHash> changed;
    std::unordered_map<AccountKey, base::PackedText, KeyHash> gone;
    std::unordered_set<AccountKey, KeyHash> touched;  // while there is something to be restored
  };
  // An account's places, counted from 1.
  struct Places {
    std::array<std::uint32_t, sip::RegistrationPolicy::kContactsMax> numbers;
    std::size_t count = 0;
  };

  Stripe& stripe_of(const AccountKey& key) { return (*stripes_)[key.high % kStripes]; }
  static Places places_of(const Entry& entry);
  static sip::Binding* binding_at(const Place& place, std::uint32_t index);
  void take_place(Stripe& stripe, Entry& entry, sip::Binding& binding);
  void free_place(Stripe& stripe, std::uint32_t number);
  void set_nat(Stripe& stripe, Place& place, bool nat);
  // Makes places, marks and counts right after a change, and takes an account without bindings out;
  // `before`: the places that it had.
  void settle(Stripe& stripe, Entry& entry, const Places& before, bool changed);

  std::unique_ptr<std::array<Stripe, kStripes>> stripes_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> nats_{0};
  std::atomic<bool> tracks_{false};
  std::atomic<bool> restoring_{false};
};

}  // namespace tandem::registrar
