// Who is registered, and where: the bindings of each account that has any. Shared by all shards, in
// stripes with a lock each that is held for microseconds and, with a thousand of them, hardly ever
// waited for. What has run out is never seen; tend() clears it away. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/registrar/account_table.h"
#include "controlplane/sip/registration.h"

namespace tandem::registrar {

class BindingTable {
 public:
  static constexpr std::uint32_t kStripes = 1024;

  BindingTable() : stripes_(std::make_unique<std::array<Stripe, kStripes>>()) {}

  // Calls change(bindings) with an account's bindings, under its stripe's lock: whatever else it
  // looks at there, it sees as it was before or after each forget() of the account, never between.
  // `name`: of the account, for people.
  template <typename Change>
  void with(const AccountKey& key, std::string_view name, Change&& change) {
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.door);
    auto& aor = stripe.aors[key];
    const std::size_t before = aor.bindings.size();
    change(aor.bindings);
    count(aor.bindings.size() - before);
    if (aor.bindings.empty()) {
      stripe.aors.erase(key);
    } else if (aor.name.empty()) {
      aor.name = name;
    }
  }

  // Calls look(name, bindings), under its stripe's lock, with those of an account that has any;
  // some may have run out.
  template <typename Look>
  void look(const AccountKey& key, Look&& look) {
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.door);
    const auto found = stripe.aors.find(key);
    if (found != stripe.aors.end()) look(found->second.name, found->second.bindings);
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
          if (binding.expires > now && !visit(aor.name, binding)) return;
        }
      }
    }
  }

  // Those that have just run out are still counted.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Aor {
    std::string name;
    std::vector<sip::Binding> bindings;
  };
  struct KeyHash {
    std::size_t operator()(const AccountKey& key) const { return key.low; }
  };
  struct alignas(64) Stripe {
    mutable std::mutex door;
    std::unordered_map<AccountKey, Aor, KeyHash> aors;
  };

  Stripe& stripe_of(const AccountKey& key) { return (*stripes_)[key.high % kStripes]; }
  void count(std::size_t more) { size_.fetch_add(more, std::memory_order_relaxed); }

  std::unique_ptr<std::array<Stripe, kStripes>> stripes_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace tandem::registrar
